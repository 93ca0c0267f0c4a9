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
	// Room, where set, refuses with ErrMemory a fold of everything into so many models for
	// which memory does not suffice, and says what to do instead.
	Room func(models int, instead string) error
	// Meter, where set, is told how far it got.
	Meter *Meter
	// OnDisk, where set, begins folds on disk; nil folds everything in memory.
	OnDisk func(projector.FoldOptions) (*projector.Scratch, error)

	reading Reading
}

// room asks whether so many models of everything may be folded.
func (o *Options) room(models int, instead string) error {
	if o.Room == nil {
		return nil
	}
	return o.Room(models, instead)
}

// folding is a fold under way, in memory or on disk.
type folding interface {
	Message(m eventlog.Message) error
	Model() *readmodel.Model
	// Guard runs fn, which looks into the tables of the model.
	Guard(fn func() error) error
	Close() error
}

// inMemory is a fold whose model is the collector's.
type inMemory struct{ *projector.Fold }

func (inMemory) Guard(fn func() error) error { return fn() }

func (inMemory) Close() error { return nil }

// fold begins a fold of everything, on disk where that is set.
func (o *Options) fold(options projector.FoldOptions) (folding, error) {
	if o.OnDisk == nil {
		return inMemory{projector.NewFold(readmodel.New(o.Model), options)}, nil
	}
	return o.OnDisk(options)
}

// pass folds the messages of a source from one sequence to another. before,
// where set, is called ahead of each message.
func (o *Options) pass(ctx context.Context, s Source, f folding, from, to uint64, before func(*eventlog.Message)) error {
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
