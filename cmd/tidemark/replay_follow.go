package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/tidemark-io/tidemark/projector/replay"
)

// adminRun is one run as the admin API tells of it.
type adminRun struct {
	ID       string             `json:"run_id"`
	Kind     string             `json:"kind"`
	State    replay.State       `json:"state"`
	Order    replay.Order       `json:"order"`
	Started  time.Time          `json:"started"`
	Ended    *time.Time         `json:"ended,omitempty"`
	Progress replay.RunProgress `json:"progress"`
	Result   json.RawMessage    `json:"result,omitempty"`
	Error    string             `json:"error,omitempty"`
}

const (
	// followEvery is how often a run is looked at on a terminal, followSlowly
	// elsewhere, where each look is a line.
	followEvery  = 200 * time.Millisecond
	followSlowly = 5 * time.Second
	// followFirst is the first look: what is quick is told at once.
	followFirst = 50 * time.Millisecond
)

// start begins a run and follows it to its end. With detach it only begins it.
func (c *adminClient) start(ctx context.Context, kind string, body any, detach bool) (*adminRun, error) {
	var started struct {
		ID string `json:"run_id"`
	}
	if err := c.post(ctx, "/v1/admin/replay/"+kind, body, &started); err != nil {
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
	m := newMeter()
	defer m.end()
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
		m.show(r)
		select {
		case <-time.After(wait):
			wait = min(2*wait, m.every)
		case <-ctx.Done():
		}
	}
}

// meter shows the progress of a run: as a bar on a terminal, else as lines. Both go
// to standard error.
type meter struct {
	bar   *progressbar.ProgressBar
	every time.Duration
	last  string
}

func newMeter() *meter {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return &meter{every: followSlowly}
	}
	return &meter{every: followEvery, bar: newBar(-1)}
}

func (m *meter) show(r *adminRun) {
	p := &r.Progress
	if m.bar == nil {
		m.line(r)
		return
	}
	m.bar.Describe(strings.TrimSpace(r.Kind + " " + p.Phase))
	if p.Total > 0 {
		m.bar.ChangeMax64(max(p.Total, p.Events, 1))
	}
	_ = m.bar.Set64(p.Events) // a bar that cannot be drawn is nobody's loss
}

// line writes a line where something has changed since the last.
func (m *meter) line(r *adminRun) {
	p := &r.Progress
	if p.Phase == "" && p.Events == 0 {
		return // it has just begun
	}
	text := fmt.Sprintf("%s %s: %d events", r.Kind, p.Phase, p.Events)
	if p.Total > 0 {
		text += fmt.Sprintf(" of about %d", p.Total)
	}
	if p.Rate > 0 {
		text += fmt.Sprintf(", %.0f a second", p.Rate)
	}
	if p.SecondsLeft > 0 {
		text += fmt.Sprintf(", %v left", time.Duration(p.SecondsLeft*float64(time.Second)).Round(time.Second))
	}
	if text != m.last {
		fmt.Fprintln(os.Stderr, text)
		m.last = text
	}
}

func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Exit()
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
	case replay.StateFailed:
		return fmt.Errorf("%s failed: %s", r.Kind, r.Error)
	case replay.StateCancelled:
		return fmt.Errorf("%s was cancelled: %s", r.Kind, r.Error)
	}
	return nil
}
