package projector

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/mapped"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// saver writes checkpoints beside the fold and takes note when one is written.
// One runs at a time. One that failed after the freeze is tried again, since
// its image holds what no later one will.
type saver struct {
	e     *edition
	bytes int // of changes at which one is written ahead of time
	// after runs in the fold once a checkpoint is written.
	after func() error
	// beside, where set, runs beside the fold once a checkpoint is written, before
	// another one is begun.
	beside func(*checkpoint.Store, *checkpoint.View)
	timer  *time.Ticker
	done   chan saved
	wg     sync.WaitGroup
	// asks are what the fold is to run between two record batches, refused is
	// closed when it cannot any more.
	asks    chan foldAsk
	refused chan struct{}
	frozen  frozen // failed, to be tried again
	busy    bool
	// retryAt is when a checkpoint that failed, or was postponed, may be tried again.
	retryAt   time.Time
	postponed bool
	// awaited are told of the next checkpoint that is written or fails.
	awaited []chan<- error
}

// foldAsk is a function that the fold is to run, and is closed when it did.
type foldAsk struct {
	fn   func()
	done chan struct{}
}

func (a foldAsk) run() {
	a.fn()
	close(a.done)
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

// newSaver begins to write checkpoints of an edition: in an interval, and when
// so many bytes have changed.
func newSaver(e *edition, interval time.Duration, bytes int, after func() error) *saver {
	return &saver{
		e: e, bytes: bytes, after: after, timer: time.NewTicker(interval), done: make(chan saved, 1),
		asks: make(chan foldAsk), refused: make(chan struct{}),
	}
}

func (s *saver) tick() <-chan time.Time { return s.timer.C }

// begin starts a checkpoint, unless one runs, nothing changed, or the disk
// may not be written to now.
func (s *saver) begin() {
	if s.busy || (s.frozen.image == nil && !s.e.unsaved()) || s.e.cfg.Now().Before(s.retryAt) {
		return
	}
	if err := s.e.cfg.MayWrite(); err != nil {
		s.retryAt, s.postponed = s.e.cfg.Now().Add(retryAfter), true
		s.e.stats.postponed.Add(1)
		return
	}
	s.busy, s.postponed = true, false
	again := s.frozen
	s.wg.Go(func() {
		start := s.e.cfg.Now()
		var f frozen
		var view *checkpoint.View
		err := s.e.guard(func() (err error) {
			f, view, err = s.e.save(again, s.ask)
			return err
		})
		if err == nil && s.beside != nil {
			s.beside(s.e.store, view)
		}
		if err == nil {
			s.e.store.CollectGarbage()
		}
		s.done <- saved{f, view, s.e.cfg.Now().Sub(start), err}
	})
}

// beginNow is begin for who waits for the checkpoint: one that was put off for want of
// disk is not put off for longer than that lasts.
func (s *saver) beginNow() {
	if s.postponed {
		s.retryAt = time.Time{}
	}
	s.begin()
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
	if errors.Is(r.err, mapped.ErrFault) {
		s.e.failed = true // what it had begun to take cannot be taken again
	}
	if errors.Is(r.err, mapped.ErrFault) || errors.Is(r.err, checkpoint.ErrBroken) {
		return r.err
	}
	if r.err != nil {
		s.frozen = r.frozen
		s.failed(r.err)
		return nil
	}
	s.frozen = frozen{}
	s.e.kept(r.image, r.view)
	s.e.stats.noteCheckpoint(r.image, r.took)
	if err := s.after(); err != nil {
		s.failed(err) // the model is good, and the next checkpoint comes back to it
	}
	s.tell(nil)
	return nil
}

// tell answers who waits for a checkpoint.
func (s *saver) tell(err error) {
	for _, waits := range s.awaited {
		waits <- err
	}
	s.awaited = nil
}

func (s *saver) failed(err error) {
	s.retryAt = s.e.cfg.Now().Add(retryAfter)
	s.e.stats.failed.Add(1)
	s.e.cfg.Logger.Error("checkpoint could not be written, it will be tried again", "error", err)
	s.tell(err)
}

// settle lets a checkpoint that runs end, and takes note of it. One that failed
// is left in frozen.
func (s *saver) settle() {
	asks := s.asks
	if s.e.failed {
		asks = nil // half a message must not be frozen
	}
	for s.busy {
		select {
		case a := <-asks:
			a.run()
		case r := <-s.done:
			s.busy = false
			s.frozen = r.frozen
			s.e.failed = s.e.failed || errors.Is(r.err, mapped.ErrFault)
			switch {
			case r.err == nil:
				s.e.kept(r.image, r.view)
				s.frozen = frozen{}
			case !errors.Is(r.err, ErrStopped):
				s.failed(r.err)
			}
		}
	}
}

// wait ends the saver, so that the next writer is alone, and leaves a checkpoint
// that failed to it. A fold that stopped at a fault is not looked at any more.
func (s *saver) wait(fault bool) {
	s.timer.Stop()
	if fault || s.e.failed {
		close(s.refused)
	}
	s.settle()
	s.e.unwritten = s.frozen
	s.tell(ErrStopped)
	s.wg.Wait()
}

// drain writes the last checkpoint. After a fault nothing is written: what was
// folded up to it is in the checkpoint before.
func (p *Projector) drain(fault error) error {
	if fault != nil || p.replaces && !p.caughtUp.Load() {
		return nil
	}
	if written, err := p.live.drain(); err != nil || !written {
		return err
	}
	return p.replaceModel()
}

// replaceModel makes a rebuilt model the current one, once it has caught up
// and its first checkpoint stands; only then is the old one set aside.
func (p *Projector) replaceModel() error {
	if !p.replaces || !p.caughtUp.Load() {
		return nil
	}
	if err := p.models.Use(p.live.name); err != nil {
		return fmt.Errorf("switch to the rebuilt read model: %w", err)
	}
	if p.retired != "" {
		if _, err := p.models.SetAside(p.retired, p.rebuilt, p.cfg.Now()); err != nil {
			p.cfg.Logger.Warn("the replaced read model could not be set aside", "name", p.retired, "error", err)
		}
	}
	p.cfg.Logger.Warn("switched to a read model rebuilt from the log", "name", p.live.name, "because", p.rebuilt)
	p.replaces, p.retired = false, ""
	return nil
}
