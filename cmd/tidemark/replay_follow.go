package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidemark-io/tidemark/internal/sleep"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// adminRun is one run as the admin API tells of it: its result is of its kind.
type adminRun struct {
	replay.Run
	Result json.RawMessage `json:"result,omitempty"`
}

// runsPath is where runs are begun.
const runsPath = "/v1/admin/replay/"

// start begins a run and follows it to its end. With detach it only begins it.
func (c *adminClient) start(ctx context.Context, kind string, body any, detach bool) (*adminRun, error) {
	var started struct {
		ID string `json:"run_id"`
	}
	if err := c.post(ctx, runsPath+kind, body, &started); err != nil {
		return nil, err
	}
	if detach {
		return c.run(ctx, started.ID)
	}
	return c.follow(ctx, started.ID)
}

func (c *adminClient) run(ctx context.Context, id string) (*adminRun, error) {
	r := &adminRun{}
	return r, c.get(ctx, "/v1/admin/replay/runs/"+id, r)
}

// follow waits for the end of a run and shows how far it is. The run goes on in
// the service whatever becomes of who follows it.
func (c *adminClient) follow(ctx context.Context, id string) (*adminRun, error) {
	shown := newProgress()
	defer shown.end()
	wait := followFirst
	for {
		r, err := c.run(ctx, id)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, fmt.Errorf("the run goes on in the service: see tidemark replay runs %s, or end it with: tidemark replay cancel %s", id, id)
		case err != nil:
			return nil, err
		case r.State != replay.StateRunning:
			return r, nil
		}
		shown.show(string(r.Kind), r.Progress)
		if sleep.For(ctx, wait) {
			wait = min(2*wait, shown.every)
		}
	}
}

// ended turns the end of a run into what a command returns: the result in out,
// or why there is none. A run that failed may have a result all the same.
func (r *adminRun) ended(out any) error {
	if len(r.Result) > 0 && out != nil {
		if err := json.Unmarshal(r.Result, out); err != nil {
			return fmt.Errorf("read the result of run %s: %w", r.ID, err)
		}
	}
	switch r.State {
	case replay.StateDone:
		if len(r.Result) == 0 && out != nil {
			return fmt.Errorf("%s is done, and its result is not kept any more, since it is long: ask for it again, with another --idempotency-key if you gave one", r.Kind)
		}
	case replay.StateFailed:
		return fmt.Errorf("%s failed: %s", r.Kind, r.Error)
	case replay.StateCancelled:
		return fmt.Errorf("%s was cancelled: %s", r.Kind, r.Error)
	}
	return nil
}
