package replay

import (
	"errors"
	"sync/atomic"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Folding is a fold under way that never serves, in memory or on disk.
type Folding interface {
	Message(m eventlog.Message) error
	Model() *readmodel.Model
	// Guard runs fn, which looks into the tables of the model.
	Guard(fn func() error) error
	Close() error
}

// ScratchFunc begins a fold on disk that is given so much memory.
type ScratchFunc func(memory int, o projector.FoldOptions) (*projector.Scratch, error)

// BeginFunc begins a fold of everything.
type BeginFunc func(projector.FoldOptions) (Folding, error)

// begin begins a fold of everything in a room, on disk where that was reserved.
func begin(room *Room, model readmodel.Config, onDisk ScratchFunc, o projector.FoldOptions) (Folding, error) {
	if room != nil && room.disk > 0 {
		return onDisk(room.disk, o)
	}
	return inRoom(room, projector.NewFold(readmodel.New(model), o)), nil
}

// inMemory is a fold whose model is the collector's.
type inMemory struct {
	*projector.Fold
	room     *Room
	messages int
}

func inRoom(room *Room, f *projector.Fold) *inMemory {
	room.holds(f.Model())
	return &inMemory{Fold: f, room: room}
}

// fitsEvery is how many messages are folded before it is looked whether there is still room.
const fitsEvery = 256

func (f *inMemory) Message(m eventlog.Message) error {
	if f.messages++; f.messages%fitsEvery == 0 || f.room.outgrew() {
		if err := f.room.fits(); err != nil {
			return err
		}
	}
	return f.Fold.Message(m)
}

func (*inMemory) Guard(fn func() error) error { return fn() }

func (*inMemory) Close() error { return nil }

// Folds begins folds of everything that are nobody's run.
type Folds struct {
	Memory *Memory
	Model  readmodel.Config
	OnDisk ScratchFunc

	outgrew atomic.Bool // a fold in memory had to end for want of more
}

// Begin begins one, in memory where there is as much, and else on disk. It fails with
// ErrMemory where there is too little for that as well. Closing it gives the memory back.
func (f *Folds) Begin(who string, o projector.FoldOptions) (Folding, error) {
	var room *Room
	err := ErrMemory
	if !f.outgrew.Load() {
		room, err = f.Memory.models(who, 1, lookBytes, insteadOfWaiting)
	}
	if errors.Is(err, ErrMemory) {
		room, err = f.Memory.onDisk(who, 1, 0, insteadOfWaiting)
	}
	if err != nil {
		return nil, err
	}
	fold, err := begin(room, f.Model, f.OnDisk, o)
	if err != nil {
		room.Release()
		return nil, err
	}
	return &roomy{fold, room, f}, nil
}

// insteadOfWaiting is what to do for a fold that is tried again by itself.
const insteadOfWaiting = "give the service more; it is tried again until there is"

// roomy is a fold with a room of its own.
type roomy struct {
	Folding
	room  *Room
	folds *Folds
}

func (r *roomy) Message(m eventlog.Message) error {
	err := r.Folding.Message(m)
	if errors.Is(err, ErrMemory) {
		r.folds.outgrew.Store(true) // the next one goes to the disk
	}
	return err
}

func (r *roomy) Close() error {
	defer r.room.Release()
	return r.Folding.Close()
}
