package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/internal/sleep"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	// namedDifferences bounds what a result names.
	namedDifferences = 1000
	// restFactor is how many times as long as the serving fold waited for a bucket
	// it is left alone after it.
	restFactor = 9
	// repairRounds bounds how often a repair looks again. What was wrong may have
	// spread before it was mended, from a like to its video, but no further.
	repairRounds = 5
)

// StartVerify compares the serving model with a fold of the log: their digests at
// a checkpoint, and then, while both are folded on in lockstep, everything that
// is in them, bucket by bucket. It fails at once as StartRebuild does.
func (r *Runs) StartVerify(ctx context.Context, o VerifyOptions) (RunID, error) {
	switch {
	case o.Archive && r.cfg.Archive == nil:
		return "", ErrNoArchive
	case o.Archive && len(o.FromExports) > 0:
		return "", fmt.Errorf("%w: the archive's messages are folded where it is verified: verify it and the export one after the other", ErrExport)
	}
	from, err := r.findBases(ctx, o.FromExports, o.FromSnapshot && !o.Archive)
	if err != nil {
		return "", err
	}
	return r.startIn(r.beside(from, o.OnDisk), KindVerify, o.Order.Asking(o.asked()), func(ctx context.Context, m *Meter) (any, error) {
		result := new(VerifyResult)
		err := r.verifying(ctx, o, from, m, result, func(*beside, *readmodel.Comparison) error { return nil })
		if err == nil && !o.Archive && result.Differences.Count == 0 {
			r.snapshotsCompared(result.Base, result.From)
		}
		r.verified(result, err)
		return result, err
	})
}

// StartRepair verifies, and writes the keys that differ anew in the serving model,
// until none does.
func (r *Runs) StartRepair(ctx context.Context, o RepairOptions) (RunID, error) {
	from, err := r.findBases(ctx, o.FromExports, o.FromSnapshot)
	if err != nil {
		return "", err
	}
	return r.startIn(r.beside(from, o.OnDisk), KindRepair, o.Order.Asking(o.asked()), func(ctx context.Context, m *Meter) (any, error) {
		result := new(RepairResult)
		err := r.verifying(ctx, o.VerifyOptions, from, m, &result.VerifyResult, func(b *beside, c *readmodel.Comparison) error {
			return r.repair(ctx, b, c, result)
		})
		if err == nil {
			r.snapshotsCompared(result.Base, result.From)
			r.verified(new(VerifyResult), nil) // it has looked again until nothing differed
		}
		return result, err
	})
}

// asked is what is asked for, without who asks.
func (o VerifyOptions) asked() VerifyOptions {
	o.Order = Order{}
	return o
}

// verifying folds a shadow, compares, and then has it still in lockstep for more.
func (r *Runs) verifying(ctx context.Context, o VerifyOptions, from *bases, m *Meter, result *VerifyResult, then func(*beside, *readmodel.Comparison) error) (err error) {
	source := from.source
	if o.Archive {
		if source, err = r.compareArchive(ctx, &o, from.room, m, result); err != nil {
			return err
		}
		if result.Archive.Count == 0 {
			from.trimmed = result.Archive.Last // all that it has is read from there
		}
	}
	shadow, base, err := from.begin(ctx, r, m, func(_ *Base, o projector.ShadowOptions) (*projector.Shadow, error) {
		return r.cfg.Projector.ComparedShadow(ctx, o)
	})
	result.Base = base
	if err != nil {
		return err
	}
	b := r.foldBeside(shadow, source, from.room, m, o.EventsPerSecond)
	defer func() {
		result.Seconds = b.seconds()
		err = errors.Join(err, b.close(ctx))
	}()
	result.First = shadow.At().Seq + 1
	if err := b.catchUp(ctx); err != nil {
		return err
	}
	m.Phase("comparing")
	live, own, err := b.digests(ctx, shadow.Save)
	if err != nil {
		return err
	}
	c, err := b.compareAll(ctx, result)
	if err != nil {
		return err
	}
	c.NoteDigests(live, own)
	result.Last, result.Events = shadow.At().Seq, b.events()
	result.Differences = differencesOf(c)
	return then(b, c)
}

// digests brings the shadow to a checkpoint of the serving model, and returns the
// digests of both there. What one folds, the other folds alike, so that two which are
// equal once stay equal; the fold does not wait for any of it.
func (b *beside) digests(ctx context.Context, save func() (readmodel.Digest, error)) (live, own readmodel.Digest, err error) {
	if err := b.shadow.AwaitDisk(ctx); err != nil {
		return live, own, err
	}
	if live, err = b.p.Checkpoint(ctx, b.shadow.At().Seq); err != nil {
		return live, own, err
	}
	if err := b.foldTo(ctx, live.At.Seq); err != nil {
		return live, own, err
	}
	own, err = save()
	return live, own, err
}

// compareAll compares the serving model with the shadow, bucket by bucket.
func (b *beside) compareAll(ctx context.Context, result *VerifyResult) (c *readmodel.Comparison, err error) {
	for first := true; ; first = false {
		var beside func() error
		var more bool
		var took time.Duration
		asked := b.lockstep(ctx, func(live, shadow *readmodel.Model) {
			begun := time.Now()
			if first {
				c = readmodel.Compare(live, shadow)
				result.From = live.At()
			}
			if err = projector.ErrReplaced; c.Of(live) {
				beside, more, err = c.Next()
			}
			result.At = live.At()
			took = time.Since(begun)
		})
		if err := errors.Join(asked, err); err != nil {
			return nil, fmt.Errorf("compare with the serving model: %w", err)
		}
		if beside != nil {
			if err := beside(); err != nil {
				return nil, fmt.Errorf("compare with the serving model: %w", err)
			}
		}
		if !more {
			result.Buckets += c.Buckets
			return c, nil
		}
		if !sleep.For(ctx, restFactor*took) {
			return nil, ctx.Err()
		}
	}
}

// repair mends what a comparison found, and looks again.
func (r *Runs) repair(ctx context.Context, b *beside, c *readmodel.Comparison, result *RepairResult) error {
	found, count := c.Found()
	if count == 0 {
		return nil
	}
	b.meter.Phase("repairing")
	result.concerns(found)
	resume, err := b.p.DistrustSnapshots(result.Base.behind(), fmt.Sprintf("it was taken before the read model was repaired, at %v", result.At))
	if err != nil {
		return err
	}
	defer resume()
	for round := 1; ; round++ {
		err := b.atHeels(ctx, func() error {
			mended, generation, err := b.p.Mend(ctx, b.shadow, c)
			result.Repaired, result.Generation = result.Repaired+mended, generation
			return err
		})
		if err != nil {
			return err
		}
		if c, err = b.compareAll(ctx, &result.VerifyResult); err != nil {
			return err
		}
		if found, count = c.Found(); count == 0 {
			break
		}
		result.concerns(found)
		if round == repairRounds {
			return fmt.Errorf("%w: %d keys still differ after %d rounds", readmodel.ErrUnmendable, count, round)
		}
	}
	live, own, err := b.digests(ctx, b.shadow.Save)
	if err == nil && live != own {
		err = fmt.Errorf("%w: no key differs, and the digests do", readmodel.ErrUnmendable)
	}
	return err
}

// snapshotsCompared notes that the serving model was what the log says from a position on.
func (r *Runs) snapshotsCompared(base *Base, from events.Position) {
	if !base.independent() {
		return
	}
	if err := r.cfg.Projector.SnapshotsCompared(from.Seq); err != nil {
		r.cfg.Logger.Warn("that snapshots were compared could not be noted", "error", err)
	}
}

func differencesOf(c *readmodel.Comparison) Differences {
	found, count := c.Found()
	d := Differences{Count: count, Keys: []Difference{}}
	for _, f := range found[:min(len(found), namedDifferences)] {
		d.Keys = append(d.Keys, Difference{Kind: f.Table, ID: f.ID, Live: f.Live, Log: f.Log})
	}
	return d
}
