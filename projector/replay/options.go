package replay

import (
	"context"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Options say how to fold as the live fold does, and what may shorten the way.
type Options struct {
	// Model is the configuration of the live read model: what is remembered for
	// how long decides what counts.
	Model readmodel.Config
	// Snapshots, where set, are looked through for the nearest one.
	Snapshots *Snapshots
	// Index, where set, replaces scans of the source.
	Index Index
	// Memory, where set, is what folds reserve theirs from; Who is who asks.
	Memory *Memory
	Who    string
	// Meter, where set, is told how far it got.
	Meter *Meter
	// OnDisk, where set, has folds of everything done on disk; nil folds everything in
	// memory.
	OnDisk ScratchFunc

	room    *Room // that is reserved already
	reading Reading
}

// reserve returns a room for so many models of everything, each with so much beside
// its tables, and what lets go of it.
func (o *Options) reserve(models int, beside uint64, instead string) (room *Room, release func(), err error) {
	switch {
	case o.room != nil:
		return o.room, func() {}, nil
	case o.Memory == nil && o.OnDisk == nil:
		return nil, func() {}, nil
	case o.Memory == nil:
		return &Room{memory: NewMemory(MemoryConfig{}), disk: OnDiskBytes}, func() {}, nil
	case o.OnDisk != nil:
		room, err = o.Memory.onDisk(o.Who, models, 0, insteadOnDisk)
	default:
		room, err = o.Memory.models(o.Who, models, beside, instead)
	}
	return room, room.Release, err
}

// narrow reserves for folds of what bears on little, and returns what lets go of that.
func (o *Options) narrow() (release func()) {
	if o.Memory == nil {
		return func() {}
	}
	o.room = o.Memory.narrow(o.Who)
	return o.room.Release
}

// fold begins a fold in the room that is reserved.
func (o *Options) fold(options projector.FoldOptions) (Folding, error) {
	return begin(o.room, o.Model, o.OnDisk, options)
}

// pass folds the messages of a source from one sequence to another. before,
// where set, is called ahead of each message.
func (o *Options) pass(ctx context.Context, s Source, f Folding, from, to uint64, before func(*eventlog.Message)) error {
	if from > to {
		return nil
	}
	defer o.reading.begin(from, to)()
	o.Meter.Pass(o.reading.phase(from, to), from, to)
	folded := f.Model().Snapshot().Folded
	return s.Read(ctx, from, to, func(m eventlog.Message) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if before != nil {
			before(&m)
		}
		if err := f.Message(m); err != nil {
			return err
		}
		now := f.Model().Snapshot().Folded
		o.reading.message(now - folded)
		o.Meter.Read(m.Seq, int(now-folded))
		folded = now
		return nil
	})
}

// full returns the span of a source that holds the log from its beginning up to
// a point.
func full(ctx context.Context, s Source, until Point) (Span, error) {
	last, err := until.Find(ctx, s)
	if err != nil {
		return Span{}, err
	}
	first, end, err := s.Bounds(ctx)
	if err != nil {
		return Span{}, err
	}
	if first > 1 && end > 0 {
		return Span{}, &GapError{Need: 1, First: first, Last: end}
	}
	return Span{First: 1, Last: last}, nil
}
