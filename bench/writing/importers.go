package writing

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// Importers is the scenario of single callers beside others that import as fast as
// they can, with the subjects of its rows.
const (
	Importers = "write/importers"
	Few       = "4 callers, nobody beside them"
	FewBeside = "4 callers beside 4 importers"
	// fewCallers never pause, and wait for each other only in the log.
	fewCallers = 4
)

func importersGoals() []result.Goal {
	row := func(subject string) result.Selector { return result.Selector{Scenario: Importers, Subject: subject} }
	var goals []result.Goal
	for _, figure := range []string{result.P50, result.P99} {
		goals = append(goals, result.Goal{What: "commands of 4 callers beside 4 importers: " + figure + " to that without", Figure: figure,
			Of: row(FewBeside), To: row(Few), Reported: true})
	}
	return goals
}

// importers lets a few callers send single commands, alone and while as many
// importers send calls of a thousand events and never pause.
func (st *stage) importers(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
	if err := st.ready(ctx, env); err != nil {
		return nil, err
	}
	// The callers' load waits in epoll, and Go may have given its processor to the
	// importers' when it is due.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1))
	rows := []result.Row{{Scenario: Importers, Subject: Few}, {Scenario: Importers, Subject: FewBeside}}
	script := newImports()
	err := env.Interleave(ctx, len(rows), func(ctx context.Context, _, i int) error {
		plan := load.Plan{Script: st.views, Duration: env.Window()}
		if i == 0 {
			return run(ctx, &rows[0], st.tidemark.Server, st.tidemark.Address, fewCallers, plan)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		done := make(chan error, 1)
		var imported float64
		go func() {
			pool, err := load.Dial(ctx, st.tidemark.Address, senders)
			if err != nil {
				done <- err
				return
			}
			defer pool.Close()
			report, err := pool.Run(ctx, load.Plan{Script: script, Duration: env.Window() + warmUp(env.Window())})
			imported = report.Rate() * callEvents
			done <- err
		}()
		if err := run(ctx, &rows[1], st.tidemark.Server, st.tidemark.Address, fewCallers, plan); err != nil {
			return err
		}
		err := <-done
		rows[1].Add("imported", result.PerSecond, imported)
		return err
	})
	if err != nil {
		return rows, err
	}
	return rows, st.views.check(ctx, st.tidemark.Address)
}

// imports is a script of calls with views that were never sent before.
type imports struct {
	token   string
	batches [senders]*world.ViewBatch
	next    uint64
}

func newImports() *imports {
	s := &imports{token: "Authorization: Bearer " + process.ServiceToken()}
	for i := range s.batches {
		videos := make([]int, callEvents)
		for n := range videos {
			videos[n] = 10*viewedVideos + n // not those of single commands, whose views are counted
		}
		s.batches[i] = world.NewViewBatch("bench/importer", videos, world.Start())
	}
	return s
}

// Next returns the next call of a connection.
func (s *imports) Next(connection int) []byte {
	batch := s.batches[connection]
	batch.Renumber(s.next)
	s.next += callEvents
	return load.Build("POST", "/v1/events", "application/x-ndjson", batch.Body, s.token)
}

// Check takes an answer that accepts all of them.
func (s *imports) Check(_ int, a *load.Answer) error {
	if accepted, _ := number(a.Body, `{"accepted":`); a.Status != http.StatusOK || accepted != callEvents {
		return fmt.Errorf("%d events were answered with %d: %.300s", callEvents, a.Status, a.Body)
	}
	return nil
}

// warmUp is how long a plan is played before it is measured.
func warmUp(window time.Duration) time.Duration { return min(300*time.Millisecond, window/2) }
