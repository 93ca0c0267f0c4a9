package command

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"syscall"
	"testing"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// An outage passes, a conflict does not: who asks must be able to tell them apart.
func TestRunProblemsTellOutagesFromConflicts(t *testing.T) {
	for _, c := range []struct {
		err    error
		slug   api.Slug
		status int
	}{
		{fmt.Errorf("%w: no responders", replay.ErrUnreachable), api.LogUnavailable, http.StatusServiceUnavailable},
		{&replay.MemoryError{Models: 1}, api.Overloaded, http.StatusServiceUnavailable},
		{fmt.Errorf("remember the runs: %w", &fs.PathError{Op: "write", Path: "runs.json", Err: syscall.ENOSPC}), api.StorageFull, http.StatusServiceUnavailable},
		{replay.ErrNotRunning, api.NotReady, http.StatusServiceUnavailable},
		{replay.ErrBusy, api.Conflict, http.StatusConflict},
		{replay.ErrNotCovered, api.Conflict, http.StatusConflict},
		{projector.ErrNoRebuild, api.Conflict, http.StatusConflict},
		{projector.ErrNothingToDiscard, api.Conflict, http.StatusConflict},
		{replay.ErrNoRun, api.NotFound, http.StatusNotFound},
	} {
		var p *api.Problem
		if err := runProblem(c.err); !errors.As(err, &p) || p.Type != c.slug || p.Status != c.status || c.status == http.StatusServiceUnavailable && p.RetryAfter == 0 {
			t.Errorf("%v is told as %v", c.err, err)
		}
	}
}
