package curves

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// byFolding polls at one rate while a producer puts more and more events into the
// log. The producer publishes record batches to the service's JetStream: what is
// measured is what the log and the fold cost the readers, and not what HTTP does.
func byFolding(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	const connections, pollRate = 64, 1000
	// The load waits in epoll, and Go may have given its processor to the producer
	// when it is due: that wait is not the service's.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1))
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
	if err := waitFolded(ctx, t, producer); err != nil {
		return nil, err
	}
	for _, rate := range rates {
		rows = append(rows, result.Row{
			Scenario: Folding, Subject: Subject, Parameters: map[string]string{ByEvents: strconv.Itoa(rate)},
			Note: fmt.Sprintf("20 IDs, %d polls/s at even steps from %d connections; events are views by popularity, and 20 of a thousand set all counters of a video that is looked at for torn answers", pollRate, connections),
		})
	}
	script := newTorn(videos, connections)
	err = env.Interleave(ctx, len(rates), func(ctx context.Context, _, i int) error {
		pool, err := load.Dial(ctx, t.Address, connections)
		if err != nil {
			return err
		}
		defer pool.Close()
		stop := producer.start(ctx, rates[i])
		err = measure(ctx, &rows[i], t, pool, load.Plan{Script: script, Duration: 2 * env.Window(), Rate: pollRate})
		published, producerErr := stop()
		if err := errors.Join(err, producerErr); err != nil {
			return err
		}
		rows[i].Add(result.Events, result.PerSecond, published)
		if published < 0.95*float64(rates[i]) {
			env.Miss(fmt.Sprintf("polls while %d events/s are folded: the log took only %.0f/s, so what stands under that rate is of this one", rates[i], published))
		}
		return waitFolded(ctx, t, producer)
	})
	return rows, err
}

// waitFolded waits until the last record batch is folded, so that a round does
// not pay for the one before: its number then stands in the twins' counters.
func waitFolded(ctx context.Context, t *process.Tidemark, p *producer) error {
	body := world.AppendBatchRequest(nil, []int{twin(p.videos, 0)})
	for {
		resp, err := http.Post("http://"+t.Address+batchPath, "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close(), ctx.Err()); err != nil {
			return err
		}
		if bytes.Contains(answer, fmt.Appendf(nil, `"view_count":%d,`, p.next)) {
			return nil
		}
	}
}
