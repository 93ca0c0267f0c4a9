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
		"TIDEMARK_LOGKEEP=720h", "TIDEMARK_DATADIR", "TIDEMARK_SERVICE_HOSTS=x", // mistyped
		"TIDEMARK_LOG_KEEP=720h", "TIDEMARK_NATS_URL=", "TIDEMARK_SLOT=here", "TIDEMARK_JWT_SECRET=x", // flags
		"TIDEMARK_SERVICE_HOST=10.0.0.1", "TIDEMARK_PORT=tcp://10.0.0.1:80", "TIDEMARK_PORT_80_TCP=x", "TIDEMARK_SERVICE_PORT=80",
		"TIDEMARK_OPS_SERVICE_HOST=10.0.0.1", "TIDEMARK_OPS_SERVICE_PORT_HTTP=80", "TIDEMARK_OPS_PORT=tcp://10.0.0.1:80", "TIDEMARK_OPS_PORT_80_TCP_ADDR=x", // Kubernetes
		"HOME=/", "tidemark_log_keep=1h", "MY_TIDEMARK_LOGKEEP=1h",
	})
	if want := []string{"TIDEMARK_DATADIR", "TIDEMARK_LOGKEEP", "TIDEMARK_SERVICE_HOSTS"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
