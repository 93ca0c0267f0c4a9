package projector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// saver writes checkpoints beside the fold: the fold hands an image over, goes
// on, and takes note when it is written. One runs at a time; one that failed
// is tried again, since the image holds what no later one will.
type saver struct {
	p     *Projector
	timer *time.Ticker
	done  chan saved
	image *readmodel.Image // being written, or to be tried again
	mark  []byte
	busy  bool
	// retryAt is when a checkpoint that failed may be tried again.
	retryAt time.Time
}

type saved struct {
	view *checkpoint.View
	took time.Duration
	err  error
}

// retryAfter is the pause before a checkpoint that failed is tried again.
const retryAfter = 5 * time.Second

func newSaver(p *Projector) *saver {
	return &saver{p: p, timer: time.NewTicker(p.cfg.CheckpointInterval), done: make(chan saved, 1)}
}

func (s *saver) tick() <-chan time.Time { return s.timer.C }

// begin starts a checkpoint, unless one runs, nothing changed, or the disk
// may not be written to now.
func (s *saver) begin() {
	if s.busy || (s.image == nil && s.p.model.At() == s.p.saved) || s.p.cfg.Now().Before(s.retryAt) {
		return
	}
	if err := s.p.cfg.MayWrite(); err != nil {
		s.retryAt = s.p.cfg.Now().Add(retryAfter)
		s.p.stats.postponed.Add(1)
		return
	}
	if s.image == nil {
		s.image, s.mark = s.p.freeze()
	}
	s.busy = true
	image, mark := s.image, s.mark
	s.p.wg.Go(func() {
		start := s.p.cfg.Now()
		view, err := s.p.write(image, mark)
		if err == nil {
			s.p.store.CollectGarbage()
		}
		s.done <- saved{view, s.p.cfg.Now().Sub(start), err}
	})
}

// finish takes note of a checkpoint that was written, or failed.
func (s *saver) finish(r saved) error {
	s.busy = false
	if errors.Is(r.err, checkpoint.ErrBroken) {
		return r.err
	}
	if r.err != nil {
		s.failed(r.err)
		return nil
	}
	image := s.image
	s.image, s.mark = nil, nil
	s.p.kept(image, r.view)
	s.p.stats.noteCheckpoint(image, r.took)
	if err := s.p.replaceModel(); err != nil {
		s.failed(err) // the model is good, and the next checkpoint comes back to it
	}
	return nil
}

func (s *saver) failed(err error) {
	s.retryAt = s.p.cfg.Now().Add(retryAfter)
	s.p.stats.failed.Add(1)
	s.p.cfg.Logger.Error("checkpoint could not be written, it will be tried again", "error", err)
}

// wait lets a checkpoint that runs end, so that the next writer is alone, and
// leaves one that failed to it.
func (s *saver) wait() {
	s.timer.Stop()
	if s.busy {
		if r := <-s.done; r.err != nil {
			s.failed(r.err)
		} else {
			s.p.kept(s.image, r.view)
			s.image, s.mark = nil, nil
		}
	}
	s.p.unwritten, s.p.unwrittenMark = s.image, s.mark
}

// drain writes the last checkpoint, after one that failed before it. After a
// fault nothing is written: what was folded up to it is in the checkpoint before.
func (p *Projector) drain(fault error) error {
	if fault != nil || p.replaces && !p.caughtUp.Load() {
		return nil
	}
	if p.unwritten == nil && p.model.At() == p.saved {
		return p.replaceModel()
	}
	if err := p.cfg.MayWrite(); err != nil {
		p.stats.postponed.Add(1)
		p.cfg.Logger.Warn("the last checkpoint is not written; the next start folds more of the log", "error", err)
		return nil
	}
	if p.unwritten != nil {
		if err := p.writeLast(p.unwritten, p.unwrittenMark); err != nil {
			return err
		}
		p.unwritten, p.unwrittenMark = nil, nil
	}
	if p.model.At() != p.saved {
		if err := p.writeLast(p.freeze()); err != nil {
			return err
		}
	}
	return p.replaceModel()
}

func (p *Projector) writeLast(image *readmodel.Image, mark []byte) error {
	view, err := p.write(image, mark)
	if err != nil {
		return fmt.Errorf("write the last checkpoint: %w", err)
	}
	p.kept(image, view)
	return nil
}

// write writes an image. It fails also where what is merged into the image
// cannot be read back from the checkpoint before.
func (p *Projector) write(image *readmodel.Image, mark []byte) (view *checkpoint.View, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			failure, ok := fault.(readmodel.RowsFailure)
			if !ok {
				panic(fault)
			}
			err = failure.Err
		}
	}()
	return p.store.Write(context.Background(), image.Version, image.Writes(), mark)
}

// freeze takes an image of all changes since the last checkpoint, with its marker.
func (p *Projector) freeze() (*readmodel.Image, []byte) {
	p.version++
	image := p.model.Freeze(p.version)
	if p.lastMsg != nil {
		p.last = fingerprintOf(&p.lastMsg.Message)
	}
	mark, err := json.Marshal(marker{
		FoldVersion: foldVersion, Incarnation: p.model.Incarnation().String(), Last: p.last,
		Digest: image.Digest.String(), SavedAt: p.cfg.Now().UTC(), Model: image.State,
	})
	if err != nil {
		panic(fmt.Sprintf("encode the checkpoint's marker: %v", err)) // plain fields only
	}
	return image, mark
}

func (p *Projector) kept(image *readmodel.Image, view *checkpoint.View) {
	p.saved = image.Digest.At
	p.model.Kept(view)
	p.stats.saved.Store(image.Digest.At.Packed())
}

// replaceModel makes a rebuilt model the current one, once it has caught up
// and its first checkpoint stands; only then is the old one set aside.
func (p *Projector) replaceModel() error {
	if !p.replaces || !p.caughtUp.Load() {
		return nil
	}
	if err := p.models.Use(p.name); err != nil {
		return fmt.Errorf("switch to the rebuilt read model: %w", err)
	}
	if p.retired != "" {
		if _, err := p.models.SetAside(p.retired, p.rebuilt, p.cfg.Now()); err != nil {
			p.cfg.Logger.Warn("the replaced read model could not be set aside", "name", p.retired, "error", err)
		}
	}
	p.cfg.Logger.Warn("switched to a read model rebuilt from the log", "name", p.name, "because", p.rebuilt)
	p.replaces, p.retired = false, ""
	return nil
}
