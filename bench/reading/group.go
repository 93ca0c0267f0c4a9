package reading

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// batchSizes is how many IDs a request has, the usual one first.
var batchSizes = []int{20, 1, 100, 200}

// Group returns the reading scenarios.
func Group() scenario.Group {
	st := new(stage)
	g := scenario.Group{Close: st.close}
	for _, ids := range batchSizes {
		g.Scenarios = append(g.Scenarios, st.batch(ids))
	}
	return g
}

// batch reads as fast as 64 clients can that ask again at once.
func (st *stage) batch(ids int) scenario.Scenario {
	name := fmt.Sprintf("read/%d", ids)
	return scenario.Scenario{Name: name, Goals: batchGoals(name, ids), Run: func(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
		if err := st.ready(ctx, env); err != nil {
			return nil, err
		}
		subjects := st.named(everybody...)
		return closedLoop(ctx, env, name, map[string]string{"ids": strconv.Itoa(ids)}, subjects, st.batches[ids])
	}}
}

// closedLoop measures the subjects with the same requests, interleaved.
func closedLoop(ctx context.Context, env *scenario.Env, name string, parameters map[string]string, subjects []*subject, w *workload) ([]result.Row, error) {
	rows := make([]result.Row, len(subjects))
	for i, s := range subjects {
		rows[i] = result.Row{Scenario: name, Subject: s.name, Parameters: parameters, Note: s.note}
	}
	err := env.Interleave(ctx, len(subjects), func(ctx context.Context, round, i int) error {
		s := subjects[i]
		script := load.NewCycle(s.exchanges(w), Connections)
		report, u, err := s.run(ctx, load.Plan{Script: script, Duration: env.Window()})
		if err == nil {
			s.add(&rows[i], report, u)
		}
		return err
	})
	return rows, err
}
