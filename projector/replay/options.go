package replay

import (
	"context"

	"github.com/tidemark-io/tidemark/events"
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
	// Progress, where set, is told now and then how far it got.
	Progress func(Progress)
}

// Index finds messages that a scan would have to look for, such as an archive's.
type Index interface {
	// Sequences returns, ascending and each once, the sequences up to last of the
	// messages with an event that names one of the entities, has one of the
	// identities, or is of one of the types.
	Sequences(ctx context.Context, q IndexQuery, last uint64) ([]uint64, error)
}

// IndexQuery says what an Index is to find.
type IndexQuery struct {
	Entities []Entity
	// Identities are types, times, sources and IDs of events.
	Identities []events.Meta
	Types      []events.Type
}

// progressEvery is how many messages pass between two words of progress.
const progressEvery = 64

// pass folds the messages of a source from one sequence to another. before,
// where set, is called ahead of each message.
func (o *Options) pass(ctx context.Context, s Source, f *projector.Fold, from, to uint64, number int, before func(*eventlog.Message)) error {
	began := f.Model().Snapshot().Folded
	tell := func(at uint64) {
		if o.Progress != nil {
			o.Progress(Progress{From: from, At: at, To: to, Events: f.Model().Snapshot().Folded - began, Pass: number})
		}
	}
	if from > to {
		return nil
	}
	err := s.Read(ctx, from, to, func(m eventlog.Message) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if before != nil {
			before(&m)
		}
		if err := f.Message(m); err != nil {
			return err
		}
		if m.Seq%progressEvery == 0 || m.Seq == to {
			tell(m.Seq)
		}
		return nil
	})
	return err
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

// picked is the part of a source that an index names.
type picked struct {
	Source
	sequences []uint64
}

func (p picked) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	for _, seq := range p.sequences {
		if seq < from || seq > to {
			continue
		}
		if err := p.Source.Read(ctx, seq, seq, fn); err != nil {
			return err
		}
	}
	return nil
}

// narrow returns the part of the source that holds a closure, by the index
// where there is one and it suffices.
func (o *Options) narrow(ctx context.Context, s Source, c *closure, to uint64) (Source, error) {
	if o.Index == nil || len(c.hours) > 0 {
		return s, nil
	}
	sequences, err := o.Index.Sequences(ctx, c.query(), to)
	if err != nil {
		return nil, err
	}
	return picked{s, sequences}, nil
}

// query asks an index for the closure.
func (c *closure) query() IndexQuery {
	q := IndexQuery{Types: []events.Type{events.TypeAccountBlocked, events.TypeAccountUnblocked}}
	for id := range c.videos {
		q.Entities = append(q.Entities, Video(id))
	}
	for id := range c.jobs {
		q.Entities = append(q.Entities, Job(id))
	}
	for id := range c.users {
		q.Entities = append(q.Entities, User(id))
	}
	for i := range c.items {
		q.Entities = append(q.Entities, Video(i.Video))
	}
	for at, same := range c.identities {
		for _, i := range same {
			meta := events.Meta{Type: i.kind, Time: at, Source: []byte(i.source), ID: []byte(i.id)}
			q.Identities = append(q.Identities, meta)
		}
	}
	return q
}

// closed folds the closure of some entities from the beginning of a source, and
// again until the closure is whole. begin is called before each pass with the
// fold's options, which it may add to; the last fold stands.
func (o *Options) closed(ctx context.Context, s Source, c *closure, to uint64, begin func(*projector.FoldOptions), before func(*projector.Fold, *eventlog.Message)) (*projector.Fold, error) {
	for number := 1; ; number++ {
		c.begin()
		model := readmodel.New(o.Model)
		options := projector.FoldOptions{Only: func(e *events.Event) bool {
			c.now = model.LogTime()
			return c.wants(e)
		}}
		if begin != nil {
			begin(&options)
		}
		f := projector.NewFold(model, options)
		part, err := o.narrow(ctx, s, c, to)
		if err != nil {
			return nil, err
		}
		var each func(*eventlog.Message)
		if before != nil {
			each = func(m *eventlog.Message) { before(f, m) }
		}
		if err := o.pass(ctx, part, f, 1, to, number, each); err != nil {
			return nil, err
		}
		if !c.grew {
			return f, nil
		}
	}
}
