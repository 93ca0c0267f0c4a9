package main

import (
	"slices"
	"testing"
)

func TestMistypedVariablesAreNoticed(t *testing.T) {
	parser, err := newParser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := unheeded(parser.Model.Node, []string{
		"TIDEMARK_LOGKEEP=720h", "TIDEMARK_DATADIR", // mistyped
		"TIDEMARK_LOG_KEEP=720h", "TIDEMARK_NATS_URL=", "TIDEMARK_SLOT=here", "TIDEMARK_JWT_SECRET=x", // flags
		"TIDEMARK_SERVICE_HOST=10.0.0.1", "TIDEMARK_PORT=tcp://10.0.0.1:80", "TIDEMARK_PORT_80_TCP=x", // Kubernetes
		"HOME=/", "tidemark_log_keep=1h", "MY_TIDEMARK_LOGKEEP=1h",
	})
	if want := []string{"TIDEMARK_DATADIR", "TIDEMARK_LOGKEEP"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
