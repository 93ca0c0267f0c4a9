package replay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// ErrMemory is returned for a fold that memory does not suffice for; the error is a
// *MemoryError.
var ErrMemory = errors.New("memory does not suffice")

// MemoryError says what a fold needs, what there is, who holds the rest, and what to do.
type MemoryError struct {
	// Models are how many are folded for it; 0 for a fold under way that has outgrown
	// what it has, by what Outgrown says.
	Models   int
	Outgrown string
	// Need is what it may take, in bytes, Left what is left, and Whose bound that is.
	Need, Left uint64
	Whose      string
	// Holders name the folds that have reserved memory, each with how much.
	Holders []string
	// Instead is what to do.
	Instead string
}

func (e *MemoryError) Error() string {
	var b strings.Builder
	b.WriteString(ErrMemory.Error())
	switch e.Models {
	case 0:
		b.WriteString(" for " + e.Outgrown + ": it may take " + mib(e.Need) + " more")
	case 1:
		b.WriteString(" for a read model that is folded for it: it may take " + mib(e.Need))
	default:
		fmt.Fprintf(&b, " for %d read models that are folded for it: they may take %s", e.Models, mib(e.Need))
	}
	b.WriteString(", and " + e.Whose + " leaves " + mib(e.Left))
	if len(e.Holders) > 0 {
		b.WriteString(" beside what is reserved (" + strings.Join(e.Holders, ", ") + "): wait for the end of that, or cancel it, or ")
	} else {
		b.WriteString(": ")
	}
	b.WriteString(e.Instead)
	return b.String()
}

// Is says that it is an ErrMemory.
func (e *MemoryError) Is(target error) bool { return target == ErrMemory }

// refuse says why a room cannot be had.
func (m *Memory) refuse(r *Room, models int, need, left uint64, whose, instead string) error {
	err := &MemoryError{Models: models, Need: need, Left: left, Whose: whose, Instead: instead}
	if models == 0 {
		err.Outgrown = r.outgrown()
	}
	for _, other := range m.held {
		if other != r {
			err.Holders = append(err.Holders, other.who+" "+mib(other.bytes))
		}
	}
	return err
}

// Room is memory that a fold has reserved. A nil one is of who reserves nothing.
type Room struct {
	memory *Memory
	who    string
	// disk is what each model on disk is given; 0 for those in memory.
	disk int
	// whole: the models hold what the serving one does, and each was taken for so many
	// bytes when asked bytes were reserved.
	whole       bool
	each, asked uint64
	bytes       uint64 // by now
	models      []*readmodel.Model
	// notes is what is kept of events beside the models.
	notes atomic.Uint64
}

// holds takes note of a model in memory that is folded in the room: what that takes is
// not free any more, and so not to be kept free for it.
func (r *Room) holds(model *readmodel.Model) {
	if r.onDisk() > 0 || r == nil {
		return
	}
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	r.models = append(r.models, model)
}

// onDisk is what a model on disk is given; 0 for one in memory.
func (r *Room) onDisk() int {
	if r == nil {
		return 0
	}
	return r.disk
}

// clear takes note that the models of before are not folded any more.
func (r *Room) clear() {
	if r == nil {
		return
	}
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	r.models = nil
	r.notes.Store(0)
}

// keeps takes note of how many bytes are kept of events beside the models, as an
// explanation is.
func (r *Room) keeps(bytes uint64) {
	if r != nil {
		r.notes.Store(bytes)
	}
}

// noted is what is kept beyond what every fold may keep.
func (r *Room) noted() uint64 {
	notes := r.notes.Load()
	return notes - min(notes, growStep)
}

// outgrew reports whether more is kept than is reserved for it. For the fold itself.
func (r *Room) outgrew() bool { return r != nil && r.asked+r.noted() > r.bytes }

// used is about what the models have come to, and what is kept beside them.
func (r *Room) used() (bytes uint64) {
	bytes = r.notes.Load()
	for _, model := range r.models {
		sizes := model.Snapshot().Sizes
		bytes += sizes.TableBytes() + uint64(sizes.DirtyBytes)
	}
	return bytes
}

// fits reserves more where the fold outgrows what is reserved: the log has grown, or much
// bears on what little is folded. It fails with ErrMemory where there is no more: better
// this fold ends than all.
func (r *Room) fits() error {
	if r.onDisk() > 0 || r == nil {
		return nil
	}
	m := r.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	need, serving := r.asked+r.noted(), m.serving()
	for _, model := range r.models {
		will := grown(model)
		if r.whole && serving != nil {
			will = max(will, grown(serving))
		}
		need += will - min(r.each, will)
	}
	if need <= r.bytes {
		return nil
	}
	instead := insteadOfGrowing
	if !r.whole {
		instead = insteadOfAll
	}
	return m.take(r, 0, max(need-r.bytes, growStep), instead)
}

// outgrown says by what the fold has outgrown its room.
func (r *Room) outgrown() string {
	if r.whole {
		return "what has come into the log since it began"
	}
	return "all that bears on what is asked about"
}

// What to do where a fold under way has outgrown what there is: one of everything, and
// one of what bears on little.
const (
	insteadOfGrowing = "run it again once there is more, or on disk (--on-disk)"
	insteadOfAll     = "ask about less, or as of an earlier point, or run this where there is more"
)

// Release gives the memory back.
func (r *Room) Release() {
	if r == nil {
		return
	}
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	r.memory.held = slices.DeleteFunc(r.memory.held, func(one *Room) bool { return one == r })
}
