package inprocess

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/tidemark-io/tidemark/bench/folding"
	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// thing is what is counted by the piece.
type thing struct {
	name    string
	history func(n int) history.History
	number  int
	note    string
}

func things(env *scenario.Env) []thing {
	million := scenario.Pick(env, 1_000_000, 200_000, 20_000)
	videos := scenario.Pick(env, 10_000_000, 1_000_000, 20_000)
	return []thing{
		{"a video", history.Published, videos, "with its share of the index"},
		{"a video viewed just now", history.Recent, million, "with its place in the three trending windows"},
		{"a like", func(n int) history.History { return history.Likes(n, history.Uniform(21, 10_000)) }, 4 * million,
			"a pair of user and video, 100 to a user, of 10,000 videos; the users' and videos' shares are in it"},
		{"a remembered identity", history.Identified, 4 * million, "of an outside event, for the dedupe horizon"},
		{"a job", history.Created, million, "rows: in memory until the next checkpoint, below it on disk"},
		{"a notification", history.Sent, million, "rows: in memory until the next checkpoint, below it on disk"},
	}
}

// memory fills a read model with one kind of thing after the other, and looks at
// what the process holds when its last checkpoint is written. The figures do not
// vary between rounds, so one is enough.
func memory(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
	var rows []result.Row
	for _, thing := range things(env) {
		row, err := thing.measure(ctx, env)
		if err != nil {
			return rows, fmt.Errorf("memory of %s: %w", thing.name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (t *thing) measure(ctx context.Context, env *scenario.Env) (row result.Row, err error) {
	row = result.Row{Scenario: Memory, Subject: t.name, Parameters: map[string]string{"number": strconv.Itoa(t.number)}, Note: t.note}
	// What a read model of next to nothing takes is nobody's share.
	base, err := held(ctx, env, t.history(1))
	if err != nil {
		return row, err
	}
	filled, err := held(ctx, env, t.history(t.number))
	if err != nil {
		return row, err
	}
	n := float64(t.number)
	row.Add("memory", result.Bytes, float64(filled.memory.Resident-base.memory.Resident)/n)
	row.Add("heap", result.Bytes, float64(filled.memory.Heap-base.memory.Heap)/n)
	row.Add("checkpoint", result.Bytes, float64(filled.disk-base.disk)/n)
	return row, nil
}

// taken is what a read model takes in memory and on disk.
type taken struct {
	memory folding.Memory
	disk   int64
}

// held fills a read model, looks at what it takes, and drops it.
func held(ctx context.Context, env *scenario.Env, h history.History) (taken, error) {
	filled, err := fill(ctx, env, h)
	if err != nil {
		return taken{}, err
	}
	disk, err := folding.DiskBytes(history.ModelsDir(filled.dir))
	return taken{filled.memory, disk}, errors.Join(err, os.RemoveAll(filled.dir))
}
