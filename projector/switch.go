package projector

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Switched is what a switch did.
type Switched struct {
	// Model is the one that serves now, Replaced the one that served before.
	Model, Replaced string
	Generation      uint32
	// Pause is how long the fold stood still.
	Pause time.Duration
}

// Checkpoint has the serving model checkpointed where its last checkpoint lies
// before the sequence, and returns the digest of the newest.
func (p *Projector) Checkpoint(ctx context.Context, atLeast uint64) (d readmodel.Digest, err error) {
	for {
		var written chan error
		err := p.between(ctx, func() {
			e := p.live
			if d = e.digest; e.saved.Seq >= atLeast && e.savedMends == e.mends {
				return
			}
			written = make(chan error, 1)
			if e.saver.beginNow(); e.saver.busy {
				e.saver.awaited = append(e.saver.awaited, written)
			} else {
				written <- errors.New("the disk may not be written to, or the last checkpoint has just failed")
			}
		})
		if err != nil || written == nil {
			return d, err
		}
		select {
		case err := <-written:
			if err != nil {
				return d, fmt.Errorf("checkpoint the serving model: %w", err)
			}
		case <-ctx.Done():
			return d, ctx.Err()
		}
	}
}

// SaveToServe checkpoints the shadow with a generation above all that ever
// served, as what it will be when it has taken the serving model's place.
func (s *Shadow) SaveToServe() (readmodel.Digest, error) {
	generation, err := s.p.models.NextGeneration()
	if err != nil {
		return readmodel.Digest{}, err
	}
	s.e.model.SetGeneration(generation)
	return s.Save()
}

// Succeeds settles how the shadow will judge in the serving model's place: as that
// does where the two are equal, or otherwise. Call it before Switch and ServeNext.
func (s *Shadow) Succeeds(equal bool) error {
	epoch := s.e.model.Snapshot().Generation()
	if equal {
		epoch = s.p.Judges().Epoch
	}
	if epoch == s.e.id.Epoch {
		return nil
	}
	s.e.id.Epoch = epoch
	_, err := s.Save()
	return err
}

// Switch lets the shadow take the serving model's place, between two record
// batches and at one position. Call SaveToServe and Follow before. Readers of the
// old model end in peace; new ones find the new. It is named on the disk first: who
// starts after a crash in between begins with the new model's checkpoint, which
// is of the same log.
func (p *Projector) Switch(ctx context.Context, s *Shadow) (Switched, error) {
	if s.e.space != nil {
		return Switched{}, ErrOnDisk
	}
	p.naming.Lock()
	defer p.naming.Unlock()
	result := Switched{Model: s.e.name, Generation: s.e.model.Snapshot().Generation()}
	before, err := p.Names()
	if err == nil {
		saved := p.Stats().Saved.Seq
		err = writeKept(p.models, before.Current, kept{saved, saved}) // it is not closed yet
	}
	if err != nil {
		return result, err
	}
	result.Replaced = before.Current
	after := before
	after.Current, after.Previous = s.e.name, before.Current
	if before.Rebuilding == s.e.name {
		after.Rebuilding = ""
	}
	if err := p.name(after); err != nil {
		return result, errors.Join(err, p.nameAgain(before))
	}
	s.e.saver.settle()
	s.e.saver.bytes = math.MaxInt // the next checkpoint is the serving model's
	result.Pause, err = p.lockstep(ctx, s, func(_, _ *readmodel.Model) { p.serveFrom(s.e) })
	if err != nil {
		s.e.saver.bytes = shadowBytes
		return result, errors.Join(fmt.Errorf("switch to model %s: %w", s.e.name, err), p.nameAgain(before))
	}
	s.e = nil
	if err := p.forgetNext(); err != nil {
		p.cfg.Logger.Warn("a model that the next start was to take could not be removed", "error", err)
	}
	// Others may be there that are only compared with: they are not to be touched.
	if old := before.Previous; old != "" && old != result.Model {
		if err := p.models.Remove(old); err != nil {
			p.cfg.Logger.Warn("the model that served before the last one could not be removed", "name", old, "error", err)
		}
	}
	p.cfg.Logger.Info("switched to another read model", "name", result.Model, "replaced", result.Replaced,
		"generation", result.Generation, "pause", result.Pause.String())
	return result, nil
}

// serveFrom makes an edition the one that is folded into and serves. Both are at one
// position. In the fold.
func (p *Projector) serveFrom(e *edition) {
	old := p.live
	e.saver.timer.Stop()
	old.stats, e.stats = new(stats), &p.stats
	e.stats.saved.Store(e.saved.Packed())
	e.saver = p.saverOf(e)
	// From here on its fold is the one that tells and counts.
	poisoned := old.fold.poisoned
	e.judge = p.cfg.Judge
	e.fold = NewFold(e.model, e.judging())
	e.fold.poisoned = poisoned
	p.live = e
	p.serving.Store(e.model)
	p.judgesAs(e.id)
	p.retiring.Add(1)
	p.wg.Go(func() {
		defer p.retiring.Done()
		p.retire(old)
	})
}

// retire writes the last checkpoint of an edition that does not serve any more,
// and closes it when its last reader has gone.
func (p *Projector) retire(e *edition) {
	e.saver.wait(false)
	if _, err := e.drain(); err != nil {
		p.cfg.Logger.Error("the model that served before could not be checkpointed; to go back to it more must be folded", "error", err)
	}
	e.model.Retire()
	if err := e.store.CloseIdle(p.running); err != nil {
		p.cfg.Logger.Error("the model that served before could not be closed cleanly", "error", err)
	}
}
