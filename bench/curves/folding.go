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

const (
	foldingConnections = 64
	foldingPolls       = 1000 // a second
)

// byFolding polls at one rate while a producer puts more and more events into the
// log. The producer publishes record batches to the service's JetStream: what is
// measured is what the log and the fold cost the readers, and not what HTTP does.
func byFolding(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	defer roomForProducer()()
	videos := scenario.Pick(env, 1_000_000, 100_000, 1_000)
	rates := scenario.Pick(env, []int{0, 10_000, 50_000, 100_000, 200_000, 300_000}, []int{0, 50_000, 200_000}, []int{0, 20_000})
	t, producer, err := startProduced(ctx, env, videos)
	if err != nil {
		return nil, err
	}
	defer func() { producer.close(); err = errors.Join(err, stop(t)) }()
	for _, rate := range rates {
		rows = append(rows, result.Row{
			Scenario: Folding, Subject: Subject, Parameters: map[string]string{ByEvents: strconv.Itoa(rate)},
			Note: fmt.Sprintf("20 IDs, %d polls/s at even steps from %d connections; events are views by popularity, and 20 of a thousand set all counters of a video that is looked at for torn answers", foldingPolls, foldingConnections),
		})
	}
	script := newTorn(videos, foldingConnections)
	err = env.Interleave(ctx, len(rates), func(ctx context.Context, _, i int) error {
		return pollBeside(ctx, env, &rows[i], t, producer, rates[i], script)
	})
	return rows, err
}

// roomForProducer gives this process one processor of Go's more: the load waits in
// epoll, and Go may have given its own to the producer when it is due. That wait is
// not the service's.
func roomForProducer() (restore func()) {
	before := runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	return func() { runtime.GOMAXPROCS(before) }
}

// pollBeside polls while the producer publishes so many events a second.
func pollBeside(ctx context.Context, env *scenario.Env, row *result.Row, t *process.Tidemark, producer *producer, rate int, script torn) error {
	pool, err := load.Dial(ctx, t.Address, foldingConnections)
	if err != nil {
		return err
	}
	defer pool.Close()
	stop := producer.start(ctx, rate)
	err = measure(ctx, row, t, pool, load.Plan{Script: script, Duration: 2 * env.Window(), Rate: foldingPolls})
	published, producerErr := stop()
	if err := errors.Join(err, producerErr); err != nil {
		return err
	}
	row.Add(result.Events, result.PerSecond, published)
	if published < 0.95*float64(rate) {
		env.Miss(fmt.Sprintf("polls while %d events/s are folded: the log took only %.0f/s, so what stands under that rate is of this one", rate, published))
	}
	return waitFolded(ctx, t, producer)
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
