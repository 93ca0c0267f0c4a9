package inprocess

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tidemark-io/tidemark/bench/folding"
	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	// idsKept is how many IDs are cycled through: enough that the slots of the first
	// are no longer in any cache when they come again.
	idsKept = 20 << 15
	// stretch is how many requests arrive before the clock starts. What has just
	// arrived is in the caches, as it is when a socket was read.
	stretch = 64
)

// request is one list of IDs, as the table and as a client has it.
type request struct {
	ids  []events.VideoID
	body []byte
}

// workload is one way to ask one table.
type workload struct {
	table   *table
	drawn   string
	each    int              // IDs in a request
	ids     []events.VideoID // of all requests
	arrived [stretch]request
	rows    [3]*result.Row // by what is done with a request
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
	w := &workload{table: t, drawn: drawn, each: ids}
	pick := history.Uniform(uint64(ids), t.videos)
	if drawn == "zipf" {
		pick = history.Zipf(uint64(ids), t.videos)
	}
	var asked []int
	for range idsKept / ids {
		asked = asked[:0]
		for len(asked) < ids { // distinct ones, as on a page
			if n := pick(); !slices.Contains(asked, n) {
				asked = append(asked, n)
				w.ids = append(w.ids, history.Video(n))
			}
		}
	}
	for i, subject := range []string{Lookup, Answer, Handle} {
		w.rows[i] = &result.Row{Scenario: Reads, Subject: subject, Parameters: parameters(t.videos, ids, drawn)}
	}
	return w
}

// arrive makes the requests that begin with that number.
func (w *workload) arrive(first int) {
	for i := range w.arrived {
		from := (first + i) % (len(w.ids) / w.each) * w.each
		w.arrived[i].set(w.ids[from : from+w.each])
	}
}

func (r *request) set(ids []events.VideoID) {
	r.ids, r.body = append(r.ids[:0], ids...), append(r.body[:0], `{"video_ids":[`...)
	for i := range r.ids {
		if i > 0 {
			r.body = append(r.body, ',')
		}
		r.body = append(r.ids[i].AppendTo(append(r.body, '"')), '"')
	}
	r.body = append(r.body, "]}"...)
}

func (w *workload) measure(env *scenario.Env) error {
	window := scenario.Pick(env, time.Second, 300*time.Millisecond, 20*time.Millisecond)
	w.note(0, w.timed(window, w.lookup()))
	answer, err := newAnswerer(w.table.fold)
	if err != nil {
		return err
	}
	if err := w.check(answer); err != nil {
		return err
	}
	w.note(1, w.timed(window, func(r *request) { answer.direct(r.body) }))
	w.note(2, w.timed(window, func(r *request) { answer.serve(r.body) }))
	return answer.err
}

func (w *workload) note(step int, m measured) {
	w.rows[step].Add(Time, Nanoseconds, m.nanoseconds)
	w.rows[step].Add(Allocations, result.Count, m.allocations)
}

func (w *workload) lookup() func(*request) {
	slots, found := make([]readmodel.Slot, w.each), make([]bool, w.each)
	videos := w.table.fold.Model().Videos
	return func(r *request) { videos.Lookup(r.ids, slots, found) }
}

// check asks once for each way and compares with what was folded: one view each.
func (w *workload) check(a *answerer) error {
	w.arrive(0)
	r := &w.arrived[0]
	for way, answer := range map[string][]byte{Answer: a.direct(r.body), Handle: a.serve(r.body)} {
		if got := strings.Count(string(answer), `"view_count":1,`); got != len(r.ids) || a.err != nil {
			return fmt.Errorf("%s: %d of %d videos have one view in %q: %w", way, got, len(r.ids), answer, a.err)
		}
	}
	return nil
}

// measured is the mean of many calls.
type measured struct{ nanoseconds, allocations float64 }

// timed calls f with one request after the other until that took about the window.
func (w *workload) timed(window time.Duration, f func(*request)) measured {
	n, took := 0, time.Duration(0)
	next := func() {
		w.arrive(n)
		start := time.Now()
		for i := range w.arrived {
			f(&w.arrived[i])
		}
		took += time.Since(start)
		n += len(w.arrived)
	}
	for n < 2000 { // buffers grow, and pools fill
		next()
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, took = 0, 0
	for took < window {
		next()
	}
	runtime.ReadMemStats(&after)
	// Whole numbers: what the runtime allocates beside is spread over many calls.
	allocations := float64((after.Mallocs - before.Mallocs) / uint64(n))
	return measured{float64(took.Nanoseconds()) / float64(n), allocations}
}
