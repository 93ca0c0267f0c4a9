package inprocess

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/tidemark-io/tidemark/bench/folding"
	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// requestsKept is how many different requests are cycled through: enough that
// the slots of the first are no longer in any cache when they come again.
const requestsKept = 1 << 15

// request is one list of IDs, as the table and as a client has it.
type request struct {
	ids  []events.VideoID
	body []byte
}

// workload is one way to ask one table.
type workload struct {
	table *table
	drawn string
	list  []request
	rows  [3]*result.Row // by what is done with a request
}

// reads measures every size with 20 IDs of either kind, and the middle size by
// the number of IDs.
func (t *tables) reads(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
	restore, err := folding.Collector(env.GOGC)
	if err != nil {
		return nil, err
	}
	defer restore()
	var loads []*workload
	add := func(videos, ids int, drawn string) error {
		table, err := t.of(ctx, env, videos)
		if err == nil {
			loads = append(loads, newWorkload(table, ids, drawn))
		}
		return err
	}
	all := sizes(env)
	for _, videos := range all {
		for _, drawn := range []string{"uniform", "zipf"} {
			if err := add(videos, 20, drawn); err != nil {
				return nil, err
			}
		}
	}
	for _, ids := range []int{1, 100, 200} {
		if err := add(all[min(1, len(all)-1)], ids, "uniform"); err != nil {
			return nil, err
		}
	}
	err = env.Interleave(ctx, len(loads), func(_ context.Context, _, n int) error { return loads[n].measure(env) })
	var rows []result.Row
	for _, l := range loads {
		for _, row := range l.rows {
			rows = append(rows, *row)
		}
	}
	return rows, err
}

func newWorkload(t *table, ids int, drawn string) *workload {
	w := &workload{table: t, drawn: drawn}
	pick := history.Uniform(uint64(ids), t.videos)
	if drawn == "zipf" {
		pick = history.Zipf(uint64(ids), t.videos)
	}
	// Fewer of the long ones: what counts is how many slots they touch.
	for range max(64, requestsKept/max(1, ids/20)/4) {
		w.list = append(w.list, newRequest(pick, ids))
	}
	for i, subject := range []string{Lookup, Answer, Handle} {
		w.rows[i] = &result.Row{Scenario: Reads, Subject: subject, Parameters: parameters(t.videos, ids, drawn)}
	}
	return w
}

// newRequest asks for distinct videos, as a page does.
func newRequest(pick history.Picker, ids int) request {
	var r request
	seen := map[int]bool{}
	body := []byte(`{"video_ids":[`)
	for len(r.ids) < ids {
		n := pick()
		if seen[n] {
			continue
		}
		seen[n] = true
		id := history.Video(n)
		r.ids = append(r.ids, id)
		if len(r.ids) > 1 {
			body = append(body, ',')
		}
		body = append(id.AppendTo(append(body, '"')), '"')
	}
	r.body = append(body, "]}"...)
	return r
}

func (w *workload) measure(env *scenario.Env) error {
	window := scenario.Pick(env, time.Second, 300*time.Millisecond, 20*time.Millisecond)
	w.note(0, timed(window, w.lookup()))
	answer, err := newAnswerer(w.table.fold)
	if err != nil {
		return err
	}
	if err := w.check(answer); err != nil {
		return err
	}
	w.note(1, timed(window, func(n int) { answer.direct(w.list[n%len(w.list)].body) }))
	w.note(2, timed(window, func(n int) { answer.serve(w.list[n%len(w.list)].body) }))
	return answer.err
}

func (w *workload) note(step int, m measured) {
	w.rows[step].Add(Time, Nanoseconds, m.nanoseconds)
	w.rows[step].Add(Allocations, result.Count, m.allocations)
}

func (w *workload) lookup() func(n int) {
	ids := len(w.list[0].ids)
	slots, found := make([]readmodel.Slot, ids), make([]bool, ids)
	videos := w.table.fold.Model().Videos
	return func(n int) { videos.Lookup(w.list[n%len(w.list)].ids, slots, found) }
}

// check asks once for each way and compares with what was folded: one view each.
func (w *workload) check(a *answerer) error {
	r := &w.list[0]
	for way, answer := range map[string][]byte{Answer: a.direct(r.body), Handle: a.serve(r.body)} {
		if got := strings.Count(string(answer), `"view_count":1,`); got != len(r.ids) || a.err != nil {
			return fmt.Errorf("%s: %d of %d videos have one view in %q: %w", way, got, len(r.ids), answer, a.err)
		}
	}
	return nil
}

// measured is the mean of many calls.
type measured struct{ nanoseconds, allocations float64 }

// timed calls f, with the numbers from 0 on, for about the window.
func timed(window time.Duration, f func(n int)) measured {
	for n := range 2000 { // buffers grow, and pools fill
		f(n)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, n := time.Now(), 0
	for time.Since(start) < window {
		for range 500 {
			f(n)
			n++
		}
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	// Whole numbers: what the runtime allocates beside is spread over many calls.
	allocations := float64((after.Mallocs - before.Mallocs) / uint64(n))
	return measured{float64(took.Nanoseconds()) / float64(n), allocations}
}
