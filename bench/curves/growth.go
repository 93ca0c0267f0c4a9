package curves

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// What is viewed while polls are measured: videos that are known, ones that were
// never seen, and those by a service that writes no checkpoints meanwhile.
const (
	known    = "known"
	newcomer = "new"
	unsaved  = "new, without checkpoints"
)

func growthGoals() []result.Goal {
	goal := func(viewed, what string) result.Goal {
		return result.Goal{What: what + ": p99 to that of views of known ones", Figure: result.P99,
			Of: at(Growth, ByViewed, viewed), To: at(Growth, ByViewed, known), Reported: true}
	}
	return []result.Goal{
		goal(newcomer, "polls while 200,000 new videos/s make the table grow"),
		goal(unsaved, "the same without checkpoints"),
	}
}

// byGrowth polls at one rate while views are folded at one rate: of videos that are
// known, and of videos that were never seen, each of which takes a slot and a cell of
// the index, so that both grow all the time. Each of these is a row of the next
// checkpoint as well: a service without them tells what is growth.
func byGrowth(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	defer roomForProducer()()
	videos := scenario.Pick(env, 1_000_000, 100_000, 1_000)
	rate := scenario.Pick(env, 200_000, 200_000, 20_000)
	type subject struct {
		t        *process.Tidemark
		producer *producer
		script   torn
	}
	var subjects []subject
	defer func() {
		for _, s := range subjects {
			s.producer.close()
			err = errors.Join(err, stop(s.t))
		}
	}()
	for _, flags := range [][]string{nil, {"--checkpoint-interval=1h", "--checkpoint-bytes=1TiB"}} {
		t, producer, err := startProduced(ctx, env, videos, flags...)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, subject{t, producer, newTorn(videos, foldingConnections)})
	}
	kinds := []string{known, newcomer, unsaved}
	for _, kind := range kinds {
		rows = append(rows, result.Row{
			Scenario: Growth, Subject: Subject, Parameters: map[string]string{ByViewed: kind},
			Note: fmt.Sprintf("20 IDs, %d polls/s at even steps; %d views/s meanwhile; there are %d videos at first", foldingPolls, rate, videos),
		})
	}
	err = env.Interleave(ctx, len(kinds), func(ctx context.Context, _, i int) error {
		s := subjects[i/2]
		s.producer.newcomers = kinds[i] != known
		defer func() { s.producer.newcomers = false }()
		return pollBeside(ctx, env, &rows[i], s.t, s.producer, rate, s.script)
	})
	return rows, err
}

// startProduced starts a service with so many videos and a producer of its events.
// With flags it is started again with those, once its first checkpoints are written.
func startProduced(ctx context.Context, env *scenario.Env, videos int, flags ...string) (*process.Tidemark, *producer, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return nil, nil, err
	}
	t, err := start(ctx, env, videos, "--nats-listen", address)
	if err != nil {
		return nil, nil, err
	}
	if len(flags) > 0 {
		if err := t.Stop(); err != nil {
			return nil, nil, err
		}
		if t, err = process.StartTidemark(ctx, env.Tidemark, t.Dir, env.GOGC, append(flags, "--nats-listen", address)...); err != nil {
			return nil, nil, err
		}
	}
	p, err := newProducer(address, videos)
	if err != nil {
		return nil, nil, errors.Join(err, stop(t))
	}
	if err := waitFolded(ctx, t, p); err != nil {
		p.close()
		return nil, nil, errors.Join(err, stop(t))
	}
	return t, p, nil
}
