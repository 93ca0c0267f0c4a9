package reading

import (
	"context"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// open is the scenario of requests that come at even steps, whatever the answers
// do, with the parameter that tells how many.
const (
	open      = "read/open"
	offered   = "offered"
	halfOwn   = "half of its closed loop"
	halfLeast = "half of the slowest closed loop"
)

// openLoop sends 20 IDs at a fixed rate: to each subject half of what it answers
// in a closed loop, which is what one would load it with, and to all the same,
// half of what the slowest answers.
func (st *stage) openLoop() scenario.Scenario {
	row := func(subject string) result.Selector {
		return result.Selector{Scenario: open, Subject: subject, Parameters: map[string]string{offered: halfLeast}}
	}
	var goals []result.Goal
	for _, peer := range limitsOfPeers {
		goals = append(goals, result.Goal{What: "20 IDs at a rate that all hold, open loop: p99 to " + peer.called, Figure: result.P99,
			Of: row(tidemark), To: row(peer.subject), Reported: true})
	}
	return scenario.Scenario{Name: open, Takes: scenario.Takes{Full: 170 * time.Second, Quick: 70 * time.Second}, Goals: goals, Run: func(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
		if err := st.ready(ctx, env); err != nil {
			return nil, err
		}
		subjects := st.named(floorGin, tidemark, redisBest, postgresPgx)
		rates, least, err := st.closedRates(ctx, env, subjects)
		if err != nil {
			return nil, err
		}
		var entrants []*entrant
		for i, s := range subjects {
			entrants = append(entrants, st.atRate(s, halfOwn, rates[i]/2), st.atRate(s, halfLeast, least/2))
		}
		return measure(ctx, env, entrants)
	}}
}

func (st *stage) atRate(s *subject, name string, rate float64) *entrant {
	e := newEntrant(open, s, st.batches[20])
	e.row.Parameters = map[string]string{offered: name}
	e.row.Note = "latency counts from the moment at which a request was due, so a stall is charged for every request that it held up"
	e.rate = rate
	return e
}

// closedRates measures shortly what each subject answers in a closed loop.
func (st *stage) closedRates(ctx context.Context, env *scenario.Env, subjects []*subject) (rates []float64, least float64, err error) {
	for _, s := range subjects {
		report, _, err := s.run(ctx, s.exchanges(st.batches[20]), load.Plan{Duration: env.Window() / 2})
		if err != nil {
			return nil, 0, fmt.Errorf("find the rate of %s: %w", s.name, err)
		}
		if rates = append(rates, report.Rate()); least == 0 || report.Rate() < least {
			least = report.Rate()
		}
	}
	return rates, least, nil
}
