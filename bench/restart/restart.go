package restart

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// The scenario, and the subjects of its rows.
const (
	Name    = "restart"
	First   = "first start, from the log alone"
	Clean   = "after a clean stop"
	Killed  = "after kill -9, a checkpoint behind"
	Seconds = "ready"
)

// Group returns the scenario.
func Group() scenario.Group {
	goal := func(what, subject string, limit float64) result.Goal {
		return result.Goal{What: what, Figure: Seconds, Of: result.Selector{Scenario: Name, Subject: subject, Parameters: map[string]string{"videos": "10000000"}}, Limit: limit}
	}
	return scenario.Group{Scenarios: []scenario.Scenario{{Name: Name, Takes: scenario.Takes{Full: 90 * time.Second, Quick: 15 * time.Second}, Run: measure, Goals: []result.Goal{
		goal("ready with 10 million videos after a clean stop, s", Clean, 3),
		goal("ready with 10 million videos after kill -9, with the replay of 200,000 events, s", Killed, 5),
	}}}}
}

// restart is one data directory that is started again and again.
type restart struct {
	env    *scenario.Env
	dir    string
	videos int
	behind int // events that are acknowledged right before a kill
	sent   int // of them, over all rounds
	rows   [3]result.Row
	names  *checker
}

func measure(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	r := &restart{
		env: env, videos: scenario.Pick(env, 10_000_000, 1_000_000, 20_000), behind: scenario.Pick(env, 200_000, 50_000, 5_000),
	}
	if r.dir, err = env.TempDir("restart"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	for i, subject := range []string{First, Clean, Killed} {
		r.rows[i] = result.Row{Scenario: Name, Subject: subject, Parameters: map[string]string{"videos": strconv.Itoa(r.videos)}}
	}
	r.rows[2].Note = fmt.Sprintf("the replay of up to %d events is part of it", r.behind)
	r.names = newChecker(r.videos)
	data := filepath.Join(r.dir, "data")
	if _, err := history.Write(ctx, data, history.Distinct(r.videos)); err != nil {
		return nil, err
	}
	// What was written must be on disk before anything is timed.
	if err := history.SyncAll(data); err != nil {
		return nil, err
	}
	t, err := r.start(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err := t.Stop(); err != nil {
		return nil, err
	}
	for range env.Rounds {
		if err := r.round(ctx); err != nil {
			return nil, err
		}
	}
	return r.rows[:], nil
}

// round starts after a clean stop, sends events and kills, starts again, and
// stops cleanly.
func (r *restart) round(ctx context.Context) error {
	t, err := r.start(ctx, 1)
	if err != nil {
		return err
	}
	if err := r.names.view(ctx, t.Address, r.sent, r.behind); err != nil {
		t.Kill()
		return err
	}
	r.sent += r.behind
	t.Kill()
	if t, err = r.start(ctx, 2); err != nil {
		return err
	}
	return t.Stop()
}

// start starts the service, notes how long that took, and checks what it answers.
func (r *restart) start(ctx context.Context, row int) (*process.Tidemark, error) {
	begun := time.Now()
	t, err := process.StartTidemark(ctx, r.env.Tidemark, r.dir, r.env.GOGC)
	if err != nil {
		return nil, err
	}
	took := time.Since(begun)
	cpu, cpuErr := t.CPU()
	memory, memoryErr := t.WholeRSS()
	if err := errors.Join(cpuErr, memoryErr, r.names.check(ctx, t.Address, r.sent)); err != nil {
		t.Kill()
		return nil, err
	}
	r.rows[row].Add(Seconds, result.Seconds, took.Seconds())
	r.rows[row].Add("cpu", result.Seconds, cpu.Seconds())
	r.rows[row].Add("resident", "MB", float64(memory)/1e6)
	return t, nil
}
