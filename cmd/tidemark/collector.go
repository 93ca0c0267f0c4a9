package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
)

// The collector's pace. The read model's tables lie on the Go heap and hold no
// pointers, so that collecting beside them costs nothing, while GOGC counts
// them as if it did: with a million videos GOGC=800 lets garbage grow past a
// gigabyte, and a poll that walks through memory which was never touched before
// took 48 µs of processor time in place of 33. So the percent is counted against
// the heap without the tables, as it would be if they lay elsewhere.
const (
	// usualPercent is Go's GOGC where nobody sets it.
	usualPercent = 100
	// usualGarbage is what may pile up in any case where nobody sets GOGC: what
	// lives in a small service, mostly Badger's buffers, is some 30 MB.
	usualGarbage = 64 << 20
	// leastHeap is the heap that the runtime scales by GOGC for its own minimum.
	leastHeap = 4 << 20
	// mostGarbage is what may pile up at most, unless more than that lives: past it
	// collections are rare enough, whatever GOGC says, and each page that garbage
	// takes before it is used again has to come from the kernel first.
	mostGarbage = 128 << 20
)

// collector fits the pace to the heap.
type collector struct {
	// percent of the heap without tables that garbage may grow to, and least in
	// bytes, whatever lives.
	percent, least uint64
	// tables returns how much of the heap is tables, in bytes.
	tables func() uint64
}

// newCollector reads the operator's GOGC. It returns false where that is off.
func newCollector(gogc string, tables func() uint64) (collector, bool) {
	if gogc == "off" {
		return collector{}, false
	}
	percent, err := strconv.ParseInt(gogc, 10, 32)
	switch {
	case err != nil: // not set, or what the runtime does not take either
		return collector{usualPercent, usualGarbage, tables}, true
	case percent < 0: // the runtime's other word for off
		return collector{}, false
	}
	return collector{uint64(percent), leastHeap * uint64(percent) / 100, tables}, true
}

// gogc returns the percent to set where so much of the heap lives: at least 1.
func (c *collector) gogc(live uint64) int {
	heap := live - min(c.tables(), live)
	garbage := max(min(heap*c.percent/100, max(heap, mostGarbage)), c.least)
	return int(max(100*garbage/max(live, leastHeap), 1))
}

// run fits the pace until the context ends. GOMEMLIMIT holds in any case: the
// runtime collects more often near it, whatever the percent.
func (c *collector) run(ctx context.Context) error {
	set := usualPercent
	before := debug.SetGCPercent(set)
	defer debug.SetGCPercent(before)
	collected := make(chan struct{}, 1)
	tellCollection(ctx, collected)
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		metrics.Read(sample)
		// SetGCPercent stops the world for a moment: only where it matters.
		if percent := c.gogc(sample[0].Value.Uint64()); 10*max(percent-set, set-percent) > set {
			debug.SetGCPercent(percent)
			set = percent
		}
		select {
		case <-ctx.Done():
			return nil
		case <-collected:
		}
	}
}

// tellCollection tells of each collection, which alone changes what is known of the
// heap, until the context ends.
func tellCollection(ctx context.Context, collected chan<- struct{}) {
	// What holds a pointer lies in memory of its own, so it is collected by itself.
	type mark struct{ _ *mark }
	runtime.AddCleanup(new(mark), func(ctx context.Context) {
		if ctx.Err() != nil {
			return
		}
		tellCollection(ctx, collected) // of the next one, before anybody hears of this
		select {
		case collected <- struct{}{}:
		default:
		}
	}, ctx)
}

// tableBytes is about what the tables take of the model that serves, and of those that
// are folded beside it.
func (a *app) tableBytes() uint64 { return a.projector.Snapshot().Sizes.TableBytes() + a.memory.Held() }

// paceCollector runs a collector for this process's GOGC.
func (a *app) paceCollector(ctx context.Context) error {
	c, ok := newCollector(os.Getenv("GOGC"), a.tableBytes)
	if !ok {
		<-ctx.Done()
		return nil
	}
	return c.run(ctx)
}
