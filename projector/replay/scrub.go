package replay

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// scrubRate is how many events a second a scrub folds: it may take its time, and
// nobody should notice it.
const scrubRate = 200_000

// verifyRecord is what verifications, scrubs included, have found so far.
type verifyRecord struct {
	runs, failed atomic.Int64
	differences  atomic.Int64 // of the last that got to its end
	postponed    atomic.Int64 // scrubs
	success      atomic.Int64 // when that was which found nothing, in Unix seconds
}

// VerifyStats is a look at the verifications of this process.
type VerifyStats struct {
	Runs, Failed int64
	// Differences were found by the last that got to its end.
	Differences int64
	// LastSuccess is when the last one ended that found none, in Unix seconds; 0 if
	// none did.
	LastSuccess int64
	// Postponed are scrubs that waited for the end of a run that changed the model, or
	// were left out since other folds had the memory.
	Postponed int64
}

// VerifyStats returns the present figures.
func (r *Runs) VerifyStats() VerifyStats {
	v := &r.record
	return VerifyStats{Runs: v.runs.Load(), Failed: v.failed.Load(), Differences: v.differences.Load(), LastSuccess: v.success.Load(), Postponed: v.postponed.Load()}
}

// verified takes note of a verification that ended.
func (r *Runs) verified(result *VerifyResult, err error) {
	v := &r.record
	v.runs.Add(1)
	if err != nil {
		v.failed.Add(1)
		return
	}
	found := int64(result.Differences.Count)
	if v.differences.Store(found); found == 0 {
		v.success.Store(r.cfg.Now().Unix())
		return
	}
	first := result.Differences.Keys[0]
	r.cfg.Logger.Error("the serving read model is not what the log says: repair it", "differences", found,
		"first", first.Kind+" "+first.ID, "serves", first.Live, "log", first.Log)
}

// scrub verifies at a low rate in the interval, until the context ends.
func (r *Runs) scrub(ctx context.Context) {
	if r.cfg.ScrubInterval <= 0 {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(r.cfg.ScrubInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		r.awaitUnchanged(ctx)
		o := VerifyOptions{Order: Order{Reason: "scrub"}, EventsPerSecond: scrubRate}
		_, err := r.StartVerify(ctx, o)
		if errors.Is(err, ErrMemory) {
			o.OnDisk = true // a second model does not fit, or not now
			_, err = r.StartVerify(ctx, o)
		}
		var short *MemoryError
		switch {
		case err == nil || errors.Is(err, ErrBusy) || ctx.Err() != nil:
		case errors.As(err, &short) && len(short.Holders) > 0:
			r.record.postponed.Add(1) // to the next interval: others have the memory
		default:
			r.verified(nil, err)
			r.cfg.Logger.Warn("the read model could not be scrubbed", "error", err)
		}
	}
}

// awaitUnchanged waits until no run changes which model serves, or what is in it: to
// compare with what is about to be replaced would be for nothing, and take a third
// model's memory.
func (r *Runs) awaitUnchanged(ctx context.Context) {
	for postponed := false; ; postponed = true {
		changed := r.changing()
		if changed == nil {
			return
		}
		if !postponed {
			r.record.postponed.Add(1)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// changing returns what is closed at the end of the run under way that changes the
// serving model; nil where there is none.
func (r *Runs) changing() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.list {
		if one.State == StateRunning && slices.Contains(changes, one.Kind) {
			return one.done
		}
	}
	return nil
}
