package writing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// The scenarios, and the subjects of their rows.
const (
	Crowd = "write/64"
	Alone = "write/1"

	Tidemark = "tidemark"
	Floor    = "floor-gin"
	Fsync    = "fsync alone"
	// overFsync is what an acknowledgement takes beyond one fsync.
	overFsync = "p50_over_fsync"
)

// Group returns the scenarios of single commands.
func Group() scenario.Group {
	st := new(stage)
	crowd := func(subject string) result.Selector { return result.Selector{Scenario: Crowd, Subject: subject} }
	return scenario.Group{Close: st.close, Scenarios: []scenario.Scenario{
		{Name: Crowd, Takes: scenario.Takes{Full: 50 * time.Second, Quick: 14 * time.Second}, Run: st.crowd, Goals: []result.Goal{
			{What: "durable commands, 64 connections: requests/s to the gin floor's", Figure: result.Rate,
				Of: crowd(Tidemark), To: crowd(Floor), Limit: 0.5, AtLeast: true},
			{What: "durable commands, 64 connections: p50, ms", Figure: result.P50, Of: crowd(Tidemark), Limit: 3},
		}},
		{Name: Alone, Takes: scenario.Takes{Full: 25 * time.Second, Quick: 8 * time.Second}, Run: st.alone, Goals: []result.Goal{
			{What: "a durable command alone: p50 beyond one fsync, ms", Figure: overFsync,
				Of: result.Selector{Scenario: Alone, Subject: Tidemark}, Limit: 0.5},
		}},
		{Name: Importers, Takes: scenario.Takes{Full: 50 * time.Second, Quick: 16 * time.Second}, Run: st.importers, Goals: importersGoals()},
		{Name: Visible, Takes: scenario.Takes{Full: 22 * time.Second, Quick: 6 * time.Second}, Run: st.visible, Goals: []result.Goal{
			{What: "acknowledged to visible, one client, with the poll's own way: p50, ms", Figure: result.P50,
				Of: result.Selector{Scenario: Visible, Subject: ReadOwn}, Limit: 0.5},
			{What: "acknowledged to visible, one client, with the poll's own way: p99, ms", Figure: result.P99,
				Of: result.Selector{Scenario: Visible, Subject: ReadOwn}, Limit: 3},
		}},
	}}
}

// stage is the servers that the scenarios share.
type stage struct {
	tidemark *process.Tidemark
	floor    *process.Server
	address  string // of the floor
	views    *views
	readers  [2]readBack
	size     int // of the answer to a command

	begun bool
	err   error // why they could not be started
}

// ready starts the servers, once.
func (st *stage) ready(ctx context.Context, env *scenario.Env) error {
	if !st.begun {
		st.begun, st.err = true, st.start(ctx, env)
	}
	return st.err
}

func (st *stage) start(ctx context.Context, env *scenario.Env) error {
	dir, err := env.TempDir("commands")
	if err != nil {
		return err
	}
	if st.tidemark, err = process.StartTidemark(ctx, env.Tidemark, dir, env.GOGC); err != nil {
		return err
	}
	st.views = newViews()
	token := "Authorization: Bearer " + process.Token(string(world.AppendUUID(nil, world.UserID(viewers))))
	for i := range st.readers {
		st.readers[i] = newReadBack(ownVideo+i, token)
	}
	if st.size, err = st.views.answerSize(ctx, st.tidemark.Address); err != nil {
		return err
	}
	st.floor, st.address, err = process.StartPeer(ctx, env.Peers, dir, env.GOGC, Floor, "--size", fmt.Sprint(st.size))
	return err
}

func (st *stage) close() (err error) {
	if st.tidemark != nil {
		err = st.tidemark.Stop()
	}
	if st.floor != nil {
		err = errors.Join(err, st.floor.Stop())
	}
	return err
}

// crowdConnections never pause.
const crowdConnections = 64

// crowd sends from 64 connections that never pause.
func (st *stage) crowd(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
	if err := st.ready(ctx, env); err != nil {
		return nil, err
	}
	rows := []result.Row{{Scenario: Crowd, Subject: Tidemark}, {Scenario: Crowd, Subject: Floor}}
	err := env.Interleave(ctx, len(rows), func(ctx context.Context, _, i int) error {
		var err error
		if i == 0 {
			err = run(ctx, &rows[0], st.tidemark.Server, st.tidemark.Address, crowdConnections, load.Plan{Script: st.views, Duration: env.Window()})
			return errors.Join(err, st.views.check(ctx, st.tidemark.Address))
		}
		script := st.views.constant(st.size)
		return run(ctx, &rows[1], st.floor, st.address, crowdConnections, load.Plan{Script: script, Duration: env.Window()})
	})
	return rows, err
}

// alone sends from one connection, and takes the time of an fsync on the same
// disk right after.
func (st *stage) alone(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
	if err := st.ready(ctx, env); err != nil {
		return nil, err
	}
	rows := []result.Row{{Scenario: Alone, Subject: Tidemark}, {Scenario: Alone, Subject: Fsync}}
	for round := range env.Rounds {
		plan := load.Plan{Script: st.views, Duration: env.Window()}
		if err := run(ctx, &rows[0], st.tidemark.Server, st.tidemark.Address, 1, plan); err != nil {
			return rows, err
		}
		p50, p99, err := fsyncs(st.tidemark.Dir, scenario.Pick(env, 2000, 1000, 50))
		if err != nil {
			return rows, err
		}
		rows[1].Add(result.P50, result.Milliseconds, p50)
		rows[1].Add(result.P99, result.Milliseconds, p99)
		rows[0].Add(overFsync, result.Milliseconds, rows[0].Figures[result.P50].Values[round]-p50)
	}
	return rows, st.views.check(ctx, st.tidemark.Address)
}

// run plays a plan on new connections, after a short warm-up, and notes it.
func run(ctx context.Context, row *result.Row, server *process.Server, address string, connections int, plan load.Plan) error {
	pool, err := load.Dial(ctx, address, connections)
	if err != nil {
		return err
	}
	defer pool.Close()
	warm := plan
	warm.Duration = warmUp(plan.Duration)
	if _, err := pool.Run(ctx, warm); err != nil {
		return fmt.Errorf("%s: %w", row.Subject, err)
	}
	before, err := server.CPU()
	if err != nil {
		return err
	}
	report, err := pool.Run(ctx, plan)
	if err != nil {
		return fmt.Errorf("%s: %w", row.Subject, err)
	}
	after, err := server.CPU()
	row.Add(result.Rate, result.PerSecond, report.Rate())
	row.Add(result.CPU, result.Microseconds, float64((after-before).Nanoseconds())/1000/float64(report.Requests))
	row.Add(result.P50, result.Milliseconds, report.Latency.Quantile(0.5))
	row.Add(result.P99, result.Milliseconds, report.Latency.Quantile(0.99))
	row.Add(result.Worst, result.Milliseconds, report.Latency.Max())
	return err
}

// fsyncs appends 300 bytes, what a small record batch has, to a file and fsyncs
// it, so many times; times in ms.
func fsyncs(dir string, times int) (p50, p99 float64, err error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, 0, fmt.Errorf("measure fsync: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	h := load.NewHistogram()
	var block [300]byte
	for range times {
		start := time.Now()
		if _, err := f.Write(block[:]); err != nil {
			return 0, 0, fmt.Errorf("measure fsync: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, 0, fmt.Errorf("measure fsync: %w", err)
		}
		h.Record(time.Since(start))
	}
	return h.Quantile(0.5), h.Quantile(0.99), nil
}
