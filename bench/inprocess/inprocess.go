package inprocess

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/bench/folding"
	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// The scenarios, and the subjects of their rows.
const (
	Reads  = "inprocess/reads"
	Memory = "inprocess/memory"
	Pauses = "inprocess/collector"

	Lookup = "look up"
	Answer = "decode, look up, encode"
	Handle = "the whole HTTP handler"
)

// The figures of this package.
const (
	Nanoseconds = "ns"
	Time        = "time"
	Allocations = "allocations"
)

// Groups returns what is measured in this process.
func Groups() []scenario.Group {
	tables := new(tables)
	largest := map[string]string{"videos": "10000000", "ids": "20", "drawn": "uniform"}
	return []scenario.Group{
		{
			Scenarios: []scenario.Scenario{
				{Name: Reads, Rounds: 3, Takes: scenario.Takes{Full: 130 * time.Second, Quick: 25 * time.Second}, Run: tables.reads, Goals: []result.Goal{
					{What: "look up 20 of 10 million videos, uniform", Figure: Time, Of: result.Selector{Scenario: Reads, Subject: Lookup, Parameters: largest}, Limit: 1000},
					{What: "whole answer of 20 of 10 million videos, uniform", Figure: Time, Of: result.Selector{Scenario: Reads, Subject: Answer, Parameters: largest}, Limit: 2300},
					{What: "allocations of a whole answer", Figure: Allocations, Of: result.Selector{Scenario: Reads, Subject: Answer, Parameters: largest}, Limit: 0},
				}},
				{Name: Pauses, Rounds: 3, Takes: scenario.Takes{Full: 40 * time.Second, Quick: 10 * time.Second}, Run: tables.pauses, Goals: []result.Goal{
					{What: "the collector's longest pause with 10 million videos, to that with 10 thousand", Figure: "longest_pause", Of: pausesAt("10000000"), To: pausesAt("10000"), Reported: true},
				}},
			},
			Close: tables.close,
		},
		{Scenarios: []scenario.Scenario{{Name: Memory, Takes: scenario.Takes{Full: 90 * time.Second, Quick: 20 * time.Second}, Run: memory, Goals: []result.Goal{
			{What: "memory of a video at 10 million", Figure: "memory", Of: result.Selector{Scenario: Memory, Subject: "a video", Parameters: map[string]string{"number": largest["videos"]}}, Limit: 88},
			{What: "memory of a like", Figure: "memory", Of: result.Selector{Scenario: Memory, Subject: "a like"}, Limit: 24},
		}}}},
	}
}

// pausesAt selects a row of Pauses.
func pausesAt(videos string) result.Selector {
	return result.Selector{Scenario: Pauses, Subject: "tidemark", Parameters: map[string]string{"videos": videos}}
}

// tables are read models of several sizes, each filled when it is first asked for.
type tables struct {
	held map[int]*table
}

// table is a read model of so many videos; its fold has ended.
type table struct {
	videos int
	fold   *folding.Fold
	dir    string
	memory folding.Memory // what it added to the process
}

func sizes(env *scenario.Env) []int {
	return scenario.Pick(env, []int{10_000, 1_000_000, 10_000_000}, []int{10_000, 1_000_000}, []int{10_000})
}

// of returns the table of that many videos.
func (t *tables) of(ctx context.Context, env *scenario.Env, videos int) (*table, error) {
	if found := t.held[videos]; found != nil {
		return found, nil
	}
	made, err := fill(ctx, env, history.Distinct(videos))
	if err != nil {
		return nil, fmt.Errorf("fill a read model of %d videos: %w", videos, err)
	}
	made.videos = videos
	if t.held == nil {
		t.held = map[int]*table{}
	}
	t.held[videos] = made
	return made, nil
}

func (t *tables) close() error {
	for _, held := range t.held {
		if err := os.RemoveAll(held.dir); err != nil {
			return err
		}
	}
	t.held = nil
	debug.FreeOSMemory()
	return nil
}

// fill folds a history into a read model and ends the fold: a last checkpoint is
// written, the log and the store are closed, and the tables stay.
func fill(ctx context.Context, env *scenario.Env, h history.History) (*table, error) {
	dir, err := env.TempDir("table")
	if err != nil {
		return nil, err
	}
	if _, err := history.Write(ctx, dir, h); err != nil {
		return nil, err
	}
	before, err := folding.Held()
	if err != nil {
		return nil, err
	}
	f, err := folding.Run(ctx, dir, folding.Default)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	if err := f.Check(h.Events); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(history.LogDir(dir)); err != nil {
		return nil, err
	}
	after, err := folding.Held()
	runtime.KeepAlive(f)
	return &table{fold: f, dir: dir, memory: folding.Memory{
		Resident: after.Resident - before.Resident, Heap: after.Heap - before.Heap,
	}}, err
}

func parameters(videos, ids int, drawn string) map[string]string {
	return map[string]string{"videos": strconv.Itoa(videos), "ids": strconv.Itoa(ids), "drawn": drawn}
}
