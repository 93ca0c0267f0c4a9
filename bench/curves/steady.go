package curves

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// byVideos polls services of several sizes, from 64 connections that ask again at
// once. They run side by side, so that drift of the machine hits all alike.
func byVideos(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	sizes := scenario.Pick(env, []int{10_000, 100_000, 1_000_000, 10_000_000}, []int{10_000, 1_000_000}, []int{1_000, 10_000})
	type service struct {
		*process.Tidemark
		polls []load.Exchange
	}
	var services []service
	defer func() {
		for _, s := range services {
			err = errors.Join(err, stop(s.Tidemark))
		}
	}()
	for _, videos := range sizes {
		t, err := start(ctx, env, videos)
		if err != nil {
			return nil, fmt.Errorf("start with %d videos: %w", videos, err)
		}
		services = append(services, service{t, polls(videos)})
		rows = append(rows, result.Row{
			Scenario: Videos, Subject: Subject, Parameters: map[string]string{ByVideos: strconv.Itoa(videos)},
			Note: "20 IDs by popularity, 64 connections that never pause",
		})
	}
	const connections = 64
	err = env.Interleave(ctx, len(services), func(ctx context.Context, _, i int) error {
		pool, err := load.Dial(ctx, services[i].Address, connections)
		if err != nil {
			return err
		}
		defer pool.Close()
		return measure(ctx, &rows[i], services[i].Tidemark, pool, load.Plan{
			Script: load.NewCycle(services[i].polls, connections), Duration: env.Window(),
		})
	})
	return rows, err
}

// byConnections polls at one rate from more and more connections: the pace that
// 10,000 pages with one poll in five seconds make.
func byConnections(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	const rate = 2000
	videos := scenario.Pick(env, 100_000, 100_000, 1_000)
	counts := scenario.Pick(env, []int{1, 10, 100, 1_000, 10_000}, []int{1, 100, 10_000}, []int{1, 100})
	t, err := start(ctx, env, videos)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop(t)) }()
	list := polls(videos)
	for _, n := range counts {
		rows = append(rows, result.Row{
			Scenario: Connections, Subject: Subject, Parameters: map[string]string{ByConnections: strconv.Itoa(n)},
			Note: fmt.Sprintf("20 IDs, %d polls/s in all at even steps, each connection in turn", rate),
		})
	}
	err = env.Interleave(ctx, len(counts), func(ctx context.Context, _, i int) error {
		pool, err := load.Dial(ctx, t.Address, counts[i])
		if err != nil {
			return err
		}
		defer pool.Close()
		// A connection that sends nothing for 5 s is closed, and at this rate the
		// turn of the last would come later: each sends once, right away.
		if _, err := pool.Run(ctx, load.Plan{Script: load.NewCycle(list, counts[i]), Duration: time.Hour, Limit: counts[i]}); err != nil {
			return err
		}
		return measure(ctx, &rows[i], t, pool, load.Plan{
			Script: load.NewCycle(list, counts[i]), Duration: env.Window(), Rate: rate,
		})
	})
	return rows, err
}
