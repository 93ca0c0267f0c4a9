package curves

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// The scenarios, and the parameters that are varied in them.
const (
	Videos      = "curve/videos"
	Connections = "curve/connections"
	Folding     = "curve/folding"
	Growth      = "curve/growth"

	ByVideos      = "videos"
	ByConnections = "connections"
	ByEvents      = "events_per_second"
	ByViewed      = "viewed"

	// Subject is the only one.
	Subject = "tidemark"
	// ids is how many a poll lists.
	ids = 20
	// requestsKept is how many different polls are sent in turn.
	requestsKept = 4096
	batchPath    = "/v1/videos/batch-metadata"
)

// Group returns the curves.
func Group() scenario.Group {
	return scenario.Group{Scenarios: []scenario.Scenario{
		{Name: Videos, Rounds: 3, Takes: scenario.Takes{Full: 150 * time.Second, Quick: 40 * time.Second}, Run: byVideos},
		{Name: Connections, Takes: scenario.Takes{Full: 130 * time.Second, Quick: 40 * time.Second}, Run: byConnections},
		{Name: Folding, Rounds: 3, Takes: scenario.Takes{Full: 190 * time.Second, Quick: 50 * time.Second}, Run: byFolding, Goals: []result.Goal{{
			What: "p99 of polls while 200,000 events/s are folded, to undisturbed ones", Figure: result.P99,
			Of: at(Folding, ByEvents, "200000"), To: at(Folding, ByEvents, "0"), Limit: 1.5,
		}}},
		{Name: Growth, Rounds: 3, Takes: scenario.Takes{Full: 110 * time.Second, Quick: 50 * time.Second}, Run: byGrowth, Goals: growthGoals()},
	}}
}

func at(scenario, parameter, value string) result.Selector {
	return result.Selector{Scenario: scenario, Subject: Subject, Parameters: map[string]string{parameter: value}}
}

// start starts a service with so many videos, one view each.
func start(ctx context.Context, env *scenario.Env, videos int, flags ...string) (*process.Tidemark, error) {
	dir, err := env.TempDir("curve")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if _, err := history.Write(ctx, data, history.Distinct(videos)); err != nil {
		return nil, err
	}
	if err := history.SyncAll(data); err != nil {
		return nil, err
	}
	t, err := process.StartTidemark(ctx, env.Tidemark, dir, env.GOGC, append(env.Checkpoints(), flags...)...)
	if err != nil {
		return nil, err
	}
	if err := t.Settled(ctx, env.Quiet()); err != nil { // its first checkpoints
		return nil, errors.Join(err, stop(t))
	}
	return t, nil
}

// stop ends a service and removes its data.
func stop(t *process.Tidemark) error {
	t.Kill()
	return os.RemoveAll(t.Dir)
}

// polls are requests for 20 videos drawn by popularity, with their answers as
// long as nothing is folded.
func polls(videos int) []load.Exchange {
	draw := world.Videos(videos).NewDraw(3)
	list := make([]load.Exchange, requestsKept)
	for i := range list {
		asked := draw.Distinct(ids)
		want := []byte(`{"videos":{`)
		for j, v := range asked {
			if j > 0 {
				want = append(want, ',')
			}
			want = world.AppendEntry(want, world.ID(v), [5]int64{1})
		}
		list[i] = load.Exchange{
			Request: load.Post(batchPath, world.AppendBatchRequest(nil, asked)), Want: append(want, "}}"...),
		}
	}
	return list
}

// measure plays a plan, after a short one to warm up, and notes it.
func measure(ctx context.Context, row *result.Row, t *process.Tidemark, pool *load.Pool, plan load.Plan) error {
	warm := plan
	warm.Duration = min(500*time.Millisecond, plan.Duration/2)
	if _, err := pool.Run(ctx, warm); err != nil {
		return err
	}
	before, err := t.CPU()
	if err != nil {
		return err
	}
	report, err := pool.Run(ctx, plan)
	if err != nil {
		return err
	}
	after, err := t.CPU()
	if err != nil {
		return err
	}
	memory, err := t.WholeRSS()
	row.Add(result.CPU, result.Microseconds, float64((after-before).Nanoseconds())/1000/float64(report.Requests))
	row.Add(result.Rate, result.PerSecond, report.Rate())
	row.Add(result.P50, result.Milliseconds, report.Latency.Quantile(0.5))
	row.Add(result.P99, result.Milliseconds, report.Latency.Quantile(0.99))
	row.Add(result.P999, result.Milliseconds, report.Latency.Quantile(0.999))
	row.Add(result.Worst, result.Milliseconds, report.Latency.Max())
	row.Add(result.Late, result.Percent, report.LatePercent())
	row.Add("resident", "MB", float64(memory)/1e6)
	return err
}
