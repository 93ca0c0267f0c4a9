package curves

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// byFolding polls at one rate while a producer puts more and more events into the
// log. The producer publishes record batches to the service's JetStream: what is
// measured is what the log and the fold cost the readers, and not what HTTP does.
func byFolding(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	const connections, pollRate = 64, 1000
	videos := scenario.Pick(env, 1_000_000, 100_000, 1_000)
	rates := scenario.Pick(env, []int{0, 10_000, 50_000, 100_000, 200_000, 300_000}, []int{0, 50_000, 200_000}, []int{0, 20_000})
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	t, err := start(ctx, env, videos, "--nats-listen", address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop(t)) }()
	producer, err := newProducer(address, videos)
	if err != nil {
		return nil, err
	}
	defer producer.close()
	for _, rate := range rates {
		rows = append(rows, result.Row{
			Scenario: Folding, Subject: Subject, Parameters: map[string]string{ByEvents: strconv.Itoa(rate)},
			Note: fmt.Sprintf("20 IDs, %d polls/s at even steps from %d connections; events are views by popularity", pollRate, connections),
		})
	}
	script := newCounted(polls(videos), connections)
	err = env.Interleave(ctx, len(rates), func(ctx context.Context, _, i int) error {
		pool, err := load.Dial(ctx, t.Address, connections)
		if err != nil {
			return err
		}
		defer pool.Close()
		stop := producer.start(ctx, rates[i])
		err = measure(ctx, &rows[i], t, pool, load.Plan{Script: script, Duration: env.Window(), Rate: pollRate})
		published, producerErr := stop()
		if err := errors.Join(err, producerErr); err != nil {
			return err
		}
		rows[i].Add(result.Events, result.PerSecond, published)
		if published < 0.95*float64(rates[i]) {
			env.Miss(fmt.Sprintf("polls while %d events/s are folded: the log took only %.0f/s, so what stands under that rate is of this one", rates[i], published))
		}
		return waitFolded(ctx, t)
	})
	return rows, err
}

// counted is a script whose answers change, because their counters do: it checks
// that each names its 20 videos.
type counted struct {
	*load.Cycle
}

func newCounted(list []load.Exchange, connections int) counted {
	open := make([]load.Exchange, len(list))
	for i := range list {
		open[i] = load.Exchange{Request: list[i].Request}
	}
	return counted{load.NewCycle(open, connections)}
}

// Check counts the videos.
func (c counted) Check(connection int, a *load.Answer) error {
	if err := c.Cycle.Check(connection, a); err != nil {
		return err
	}
	if n := bytes.Count(a.Body, []byte(`"view_count":`)); n != ids {
		return fmt.Errorf("an answer names %d videos, %d were asked for: %.300s", n, ids, a.Body)
	}
	return nil
}

// waitFolded waits until nothing is left to fold, so that a round does not pay
// for the one before.
func waitFolded(ctx context.Context, t *process.Tidemark) error {
	for {
		resp, err := http.Get("http://" + t.Address + "/metrics")
		if err != nil {
			return err
		}
		var text bytes.Buffer
		_, err = text.ReadFrom(resp.Body)
		if err := errors.Join(err, resp.Body.Close(), ctx.Err()); err != nil {
			return err
		}
		if bytes.Contains(text.Bytes(), []byte("\ntidemark_projector_lag_events 0\n")) {
			return nil
		}
	}
}
