package curves

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// What is viewed while polls are measured.
const (
	known    = "known"
	newcomer = "new"
)

func growthGoals() (goals []result.Goal) {
	for _, figure := range []string{result.P99, result.Worst} {
		goals = append(goals, result.Goal{What: "polls while 200,000 new videos/s make the table grow: " + figure + " to that of views of known ones", Figure: figure,
			Of: at(Growth, ByViewed, newcomer), To: at(Growth, ByViewed, known), Reported: true})
	}
	return goals
}

// byGrowth polls at one rate while views are folded at one rate: of videos that are
// known, and of videos that were never seen, each of which takes a slot and a cell of
// the index, so that both grow all the time.
func byGrowth(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	defer roomForProducer()()
	videos := scenario.Pick(env, 1_000_000, 100_000, 1_000)
	rate := scenario.Pick(env, 200_000, 200_000, 20_000)
	t, producer, err := startProduced(ctx, env, videos)
	if err != nil {
		return nil, err
	}
	defer func() { producer.close(); err = errors.Join(err, stop(t)) }()
	kinds := []string{known, newcomer}
	for _, kind := range kinds {
		rows = append(rows, result.Row{
			Scenario: Growth, Subject: Subject, Parameters: map[string]string{ByViewed: kind},
			Note: fmt.Sprintf("20 IDs, %d polls/s at even steps; %d views/s meanwhile; there are %d videos at first", foldingPolls, rate, videos),
		})
	}
	script := newTorn(videos, foldingConnections)
	err = env.Interleave(ctx, len(kinds), func(ctx context.Context, _, i int) error {
		producer.newcomers = kinds[i] == newcomer
		defer func() { producer.newcomers = false }()
		return pollBeside(ctx, env, &rows[i], t, producer, rate, script)
	})
	return rows, err
}

// startProduced starts a service with so many videos and a producer of its events.
func startProduced(ctx context.Context, env *scenario.Env, videos int) (*process.Tidemark, *producer, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return nil, nil, err
	}
	t, err := start(ctx, env, videos, "--nats-listen", address)
	if err != nil {
		return nil, nil, err
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
