package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/bench/folding"
	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/rawlog"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// The scenarios, and the subjects of their rows.
const (
	Views    = "replay/views"
	Mix      = "replay/mix"
	Saving   = "replay/checkpoints"
	Tidemark = "tidemark"
	Unsaved  = "tidemark, without checkpoints"
	Raw      = "JetStream, consumed and not looked at"
)

// Groups returns the replays.
func Groups() []scenario.Group {
	return []scenario.Group{{Scenarios: []scenario.Scenario{
		{
			Name: Views, Takes: scenario.Takes{Full: 25 * time.Second, Quick: 7 * time.Second},
			Run: func(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
				n := scenario.Pick(env, 10_000_000, 2_000_000, 50_000)
				videos := scenario.Pick(env, 1_000_000, 1_000_000, 10_000)
				return measure(ctx, env, Views, history.Views(n, history.Zipf(5, videos)), folding.Rare, Raw)
			},
			Goals: []result.Goal{
				{What: "replay of a view-heavy log of 10 million events, events/s", Figure: result.Events,
					Of: result.Selector{Scenario: Views, Subject: Tidemark, Parameters: map[string]string{"events": "10000000"}}, Limit: 3_000_000, AtLeast: true},
				{What: "replay against raw consumption of the same record batches", Figure: result.Events,
					Of: result.Selector{Scenario: Views, Subject: Tidemark}, To: result.Selector{Scenario: Views, Subject: Raw}, Limit: 0.5, AtLeast: true},
			},
		},
		{
			Name: Mix, Rounds: 3, Takes: scenario.Takes{Full: 120 * time.Second, Quick: 12 * time.Second},
			Run: func(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
				n := scenario.Pick(env, 10_000_000, 1_000_000, 50_000)
				videos := scenario.Pick(env, 1_000_000, 200_000, 10_000)
				// Shorter than the service's 10 s, so that some fall into every replay.
				often := folding.Checkpoints{Interval: scenario.Pick(env, 2*time.Second, 200*time.Millisecond, 20*time.Millisecond), Bytes: folding.Default.Bytes}
				return measure(ctx, env, Mix, history.Mixed(n, history.Zipf(6, videos)), often, Raw)
			},
			Goals: []result.Goal{{What: "real mix with identities, likes, comments and repeats, checkpoints on, events/s", Figure: result.Events,
				Of: result.Selector{Scenario: Mix, Subject: Tidemark}, Limit: 500_000, AtLeast: true}},
		},
		{
			Name: Saving, Takes: scenario.Takes{Full: 110 * time.Second, Quick: 40 * time.Second},
			Run: func(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
				n := scenario.Pick(env, 8_000_000, 4_000_000, 50_000)
				videos := scenario.Pick(env, 1_000_000, 200_000, 10_000)
				return measure(ctx, env, Saving, history.Mixed(n, history.Zipf(6, videos)), folding.Default, Unsaved)
			},
			Goals: []result.Goal{{What: "the mix with the service's own checkpoints to none, events/s", Figure: result.Events,
				Of: result.Selector{Scenario: Saving, Subject: Tidemark}, To: result.Selector{Scenario: Saving, Subject: Unsaved}, Limit: 0.9, AtLeast: true}},
		},
	}}, rebuildGroup()}
}

// replay is one history that is read again and again.
type replay struct {
	dir     string // of the log
	history history.History
	every   folding.Checkpoints
	digest  uint64
	// checkpoints says that some must fall into each replay.
	checkpoints bool
}

// measure folds a history, beside another subject in turn.
func measure(ctx context.Context, env *scenario.Env, name string, h history.History, every folding.Checkpoints, beside string) ([]result.Row, error) {
	restore, err := folding.Collector(env.GOGC)
	if err != nil {
		return nil, err
	}
	defer restore()
	dir, err := env.TempDir("replay")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	written, err := history.Write(ctx, dir, h)
	if err != nil {
		return nil, err
	}
	parameters := map[string]string{"events": strconv.Itoa(h.Events), "batch_bytes": strconv.Itoa(int(written.BatchBytes))}
	rows := []result.Row{
		{Scenario: name, Subject: Tidemark, Parameters: parameters},
		{Scenario: name, Subject: beside, Parameters: parameters},
	}
	r := &replay{dir: dir, history: h, every: every}
	// A smoke may be over before the first is due.
	r.checkpoints = every.Interval < folding.Rare.Interval && env.Size != scenario.Smoke
	err = env.Interleave(ctx, len(rows), func(ctx context.Context, _, subject int) error {
		switch {
		case subject == 0:
			return r.fold(ctx, r.every, &rows[0])
		case beside == Unsaved:
			return r.fold(ctx, folding.Rare, &rows[1])
		}
		return r.consume(ctx, &rows[1])
	})
	return rows, err
}

// fold folds the log into a new read model, and checks that the same log gives
// the same state every time.
func (r *replay) fold(ctx context.Context, every folding.Checkpoints, row *result.Row) (err error) {
	models := history.ModelsDir(r.dir)
	if err := os.RemoveAll(models); err != nil {
		return fmt.Errorf("begin a new read model: %w", err)
	}
	f, err := folding.Run(ctx, r.dir, every)
	if err != nil {
		return err
	}
	checkpoints := f.Stats().Checkpoints
	if err := f.Close(); err != nil {
		return err
	}
	if err := f.Check(r.history.Events); err != nil {
		return err
	}
	if r.checkpoints && every != folding.Rare && checkpoints == 0 {
		return errors.New("the replay ended before its first checkpoint, so it says nothing of replays with checkpoints")
	}
	sum := f.Digest.Sum()
	if r.digest != 0 && r.digest != sum {
		return fmt.Errorf("the log was folded twice and gave two states: %016x and %016x", r.digest, sum)
	}
	r.digest = sum
	n := float64(r.history.Events)
	row.Add(result.Events, result.PerSecond, n/f.Took.Seconds())
	row.Add("cpu_event", result.Microseconds, float64(f.CPU.Microseconds())/n)
	row.Add("checkpoints", result.Count, float64(checkpoints))
	return nil
}

func (r *replay) consume(ctx context.Context, row *result.Row) error {
	raw, err := rawlog.Open(filepath.Clean(history.LogDir(r.dir)), rawlog.SyncAlways)
	if err != nil {
		return err
	}
	defer raw.Close()
	c, err := raw.Consume(ctx, eventlog.EventsStream)
	if err != nil {
		return err
	}
	row.Add(result.Events, result.PerSecond, float64(r.history.Events)/c.Took.Seconds())
	row.Add("messages", result.PerSecond, float64(c.Messages)/c.Took.Seconds())
	row.Add("megabytes", "MB/s", float64(c.Bytes)/1e6/c.Took.Seconds())
	return nil
}
