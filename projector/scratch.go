package projector

import (
	"errors"
	"fmt"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Scratch is a fold on disk that never serves, in a directory of its own, which is
// gone when it is closed. It is for one goroutine.
type Scratch struct {
	e      *edition
	remove func() error
	bytes  int
}

// NewScratch begins a fold on disk beside the serving model, with so many bytes of
// memory, at least MinOnDisk.
func (p *Projector) NewScratch(memory int, o FoldOptions) (*Scratch, error) {
	return OpenScratch(p.cfg, p.modelConfig(0), memory, o)
}

// OpenScratch is NewScratch where no model serves. Of the configuration it takes the
// directory, MayWrite, the logger and the clock.
func OpenScratch(cfg Config, model readmodel.Config, memory int, o FoldOptions) (s *Scratch, err error) {
	if err := mayBegin(&cfg); err != nil {
		return nil, err
	}
	models := checkpoint.Models{Dir: cfg.ModelsDir}
	name, path, err := models.Create()
	if err != nil {
		return nil, err
	}
	s = &Scratch{remove: func() error { return models.Remove(name) }}
	s.e = &edition{cfg: &cfg, name: name, id: CurrentFold(), stats: new(stats)}
	if s.e.store, err = checkpoint.Open(path, storeOptions(cfg.Logger, memory)); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.begin(model, path, memory, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Scratch) begin(cfg readmodel.Config, path string, memory int, o FoldOptions) error {
	if err := s.e.openSpace(path, memory); err != nil {
		return err
	}
	m, err := s.e.emptyModel(cfg)
	if err != nil {
		return err
	}
	s.e.begin(m)
	s.e.fold, s.bytes = NewFold(m, o), s.e.changeBytes(0)
	return nil
}

// Model is what is folded into. Touch its tables within Guard.
func (s *Scratch) Model() *readmodel.Model { return s.e.model }

// Message folds the next message of the log; see Fold.
func (s *Scratch) Message(m eventlog.Message) error {
	if err := s.e.guard(func() error { return s.e.foldMessage(decode(m)) }); err != nil {
		return err
	}
	s.e.space.Trim()
	if s.e.model.DirtyBytes() <= s.bytes {
		return nil
	}
	if err := s.e.cfg.MayWrite(); err != nil {
		return fmt.Errorf("%w: %w", ErrDiskShort, err)
	}
	defer s.e.store.CollectGarbage()
	return s.e.saveNow(frozen{})
}

// Guard runs fn, which looks into the model's tables.
func (s *Scratch) Guard(fn func() error) error { return s.e.guard(fn) }

// Close removes all of it.
func (s *Scratch) Close() error { return errors.Join(s.e.close(), s.remove()) }
