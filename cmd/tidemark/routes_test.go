package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/api/openapitest"
)

// TestServedRoutesAreTheDocumentedOnes: no route is undocumented, none is
// missing, and each lets in whom the document says.
func TestServedRoutesAreTheDocumentedOnes(t *testing.T) {
	document, err := openapitest.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, anonymousViews := range []bool{false, true} {
		cfg := &serveCmd{
			DataDir: t.TempDir(), Listen: "127.0.0.1:0", Roles: []string{roleCommand, roleQuery},
			AnonymousViews: anonymousViews, MaxBatch: 10, WaitLimit: time.Second, CommitLimit: time.Second,
			DedupeHorizon: 168 * time.Hour, CheckpointInterval: time.Minute, CheckpointBytes: 1 << 20,
		}
		a, err := newApp(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.close)
		if err := a.open(t.Context()); err != nil {
			t.Fatal(err)
		}
		routes, err := a.routes()
		if err != nil {
			t.Fatal(err)
		}
		if err := document.Compare(routes); err != nil {
			t.Error(err)
		}
	}
}
