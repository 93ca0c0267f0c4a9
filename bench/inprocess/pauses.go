package inprocess

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// pauseMetric is the histogram of how long the collector stopped the process.
const pauseMetric = "/sched/pauses/total/gc:seconds"

// pauses forces collections while a read model of each size is held, alone in
// the process: how long one takes and how long it stops everybody.
func (t *tables) pauses(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
	if err := t.close(); err != nil { // the largest would stand in each figure
		return nil, err
	}
	var rows []result.Row
	for _, videos := range sizes(env) {
		if _, err := t.of(ctx, env, videos); err != nil {
			return rows, err
		}
		row := result.Row{Scenario: Pauses, Subject: "tidemark", Parameters: map[string]string{"videos": strconv.Itoa(videos)}}
		for range env.Rounds {
			took, longest := collect(scenario.Pick(env, 20, 10, 3))
			row.Add("collection", result.Milliseconds, took)
			row.Add("longest_pause", result.Microseconds, longest)
		}
		rows = append(rows, row)
		if err := t.close(); err != nil {
			return rows, fmt.Errorf("drop the read model: %w", err)
		}
	}
	return rows, nil
}

// collect forces n collections and returns the mean time of one, in
// milliseconds, and the longest pause, in microseconds, as the upper bound of its
// bucket in the runtime's histogram.
func collect(n int) (took, longest float64) {
	before := pauseCounts()
	start := time.Now()
	for range n {
		runtime.GC()
	}
	took = float64(time.Since(start).Microseconds()) / 1000 / float64(n)
	after := pauseCounts()
	for i, count := range after.Counts {
		if count > before.Counts[i] && !math.IsInf(after.Buckets[i+1], 0) {
			longest = after.Buckets[i+1] * 1e6
		}
	}
	return took, longest
}

func pauseCounts() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: pauseMetric}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}
