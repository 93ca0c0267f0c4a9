package projector

import (
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Loading is a read model that is being loaded from its last checkpoint. That
// needs no event log, so it goes on while the log is opened, which after a crash
// takes a scan of it all. Whether the two belong together is for New to say.
type Loading struct {
	name, path string // of the current model's directory; empty if there is none
	currentErr error
	onDisk     bool // its tables are loaded into a file
	next       bool // it is not the current one, but the one that this start is to take

	opened  chan struct{} // closed when the fields below hold
	store   *checkpoint.Store
	openErr error
	version uint64
	mark    marker
	markErr error

	done    chan struct{} // closed when the fields below hold
	model   *readmodel.Model
	loadErr error
}

// Preload begins to load the current read model, or the one that this start is to
// take: pass it to New in the same configuration, or Close it.
func Preload(cfg Config) *Loading {
	models := checkpoint.Models{Dir: cfg.ModelsDir}
	next, err := models.Next()
	if err == nil && next != "" {
		return begin(cfg, &Loading{name: next, path: models.Path(next), next: true})
	}
	return preloadCurrent(cfg)
}

// preloadCurrent begins to load the current read model.
func preloadCurrent(cfg Config) *Loading {
	name, path, err := checkpoint.Models{Dir: cfg.ModelsDir}.Current()
	return begin(cfg, &Loading{name: name, path: path, currentErr: err})
}

// load begins to load any model.
func load(cfg Config, name, path string) *Loading {
	return begin(cfg, &Loading{name: name, path: path})
}

func begin(cfg Config, l *Loading) *Loading {
	l.opened, l.done = make(chan struct{}), make(chan struct{})
	go l.run(cfg)
	return l
}

func (l *Loading) run(cfg Config) {
	defer close(l.done)
	l.onDisk = cfg.space != nil
	l.open(cfg)
	close(l.opened)
	if l.store == nil || l.version == 0 || l.markErr != nil {
		return
	}
	l.model, l.loadErr = readmodel.Load(readmodel.Config{
		DedupeHorizon: cfg.DedupeHorizon, OutcomeHorizon: cfg.OutcomeHorizon, IdentityBytes: cfg.IdentityBytes, Space: spaceOf(cfg.space),
	}, l.mark.Model, l.store.View())
}

func (l *Loading) open(cfg Config) {
	if l.currentErr != nil || l.name == "" {
		return
	}
	var data []byte
	o := storeOptions(cfg.Logger, cfg.memory)
	o.Existing = true // it was found there, and may be a snapshot that is removed meanwhile
	if l.store, l.openErr = checkpoint.Open(l.path, o); l.openErr != nil {
		return
	}
	if l.version, data = l.store.Latest(); l.version > 0 {
		l.mark, l.markErr = decodeMarker(data)
	}
}

// usable says why a model cannot be gone on with, nil if it can: once done is
// closed. It fails with errDoubt where the model is to blame.
func (l *Loading) usable() error {
	switch {
	case errors.Is(l.openErr, checkpoint.ErrDamaged):
		return errDoubt{l.openErr}
	case l.openErr != nil:
		return fmt.Errorf("open the checkpoint: %w", l.openErr)
	case l.version == 0:
		return errDoubt{errors.New("nothing was checkpointed yet")}
	case l.markErr != nil:
		return errDoubt{l.markErr}
	case l.loadErr != nil && l.onDisk && !errors.Is(l.loadErr, readmodel.ErrState):
		return fmt.Errorf("load the read model onto the disk: %w", l.loadErr) // which is to blame
	case l.loadErr != nil:
		return errDoubt{l.loadErr}
	}
	return nil
}

// Close lets go of what nobody took over.
func (l *Loading) Close() {
	<-l.done
	if l.store != nil {
		_ = l.store.Close() // it was only read
	}
}
