package projector

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/mapped"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// A model that does not fit into memory beside the serving one is folded on disk:
// rows and identities lie in its checkpoint in any case, and the flat tables lie in
// a file (projector/mapped). Its checkpoints are like any other's, so that it can be
// gone on with, compared, and taken by a start, in memory or on disk.

// MinOnDisk is the least memory that a fold on disk can be held to.
const MinOnDisk = 32 << 20

// Of the memory that a model on disk may take these are the parts: pages of the
// tables, identities, one memtable of its store, and changes that wait for a
// checkpoint. Those lie in trees, twice while a checkpoint is written, and on a heap
// that is collected when it has doubled.
const (
	onDiskPages      = 2
	onDiskIdentities = 16
	onDiskMemTable   = 16
	onDiskChanges    = 32
)

// ErrOnDisk is returned where a model that is folded on disk is to serve at once.
// It can from the next start on (ServeNext), which loads it into memory.
var ErrOnDisk = errors.New("a read model that was rebuilt on disk serves from the next start on, and not before")

// onDisk returns the configuration of a model whose tables lie in that space, and
// that may take so much memory.
func onDisk(cfg readmodel.Config, space *mapped.Space, memory int) readmodel.Config {
	cfg.Space, cfg.IdentityBytes = space, memory/onDiskIdentities
	return cfg
}

// spaceOf is the space as a model wants it: nil for none.
func spaceOf(s *mapped.Space) readmodel.Space {
	if s == nil {
		return nil
	}
	return s
}

// storeOptions are those of the store of a model that may take so much memory; 0 for
// one that lies in memory.
func storeOptions(logger *slog.Logger, memory int) checkpoint.Options {
	o := checkpoint.Options{Logger: logger}
	if memory > 0 {
		o.MemTableBytes = min(int64(memory/onDiskMemTable), checkpoint.MemTableBytes)
	}
	return o
}

// openSpace lets the tables of the edition lie in a file in its directory, with
// so much memory for all; 0 leaves them on the heap.
func (e *edition) openSpace(dir string, memory int) (err error) {
	if memory == 0 {
		return nil
	}
	if e.space, err = mapped.Open(dir, memory/onDiskPages); err != nil {
		return err
	}
	e.memory = memory
	return nil
}

// emptyModel makes a model for the edition.
func (e *edition) emptyModel(cfg readmodel.Config) (m *readmodel.Model, err error) {
	if e.space != nil {
		cfg = onDisk(cfg, e.space, e.memory)
	}
	return m, readmodel.GuardRows(func() { m = readmodel.New(cfg) })
}

// loadingConfig is the projector's for the edition's model.
func (e *edition) loadingConfig() Config {
	cfg := *e.cfg
	if e.space != nil {
		cfg.space, cfg.memory, cfg.IdentityBytes = e.space, e.memory, e.memory/onDiskIdentities
	}
	return cfg
}

// changeBytes is how many bytes of changes wait for a checkpoint at the most.
func (e *edition) changeBytes(inMemory int) int {
	if e.space == nil {
		return inMemory
	}
	return e.memory / onDiskChanges
}

// guard runs fn, which may touch the edition's tables.
func (e *edition) guard(fn func() error) error {
	if e.space == nil {
		return fn()
	}
	return mapped.Guard(fn)
}

// close lets go of the checkpoint and of the tables.
func (e *edition) close() error {
	err := e.store.Close()
	if e.space != nil {
		err = errors.Join(err, e.space.Close())
	}
	return err
}

// OnDisk reports whether the shadow's tables lie on disk, and then how much of them
// was held in memory at the most.
func (s *Shadow) OnDisk() (peak int, ok bool) {
	if s.e == nil || s.e.space == nil {
		return 0, false
	}
	return s.e.space.Peak(), true
}

// ServeNext lets the shadow be the model that the next start takes, in place of
// one that was to be before. Call SaveToServe before. Where no start is to take it any
// more, since it is given up or another one serves, forgotten is called; it may be nil.
func (p *Projector) ServeNext(s *Shadow, forgotten func()) error {
	name := s.e.name
	s.e.saver.wait(false)
	written, err := s.e.drain()
	if err == nil && !written {
		err = s.e.cfg.MayWrite()
	}
	if err == nil {
		err = s.e.store.Sync()
	}
	if err = errors.Join(err, s.letGo()); err != nil {
		return fmt.Errorf("let the next start take model %s: %w", name, err)
	}
	p.naming.Lock()
	defer p.naming.Unlock()
	before, err := p.Names()
	if err != nil {
		return err
	}
	if err := p.setNext(name, forgotten); err != nil {
		return err
	}
	if before.Rebuilding == name {
		if err := p.models.EndRebuilding(); err != nil {
			return err
		}
	}
	p.cfg.Logger.Info("the next start takes another read model", "name", name)
	if old := before.Next; old != "" && old != name && old != before.Previous {
		return p.models.Remove(old)
	}
	return nil
}
