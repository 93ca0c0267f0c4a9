package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// saver writes checkpoints beside the fold and takes note when one is written.
// One runs at a time. One that failed after the freeze is tried again, since
// its image holds what no later one will.
type saver struct {
	p     *Projector
	timer *time.Ticker
	done  chan saved
	// asks are what the fold is to run between two record batches, refused is
	// closed when it cannot any more.
	asks    chan foldAsk
	refused chan struct{}
	frozen  frozen // failed, to be tried again
	busy    bool
	// retryAt is when a checkpoint that failed may be tried again.
	retryAt time.Time
}

// foldAsk is a function that the fold is to run, and is closed when it did.
type foldAsk struct {
	fn   func()
	done chan struct{}
}

// frozen is the image of a checkpoint with its marker; without an image it has
// yet to be taken.
type frozen struct {
	image *readmodel.Image
	mark  marker
}

type saved struct {
	frozen
	view *checkpoint.View
	took time.Duration
	err  error
}

// retryAfter is the pause before a checkpoint that failed is tried again.
const retryAfter = 5 * time.Second

func newSaver(p *Projector) *saver {
	return &saver{
		p: p, timer: time.NewTicker(p.cfg.CheckpointInterval), done: make(chan saved, 1),
		asks: make(chan foldAsk), refused: make(chan struct{}),
	}
}

func (s *saver) tick() <-chan time.Time { return s.timer.C }

// begin starts a checkpoint, unless one runs, nothing changed, or the disk
// may not be written to now.
func (s *saver) begin() {
	if s.busy || (s.frozen.image == nil && s.p.model.At() == s.p.saved) || s.p.cfg.Now().Before(s.retryAt) {
		return
	}
	if err := s.p.cfg.MayWrite(); err != nil {
		s.retryAt = s.p.cfg.Now().Add(retryAfter)
		s.p.stats.postponed.Add(1)
		return
	}
	s.busy = true
	again := s.frozen
	s.p.wg.Go(func() {
		start := s.p.cfg.Now()
		f, view, err := s.p.save(again, s.ask)
		if err == nil {
			s.p.store.CollectGarbage()
		}
		s.done <- saved{f, view, s.p.cfg.Now().Sub(start), err}
	})
}

// ask has the fold run a function between two record batches, and waits for it.
func (s *saver) ask(fn func()) error {
	a := foldAsk{fn, make(chan struct{})}
	select {
	case s.asks <- a:
		<-a.done
		return nil
	case <-s.refused:
		return ErrStopped
	}
}

// finish takes note of a checkpoint that was written, or failed.
func (s *saver) finish(r saved) error {
	s.busy = false
	if errors.Is(r.err, checkpoint.ErrBroken) {
		return r.err
	}
	if r.err != nil {
		s.frozen = r.frozen
		s.failed(r.err)
		return nil
	}
	s.frozen = frozen{}
	s.p.kept(r.image, r.view)
	s.p.stats.noteCheckpoint(r.image, r.took)
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
// leaves one that failed to it. A fold that stopped at a fault is not looked at
// any more.
func (s *saver) wait(fault bool) {
	s.timer.Stop()
	if fault {
		close(s.refused)
	}
	for s.busy {
		select {
		case a := <-s.asks:
			a.fn()
			close(a.done)
		case r := <-s.done:
			s.busy = false
			s.frozen = r.frozen
			switch {
			case r.err == nil:
				s.p.kept(r.image, r.view)
				s.frozen = frozen{}
			case !errors.Is(r.err, ErrStopped):
				s.failed(r.err)
			}
		}
	}
	s.p.unwritten = s.frozen
}

// drain writes the last checkpoint, after one that failed before it. After a
// fault nothing is written: what was folded up to it is in the checkpoint before.
func (p *Projector) drain(fault error) error {
	if fault != nil || p.replaces && !p.caughtUp.Load() {
		return nil
	}
	if p.unwritten.image == nil && p.model.At() == p.saved {
		return p.replaceModel()
	}
	if err := p.cfg.MayWrite(); err != nil {
		p.stats.postponed.Add(1)
		p.cfg.Logger.Warn("the last checkpoint is not written; the next start folds more of the log", "error", err)
		return nil
	}
	if p.unwritten.image != nil {
		if err := p.saveNow(p.unwritten); err != nil {
			return fmt.Errorf("write the last checkpoint: %w", err)
		}
		p.unwritten = frozen{}
	}
	if p.model.At() != p.saved {
		if err := p.saveNow(frozen{}); err != nil {
			return fmt.Errorf("write the last checkpoint: %w", err)
		}
	}
	return p.replaceModel()
}

// saveNow writes a checkpoint where no fold runs.
func (p *Projector) saveNow(f frozen) error {
	f, view, err := p.save(f, func(fn func()) error { fn(); return nil })
	if err == nil {
		p.kept(f.image, view)
	}
	return err
}

// save writes a checkpoint beside the fold, which it asks to run what only the
// fold may do. It returns the image as soon as there is one, also with an error.
func (p *Projector) save(f frozen, fold func(func()) error) (frozen, *checkpoint.View, error) {
	if f.image == nil {
		var image *readmodel.Image
		err := fold(func() {
			p.version++
			image = p.model.Plan(p.version)
		})
		if err == nil {
			err = image.Prepare(p.store, fold)
		}
		if err == nil {
			err = fold(func() { f = p.freeze() })
		}
		if err != nil {
			return f, nil, err
		}
	}
	if err := f.image.Write(p.store); err != nil {
		return f, nil, err
	}
	view, err := p.writeKeys(f)
	if err != nil {
		return f, nil, err
	}
	if err := p.store.KeepFiles(f.image.Needs); err != nil {
		p.cfg.Logger.Warn("files of older checkpoints could not be removed", "error", err)
	}
	return f, view, nil
}

// writeKeys writes the keys of an image and its marker. It fails also where what
// is merged into the image cannot be read back from the checkpoint before.
func (p *Projector) writeKeys(f frozen) (view *checkpoint.View, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			failure, ok := fault.(readmodel.RowsFailure)
			if !ok {
				panic(fault)
			}
			err = failure.Err
		}
	}()
	return p.store.Write(context.Background(), f.image.Version, f.image.Writes(), f.mark.encode(f.image))
}

// freeze takes an image of all changes since the last checkpoint, with what its
// marker says of the log.
func (p *Projector) freeze() frozen {
	if p.lastMsg != nil {
		p.last = fingerprintOf(&p.lastMsg.Message)
	}
	return frozen{p.model.Freeze(p.version), marker{
		FoldVersion: foldVersion, Incarnation: p.model.Incarnation().String(), Last: p.last, SavedAt: p.cfg.Now().UTC(),
	}}
}

func (p *Projector) kept(image *readmodel.Image, view *checkpoint.View) {
	p.saved = image.At
	p.model.Kept(view)
	p.stats.saved.Store(image.At.Packed())
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
