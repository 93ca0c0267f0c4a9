package reading

import (
	"context"
	"fmt"
	"strconv"
	"time"

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
	g.Scenarios = append(g.Scenarios, st.polls(), st.openLoop())
	return g
}

// batch reads as fast as 64 clients can that ask again at once.
func (st *stage) batch(ids int) scenario.Scenario {
	name, takes := fmt.Sprintf("read/%d", ids), scenario.Takes{Full: 150 * time.Second, Quick: 45 * time.Second}
	if ids == batchSizes[0] { // starts the servers and fills them
		takes = scenario.Takes{Full: 200 * time.Second, Quick: 90 * time.Second}
	}
	return scenario.Scenario{Name: name, Takes: takes, Goals: batchGoals(name, ids), Run: func(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
		if err := st.ready(ctx, env); err != nil {
			return nil, err
		}
		var entrants []*entrant
		for _, s := range st.named(everybody...) {
			e := newEntrant(name, s, st.batches[ids])
			e.row.Parameters = map[string]string{"ids": strconv.Itoa(ids)}
			entrants = append(entrants, e)
		}
		return measure(ctx, env, entrants)
	}}
}

// entrant is a subject with what it is sent and the row for what it did.
type entrant struct {
	*subject
	sent []load.Exchange
	rate float64 // of an open loop; 0 is the closed one
	row  result.Row
}

func newEntrant(scenario string, s *subject, w *workload) *entrant {
	return &entrant{subject: s, sent: s.exchanges(w), row: result.Row{Scenario: scenario, Subject: s.name, Note: s.note}}
}

// measure measures the entrants, interleaved.
func measure(ctx context.Context, env *scenario.Env, entrants []*entrant) ([]result.Row, error) {
	err := env.Interleave(ctx, len(entrants), func(ctx context.Context, _, i int) error {
		e := entrants[i]
		report, u, err := e.run(ctx, e.sent, load.Plan{Duration: env.Window(), Rate: e.rate})
		if err != nil {
			return err
		}
		e.add(&e.row, report, u)
		if e.rate > 0 {
			e.row.Add(result.Late, result.Percent, report.LatePercent())
		}
		return nil
	})
	rows := make([]result.Row, len(entrants))
	for i, e := range entrants {
		rows[i] = e.row
	}
	return rows, err
}
