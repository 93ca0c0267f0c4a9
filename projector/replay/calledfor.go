package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A start calls for a rebuild where the process before did not get to the end of one, or
// where what serves was made by another fold than this binary's. What keeps it from
// being started may pass: a log that does not answer, memory that others have.

// settling are the kinds of runs by which a person decides what becomes of it.
var settling = []Kind{KindRebuild, KindSwitch, KindRollback, KindDiscard}

// goOn begins what the start calls for, now or, where that fails, later.
func (r *Runs) goOn(ctx context.Context) {
	p := r.cfg.Projector
	if p == nil {
		return
	}
	select {
	case <-p.Live():
	case <-ctx.Done():
		return
	}
	if err := r.startCalledFor(ctx, true); err != nil {
		r.wg.Go(func() { r.goOnLater(ctx, err) })
	}
}

// goOnLater tries again until the rebuild is started, or a person has started or
// discarded one. That is a run of its own: the one that was interrupted may have been
// told to have ended meanwhile.
func (r *Runs) goOnLater(ctx context.Context, err error) {
	tick := time.NewTicker(r.cfg.RetryPause)
	defer tick.Stop()
	for said := ""; err != nil && ctx.Err() == nil; {
		if err.Error() != said {
			said = err.Error()
			r.cfg.Logger.Error("a rebuild that is called for cannot be started, it will be tried again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if r.settledByHand() {
			return
		}
		err = r.startCalledFor(ctx, false)
	}
}

// settledByHand reports whether a run was begun in this process that decides what
// becomes of a rebuild.
func (r *Runs) settledByHand() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.list, func(one *run) bool { return one.ctx != nil && slices.Contains(settling, one.Kind) })
}

// startCalledFor starts the rebuild that is called for, if there is one, on disk where
// memory does not suffice. A run that was interrupted goes on where it resumes.
func (r *Runs) startCalledFor(ctx context.Context, resumes bool) error {
	o, called := r.calledFor(resumes)
	if !called {
		return nil
	}
	_, err := r.StartRebuild(ctx, o)
	if errors.Is(err, ErrMemory) && !o.OnDisk {
		r.cfg.Logger.Warn("memory does not suffice for a rebuild that is called for: it is done on disk", "reason", o.Reason)
		o.OnDisk = true
		_, err = r.StartRebuild(ctx, o)
	}
	if err != nil {
		return fmt.Errorf("start a rebuild (%s): %w", o.Reason, err)
	}
	return nil
}

// calledFor returns the rebuild that an earlier process did not get to the end of, or
// that this binary's fold calls for.
func (r *Runs) calledFor(resumes bool) (o RebuildOptions, called bool) {
	p := r.cfg.Projector
	left, err := p.Rebuilding()
	from, changed := p.FoldChanged()
	switch {
	case err == nil:
		var n note
		unread := json.Unmarshal(left, &n)
		switch {
		case unread == nil && n.Held && changed && r.heldByAnotherFold():
			o.Reason = anotherFold(from)
		case unread != nil || n.Held:
			return o, false
		default:
			o, o.Fresh = n.RebuildOptions, false
			if resumes {
				o.resumes = r.interrupted(RunID(n.Run))
			}
		}
	case changed:
		o.Reason = anotherFold(from)
	default:
		return o, false
	}
	return o, true
}

func anotherFold(from int) string {
	return fmt.Sprintf("the serving model was made by fold version %d, this binary's is another", from)
}

// heldByAnotherFold reports whether what waits to be accepted is of no use to this
// binary: then it does not keep from rebuilding.
func (r *Runs) heldByAnotherFold() bool {
	another, err := r.cfg.Projector.RebuiltByAnotherFold()
	if err != nil {
		r.cfg.Logger.Warn("which fold made the rebuilt model that waits is not known, so it goes on waiting", "error", err)
	}
	return another
}
