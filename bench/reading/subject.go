package reading

import (
	"context"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
)

const (
	// Connections is how many clients ask at once.
	Connections = 64
	// threads is how many threads play them.
	threads = 2
)

// subject is one server that is measured.
type subject struct {
	name    string
	address string
	// server speaks HTTP; store is the database behind it, which others share, nil
	// where there is none.
	server, store *process.Server
	// tidemark is set where the server is one.
	tidemark *process.Tidemark
	// floor is set where the server answers a constant.
	floor bool
	// note stands below the table.
	note  string
	fleet load.Fleet
}

// exchanges returns the requests for this subject with their answers. The floor
// gets the same bodies and answers with a constant of the size that they have
// on average.
func (s *subject) exchanges(w *workload) []load.Exchange {
	if !s.floor {
		return w.real
	}
	return w.constant
}

// used is the processor time that a subject has used so far.
type used struct{ server, store time.Duration }

func (s *subject) used() (u used, err error) {
	if u.server, err = s.server.CPU(); err == nil && s.store != nil {
		u.store, err = s.store.CPU()
	}
	return u, err
}

// run sends requests as planned, after a short while to warm up, and returns the
// report with the processor time that they took.
func (s *subject) run(ctx context.Context, sent []load.Exchange, plan load.Plan) (*load.Report, used, error) {
	if s.fleet == nil {
		var err error
		if s.fleet, err = load.DialFleet(ctx, s.address, Connections, threads); err != nil {
			return nil, used{}, err
		}
	}
	warm := plan
	warm.Duration = min(300*time.Millisecond, plan.Duration/2)
	if _, err := s.fleet.Run(ctx, sent, warm); err != nil {
		return nil, used{}, fmt.Errorf("%s: %w", s.name, err)
	}
	before, err := s.used()
	if err != nil {
		return nil, used{}, err
	}
	report, err := s.fleet.Run(ctx, sent, plan)
	if err != nil {
		return nil, used{}, fmt.Errorf("%s: %w", s.name, err)
	}
	after, err := s.used()
	return report, used{after.server - before.server, after.store - before.store}, err
}

// add adds a round's figures to the subject's row.
func (s *subject) add(row *result.Row, report *load.Report, u used) {
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(report.Requests) }
	row.Add(result.CPU, result.Microseconds, each(u.server+u.store))
	if s.store != nil {
		row.Add(result.OwnCPU, result.Microseconds, each(u.server))
		row.Add(result.StoreCPU, result.Microseconds, each(u.store))
	}
	row.Add(result.Rate, result.PerSecond, report.Rate())
	row.Add(result.P50, result.Milliseconds, report.Latency.Quantile(0.5))
	row.Add(result.P99, result.Milliseconds, report.Latency.Quantile(0.99))
	row.Add(result.P999, result.Milliseconds, report.Latency.Quantile(0.999))
	row.Add(result.Worst, result.Milliseconds, report.Latency.Max())
	row.Add(result.Body, result.Bytes, report.MeanBody())
}

func (s *subject) close() error {
	s.fleet.Close()
	return s.server.Stop()
}
