package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/mapped"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Shadow is a second read model that is folded beside the serving one, in a
// directory of its own. It is for one goroutine, which closes it.
type Shadow struct {
	p *Projector
	e *edition
	// role is why it is there.
	role shadowRole
	// paused is told why the fold waits, and nil when it goes on.
	paused func(why error)
}

type shadowRole uint8

const (
	shadowRebuilt  shadowRole = iota // may take the serving model's place
	shadowPrevious                   // served before
	shadowCompared                   // is compared with, and removed
)

const (
	// shadowInterval and shadowBytes are when a shadow is checkpointed: seldom,
	// since all that is lost with it can be folded again. As much again may gather while
	// one is written.
	shadowInterval = 30 * time.Second
	shadowBytes    = 128 << 20
)

// Errors of shadows.
var (
	// ErrNoPrevious is returned where no model served before the present one.
	ErrNoPrevious = errors.New("there is no model that served before this one")
	// ErrNoRebuild is returned where no rebuild was begun that could be gone on with.
	ErrNoRebuild = errors.New("no rebuild was begun that could be gone on with: begin one (tidemark replay rebuild --hold)")
	// ErrNotCaughtUp is returned while the serving model is still catching up.
	ErrNotCaughtUp = errors.New("the serving model has not caught up with the log yet: try again once the service is ready")
)

// ReadFunc calls fn with each message from one sequence to another, both
// included, in order and without a gap.
type ReadFunc func(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error

// ShadowOptions say how a shadow begins. The zero value begins with an empty
// model, before the first message of the log.
type ShadowOptions struct {
	// From is the snapshot that it begins with a copy of. It is read, and no other
	// may have it open meanwhile.
	From *SnapshotInfo
	// Read reads the log. The last message of what it begins with is compared with it.
	Read ReadFunc
	// OnDisk has the model folded on disk, with so many bytes of memory, at least
	// MinOnDisk; 0 folds in memory. Such a shadow cannot take the serving model's
	// place at once (ServeNext).
	OnDisk int
}

// NewShadow begins a model that may take the serving one's place. It can be gone
// on with after a crash (ResumeShadow), which finds the note.
func (p *Projector) NewShadow(ctx context.Context, note []byte, o ShadowOptions) (*Shadow, error) {
	s, err := p.createShadow(ctx, shadowRebuilt, o)
	if err != nil {
		return nil, err
	}
	if err := p.models.SetRebuilding(s.e.name, note); err != nil {
		return nil, errors.Join(err, s.Discard())
	}
	return s, nil
}

// ComparedShadow begins a model to compare with.
func (p *Projector) ComparedShadow(ctx context.Context, o ShadowOptions) (*Shadow, error) {
	return p.createShadow(ctx, shadowCompared, o)
}

func (p *Projector) createShadow(ctx context.Context, role shadowRole, o ShadowOptions) (*Shadow, error) {
	if !p.CaughtUp() {
		return nil, ErrNotCaughtUp
	}
	if err := mayBegin(&p.cfg); err != nil {
		return nil, err
	}
	if o.From != nil {
		return p.shadowOfSnapshot(ctx, role, o)
	}
	s := &Shadow{p: p, role: role, e: p.shadowEdition()}
	generation := uint32(0) // of a model that will not serve
	var err error
	if role == shadowRebuilt {
		if generation, err = p.models.NextGeneration(); err != nil {
			return nil, err
		}
	}
	name, path, err := p.models.Create()
	if err != nil {
		return nil, fmt.Errorf("create a directory for the shadow: %w", err)
	}
	s.e.name = name
	if s.e.store, err = checkpoint.Open(path, storeOptions(p.cfg.Logger, o.OnDisk)); err != nil {
		return nil, errors.Join(fmt.Errorf("open the shadow's checkpoint: %w", err), p.models.Remove(name))
	}
	var m *readmodel.Model
	if err = s.e.openSpace(path, o.OnDisk); err == nil {
		m, err = s.e.emptyModel(p.modelConfig(generation))
	}
	if err != nil {
		return nil, errors.Join(err, s.e.close(), p.models.Remove(name))
	}
	s.begin(m)
	if err := s.e.writeFirst(); err != nil {
		return nil, errors.Join(err, s.Discard())
	}
	return s, nil
}

func (p *Projector) shadowEdition() *edition {
	e := p.edition()
	e.stats, e.judge = new(stats), nil // what a shadow does is not what the service does
	return e
}

func (s *Shadow) begin(m *readmodel.Model) {
	s.e.begin(m)
	s.e.saver = newSaver(s.e, shadowInterval, s.e.changeBytes(shadowBytes), func() error { return nil })
	s.paused = func(error) {}
}

// Rebuilding returns the note of a rebuild that was begun and did not get to its
// end. It fails with ErrNoRebuild.
func (p *Projector) Rebuilding() (note []byte, err error) {
	name, note, err := p.models.Rebuilding()
	if err == nil && name == "" {
		err = ErrNoRebuild
	}
	return note, err
}

// RebuiltByAnotherFold reports whether the model that was rebuilt, and that nobody has
// open, is of another version of the fold than this binary's: it cannot be gone on with.
func (p *Projector) RebuiltByAnotherFold() (bool, error) {
	name, _, err := p.models.Rebuilding()
	if err != nil || name == "" {
		return false, err
	}
	mark, err := p.markOf(name)
	return err == nil && mark.FoldVersion != foldVersion, err
}

// ResumeShadow goes on with a rebuild from its own checkpoint. It fails with
// ErrNoRebuild, also where what is there cannot be gone on with: it was folded
// by another binary, or from another log, or is damaged; that is removed.
func (p *Projector) ResumeShadow(ctx context.Context, o ShadowOptions) (*Shadow, error) {
	name, _, err := p.models.Rebuilding()
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, ErrNoRebuild
	}
	s, err := p.loadShadow(ctx, name, shadowRebuilt, o)
	var doubt errDoubt
	if !errors.As(err, &doubt) {
		return s, err
	}
	p.cfg.Logger.Warn("the rebuild that was begun cannot be gone on with", "name", name, "reason", doubt)
	return nil, errors.Join(ErrNoRebuild, p.AbandonRebuild())
}

// awaitRetired waits for a model that served before to be closed: its readers may still
// have it.
func (p *Projector) awaitRetired(ctx context.Context) error {
	retired := make(chan struct{})
	go func() { // ends with Run at the latest
		defer close(retired)
		p.retiring.Wait()
	}()
	select {
	case <-retired:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PreviousShadow is the model that served before the present one, as it was kept.
func (p *Projector) PreviousShadow(ctx context.Context, o ShadowOptions) (*Shadow, error) {
	if err := p.awaitRetired(ctx); err != nil {
		return nil, err
	}
	name, err := p.WayBack()
	if err != nil {
		return nil, err
	}
	return p.loadShadow(ctx, name, shadowPrevious, o)
}

// loadShadow loads a model and checks that it fits the log.
func (p *Projector) loadShadow(ctx context.Context, name string, role shadowRole, o ShadowOptions) (s *Shadow, err error) {
	if !p.CaughtUp() {
		return nil, ErrNotCaughtUp
	}
	s = &Shadow{p: p, role: role, e: p.shadowEdition()}
	if err := s.e.openSpace(p.models.Path(name), o.OnDisk); err != nil {
		return nil, err
	}
	l := load(s.e.loadingConfig(), name, p.models.Path(name))
	<-l.done
	s.e.name, s.e.store = name, l.store
	e := s.e
	defer func() {
		switch {
		case err != nil && l.store != nil:
			_ = e.close() // it was only read
		case err != nil && e.space != nil:
			_ = e.space.Close() // of no use to anybody
		}
	}()
	if err := l.usable(); err != nil {
		return nil, err
	}
	if err := l.mark.belongs(p.cfg.Log.Incarnation(), p.cfg.Log.Lineage()); err != nil {
		return nil, errDoubt{err}
	}
	if role != shadowPrevious && l.mark.FoldVersion != foldVersion {
		return nil, errDoubt{fmt.Errorf("it was folded by fold version %d", l.mark.FoldVersion)}
	}
	if last := l.mark.Last; last.Seq > 0 {
		err := o.Read(ctx, last.Seq, last.Seq, func(m eventlog.Message) error {
			if !last.is(&m) {
				return errDoubt{fmt.Errorf("message %d is not the one that was folded", last.Seq)}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	s.e.take(l)
	l.model.Adopt(p.cfg.Log.Incarnation(), p.cfg.Log.Lineage())
	s.begin(l.model)
	return s, nil
}

// Hold is Note for a rebuild whose checkpoint has just been written, and that waits
// from now on.
func (s *Shadow) Hold(note []byte) error {
	s.e.keep()
	return s.Note(note)
}

// Note changes the note that is left with a rebuild.
func (s *Shadow) Note(note []byte) error {
	if s.role != shadowRebuilt {
		return nil
	}
	s.p.naming.Lock()
	defer s.p.naming.Unlock()
	return s.p.models.SetRebuilding(s.e.name, note)
}

// Name is that of the shadow's directory.
func (s *Shadow) Name() string { return s.e.name }

// At is the last position folded.
func (s *Shadow) At() events.Position { return s.e.model.At() }

// Model is the shadow's.
func (s *Shadow) Model() *readmodel.Model { return s.e.model }

// CatchUp folds what lies behind the shadow's position, up to the sequence to. It
// calls each after every message; an error of that ends it. Messages are read and
// checked on a goroutine of their own.
func (s *Shadow) CatchUp(ctx context.Context, read ReadFunc, to uint64, each func(seq uint64, events int) error) error {
	from := s.At().Seq + 1
	if from > to {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	messages, ended := make(chan *decodedMessage, readAheadMessages), make(chan error, 1)
	go func() {
		defer close(messages)
		ended <- read(ctx, from, to, func(m eventlog.Message) error {
			select {
			case messages <- s.ahead(decode(m)):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	defer func() { // wait for the reader
		stop()
		for range messages {
		}
	}()
	for {
		select {
		case msg, more := <-messages:
			if !more {
				return <-ended
			}
			if err := s.foldAll([]*decodedMessage{msg}); err != nil {
				return err
			}
			if err := s.relieve(ctx); err != nil {
				return err
			}
			if err := each(msg.Seq, msg.batch.Events); err != nil {
				return err
			}
		case a := <-s.e.saver.asks:
			a.run()
		case <-s.e.saver.tick():
			s.e.saver.begin()
		case result := <-s.e.saver.done:
			if err := s.e.saver.finish(result); err != nil {
				return err
			}
		}
	}
}

// ahead looks ahead of the fold. Into tables on disk nobody but the fold looks: a
// fault of the disk would end the process.
func (s *Shadow) ahead(msg *decodedMessage) *decodedMessage {
	if s.e.space != nil {
		return msg
	}
	return msg.lookAhead(s.e.model, &s.p.aheads)
}

// foldAll folds messages, of which the first is the next of the log.
func (s *Shadow) foldAll(messages []*decodedMessage) error {
	err := s.e.guard(func() error { return s.foldEach(messages) })
	if errors.Is(err, mapped.ErrFault) {
		s.e.failed = true
	}
	return err
}

func (s *Shadow) foldEach(messages []*decodedMessage) error {
	for _, msg := range messages {
		if at := s.At().Seq; msg.Seq != at+1 {
			return fmt.Errorf("fold the shadow: message %d comes after %d", msg.Seq, at)
		}
		if err := s.e.foldMessage(msg); err != nil {
			return fmt.Errorf("fold the shadow: %w", err)
		}
	}
	return nil
}

// Save writes a checkpoint of the shadow now, and returns the digest of what it
// holds.
func (s *Shadow) Save() (readmodel.Digest, error) {
	if err := s.e.cfg.MayWrite(); err != nil {
		return readmodel.Digest{}, fmt.Errorf("checkpoint the shadow: %w: %w", ErrDiskShort, err)
	}
	s.e.saver.settle()
	if f := s.e.saver.frozen; f.image != nil {
		if err := s.e.saveNow(f); err != nil {
			return readmodel.Digest{}, fmt.Errorf("checkpoint the shadow: %w", err)
		}
		s.e.saver.frozen = frozen{}
	}
	if err := s.e.saveNow(frozen{}); err != nil {
		return readmodel.Digest{}, fmt.Errorf("checkpoint the shadow: %w", err)
	}
	return s.e.digest, s.e.store.Sync()
}

// Close writes what the shadow has folded and lets go of it; it can be gone on
// with. A shadow that has taken the serving model's place is not closed by that.
func (s *Shadow) Close() error {
	if s.e == nil {
		return nil
	}
	if s.role == shadowCompared {
		return s.Discard()
	}
	s.e.saver.wait(false)
	if s.e.failed {
		return s.letGo() // the checkpoint before it is gone on with
	}
	_, err := s.e.drain()
	return errors.Join(err, s.letGo())
}

// Discard lets go of the shadow and removes what it has written; the model that
// served before stays.
func (s *Shadow) Discard() error {
	if s.e == nil {
		return nil
	}
	if s.e.saver != nil {
		s.e.saver.wait(true)
	}
	name := s.e.name
	err := s.letGo()
	switch s.role {
	case shadowPrevious:
		return err
	case shadowRebuilt:
		return errors.Join(err, s.p.Discard(name))
	}
	return errors.Join(err, s.p.models.Remove(name))
}

func (s *Shadow) letGo() error {
	e := s.e
	s.e = nil
	return e.close()
}
