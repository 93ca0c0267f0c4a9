package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The collector's pace. What lives in a small service, mostly Badger's buffers,
// is 30 MB, and a collection takes it some 10 ms of processor time (6 to 40 on a
// busy machine); at 2.5 KB of garbage a poll, Go's own pace has one every 12,000.
// Garbage may always grow to minGarbage, and where more than that lives, to as
// much again, which is Go's own measure. A fixed GOGC=800 would let 1 GB of
// tables take 9 GB, and was slower for a small service too: a poll cost 6 to
// 13 % more processor time, since memory that comes round seldom is in no cache.
const (
	// minGarbage halves the collections of a small service.
	minGarbage = 64 << 20
	// collectorPoll is how often the pace is fitted to the heap.
	collectorPoll = 5 * time.Second
	// usualPercent is Go's GOGC where nobody sets it.
	usualPercent = 100
	// maxPercent bounds it for an all but empty heap: a heap that grows fast
	// between two looks must not run away.
	maxPercent = 800
)

// collectorPercent returns the GOGC for a heap of which live bytes live.
func collectorPercent(live uint64) int {
	if live == 0 {
		return maxPercent
	}
	return int(min(max(math.Ceil(100*minGarbage/float64(live)), usualPercent), maxPercent))
}

// paceCollector fits the collector to the heap until the context ends. An
// operator's GOGC stands as it is; GOMEMLIMIT holds in any case, since the
// runtime collects more often near it, whatever the percent.
func paceCollector(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	before := debug.SetGCPercent(usualPercent)
	defer debug.SetGCPercent(before)
	ticker := time.NewTicker(collectorPoll)
	defer ticker.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for set := usualPercent; ; {
		metrics.Read(sample)
		// SetGCPercent stops the world for a moment: only where it matters.
		if percent := collectorPercent(sample[0].Value.Uint64()); 10*max(percent-set, set-percent) > set {
			debug.SetGCPercent(percent)
			set = percent
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
