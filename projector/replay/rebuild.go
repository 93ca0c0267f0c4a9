package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// note is left beside a rebuild, for who goes on with it.
type note struct {
	RebuildOptions
	projector.RebuildNote
	// Base is what it began with.
	Base *Base `json:"base,omitempty"`
}

func (n note) encode() []byte {
	b, err := json.Marshal(n)
	if err != nil {
		panic(fmt.Sprintf("encode the note of a rebuild: %v", err)) // plain fields only
	}
	return b
}

// StartRebuild folds the log into a second model beside the serving one, which
// takes its place when it has caught up and is equal, or accepted. A rebuild that
// was begun before is gone on with, unless told otherwise. It fails at once where
// the source or memory does not suffice (ErrNotCovered, ErrMemory).
func (r *Runs) StartRebuild(ctx context.Context, o RebuildOptions) (RunID, error) {
	left, err := r.left()
	again := err == nil && !o.Fresh && len(o.FromExports) == 0
	if again {
		o.FromExports = left.FromExports
	}
	from, err := r.findBases(ctx, o.FromExports, o.FromSnapshot)
	if again && left.Held && errors.Is(err, ErrExport) { // gone: what was held back has folded all of it
		o.FromExports = nil
		from, err = r.findBases(ctx, nil, o.FromSnapshot)
	}
	if err != nil {
		return "", err
	}
	return r.startIn(r.beside(from, o.OnDisk), KindRebuild, o.Order.Asking(o.asked()), func(ctx context.Context, m *Meter) (any, error) {
		shadow, base, err := r.rebuildShadow(ctx, o, from, m)
		if err != nil && abandoned(ctx) {
			err = errors.Join(err, r.cfg.Projector.AbandonRebuild())
		}
		if err != nil {
			return nil, err
		}
		return r.rebuild(ctx, KindRebuild, o, r.foldBeside(shadow, from.source, from.room, m, o.EventsPerSecond), base)
	})
}

// StartSwitch lets a rebuilt model that was held back, or differed, take its
// place. It fails with projector.ErrNoRebuild where there is none.
func (r *Runs) StartSwitch(ctx context.Context, o SwitchOptions) (RunID, error) {
	left, err := r.left()
	if err != nil {
		return "", err
	}
	source := r.cfg.Source // one that was held back has folded all exports
	var from bases
	if !left.Held {
		if source, from.exports, err = r.behind(ctx, left.FromExports); err != nil {
			return "", err
		}
	}
	asked := o
	asked.Order = Order{}
	return r.startIn(r.beside(&from, o.OnDisk), KindSwitch, o.Order.Asking(asked), func(ctx context.Context, m *Meter) (any, error) {
		m.Phase("loading")
		shadow, err := r.cfg.Projector.ResumeShadow(ctx, projector.ShadowOptions{Read: readBack(source), OnDisk: from.room.onDisk()})
		if err != nil {
			return nil, err
		}
		again := RebuildOptions{Order: o.Order, Accept: o.Accept, FromExports: left.FromExports, OnDisk: o.OnDisk}
		return r.rebuild(ctx, KindSwitch, again, r.foldBeside(shadow, source, from.room, m, 0), left.Base)
	})
}

// StartRollback goes back to the model that served before the last switch, once
// it has caught up: at once or, where memory does not suffice for it beside the
// serving one, from the next start on. It fails with projector.ErrNoPrevious where
// there is none.
func (r *Runs) StartRollback(_ context.Context, o RollbackOptions) (RunID, error) {
	var from bases
	because := "" // of which it is done on disk unasked
	reserve := func(who string) (_ *Room, err error) {
		from.room, err = r.reserve(who, o.OnDisk, 1, besideBytes, 0, "it is done on disk")
		if errors.Is(err, ErrMemory) && !o.OnDisk {
			because = err.Error()
			from.room, err = r.reserve(who, true, 1, besideBytes, 0, insteadOfBeside)
		}
		return from.room, err
	}
	return r.startIn(reserve, KindRollback, o.Order, func(ctx context.Context, m *Meter) (any, error) {
		m.Phase("loading")
		served, err := r.cfg.Projector.PreviousServed()
		if err != nil {
			return nil, err
		}
		shadow, err := r.cfg.Projector.PreviousShadow(ctx, projector.ShadowOptions{Read: readBack(r.cfg.Source), OnDisk: from.room.onDisk()})
		if err != nil {
			return nil, err
		}
		// Whoever goes back wants what was there, whatever it is.
		back := RebuildOptions{Order: o.Order, Accept: true, OnDisk: from.room.onDisk() > 0}
		b := r.foldBeside(shadow, r.cfg.Source, from.room, m, 0)
		b.behind = served
		result, err := r.rebuild(ctx, KindRollback, back, b, nil)
		result.OnDiskBecause = because
		return result, err
	})
}

// rebuildShadow goes on with a rebuild, or begins one.
func (r *Runs) rebuildShadow(ctx context.Context, o RebuildOptions, from *bases, m *Meter) (*projector.Shadow, *Base, error) {
	p := r.cfg.Projector
	left, _ := r.left()
	m.Phase("loading")
	shadow, err := p.ResumeShadow(ctx, projector.ShadowOptions{Read: readBack(from.source), OnDisk: from.room.onDisk()})
	switch {
	case err == nil && !o.Fresh && from.goesOnFrom(ctx, shadow.At().Seq):
		return shadow, left.Base, r.goOnWith(shadow, left, o, m)
	case err == nil:
		if err := shadow.Discard(); err != nil {
			return nil, nil, err
		}
	case !errors.Is(err, projector.ErrNoRebuild):
		return nil, nil, err
	}
	return from.begin(ctx, r, m, func(base *Base, so projector.ShadowOptions) (*projector.Shadow, error) {
		return p.NewShadow(ctx, note{RebuildOptions: o, RebuildNote: projector.RebuildNote{Run: string(m.run)}, Base: base}.encode(), so)
	})
}

// goOnWith notes which run a rebuild belongs to from now on, and how it goes on.
func (r *Runs) goOnWith(shadow *projector.Shadow, left note, o RebuildOptions, m *Meter) error {
	m.Begin(left.Base)
	if left.Run == string(m.run) && slices.Equal(left.FromExports, o.FromExports) {
		return nil
	}
	left.Run, left.RebuildOptions = string(m.run), o
	return shadow.Note(left.encode())
}

// left is the note of a rebuild that did not get to its end; it says nothing where
// that cannot be read. It fails with projector.ErrNoRebuild.
func (r *Runs) left() (n note, err error) {
	text, err := r.cfg.Projector.Rebuilding()
	if err == nil && json.Unmarshal(text, &n) != nil {
		n = note{}
	}
	return n, err
}

// rebuild catches up with the serving model, compares, and switches.
func (r *Runs) rebuild(ctx context.Context, kind Kind, o RebuildOptions, b *beside, base *Base) (result *RebuildResult, err error) {
	b.waits = kind == KindSwitch
	if base != nil {
		b.behind = base.behind()
	}
	result = &RebuildResult{Model: b.shadow.Name(), Base: base}
	defer func() {
		b.notePeak()
		result.Seconds, result.PeakBytes = b.seconds(), b.peak
		err = errors.Join(err, b.close(ctx))
	}()
	if err := b.catchUp(ctx); err != nil {
		return result, err
	}
	b.meter.Phase("comparing")
	if err := b.compare(ctx, result); err != nil {
		return result, err
	}
	result.Events = b.events()
	if result.Equal {
		r.snapshotsCompared(base, result.At)
	}
	if hold := o.Hold || !result.Equal && !o.Accept; hold {
		return result, b.hold(ctx, o, result)
	}
	b.meter.Phase("switching")
	if err := b.shadow.Succeeds(result.Equal); err != nil {
		return result, err
	}
	r.decide(b.meter.run, result.Model, result)
	return result, b.serve(ctx, o, result)
}

// serve lets the shadow take the serving model's place, now or at the next start. If
// what served was wrong, so are the snapshots that were taken of it.
func (b *beside) serve(ctx context.Context, o RebuildOptions, result *RebuildResult) (err error) {
	resume := func() {}
	if !result.Equal {
		resume, err = b.p.DistrustSnapshots(b.behind, fmt.Sprintf("another read model was accepted in place of the one that it was taken of, at %v", result.At))
		if err != nil {
			return err
		}
		defer func() {
			if !result.NextStart { // else what serves is wrong still, until the next start or until that takes no other
				resume()
			}
		}()
	}
	if !o.OnDisk {
		return b.switchOver(ctx, result)
	}
	b.notePeak()
	err = b.p.ServeNext(b.shadow, resume)
	result.NextStart = err == nil
	return err
}

// asked is what is asked for, without who asks.
func (o RebuildOptions) asked() RebuildOptions {
	o.Order = Order{}
	return o
}

// compare compares the digests of both models.
func (b *beside) compare(ctx context.Context, result *RebuildResult) error {
	live, own, err := b.digests(ctx, b.shadow.SaveToServe)
	if err != nil {
		return err
	}
	b.notePeak()
	result.At, result.Digest, result.LiveDigest, result.Equal = own.At, own, live, own == live
	return nil
}

// hold leaves the shadow for somebody who accepts it.
func (b *beside) hold(ctx context.Context, o RebuildOptions, result *RebuildResult) error {
	waits := projector.RebuildNote{Run: string(b.meter.run), Held: true, HeldSince: b.runs.cfg.Now().UTC()}
	if err := b.shadow.Hold(note{RebuildOptions: o, RebuildNote: waits, Base: result.Base}.encode()); err != nil {
		return err
	}
	if result.Equal {
		return nil
	}
	b.meter.Phase("looking for differences")
	c, err := b.compareAll(ctx, new(VerifyResult))
	if err != nil {
		return errors.Join(ErrDiffers, err)
	}
	found := differencesOf(c)
	result.Differences = &found
	return ErrDiffers
}

// switchOver lets the shadow serve.
func (b *beside) switchOver(ctx context.Context, result *RebuildResult) error {
	for {
		// At the heels first, so that the files that name the models are written once.
		if err := b.lockstep(ctx, func(_, _ *readmodel.Model) {}); err != nil {
			return err
		}
		done, err := b.p.Switch(ctx, b.shadow)
		if errors.Is(err, projector.ErrBehind) {
			continue
		}
		if err != nil {
			return err
		}
		result.Switched, result.Replaced = true, done.Replaced
		result.Generation, result.PauseSeconds = done.Generation, done.Pause.Seconds()
		return nil
	}
}
