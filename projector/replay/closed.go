package replay

import (
	"context"
	"errors"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// closing is a fold of the closure of some entities, from the beginning of a
// source up to a message.
type closing struct {
	*Options
	source   Source
	entities []Entity
	to       uint64
	// begin, where set, is called before each pass with the fold's options, which
	// it may add to.
	begin func(*projector.FoldOptions)
	// before, where set, is called ahead of each message.
	before func(*projector.Fold, *eventlog.Message)
	// kept, where set, is about how many bytes are kept of what was folded, beside the model.
	kept func() uint64
}

// fold folds the closure, and again until it is whole; the last fold stands. Where
// an index cannot say which messages these are, all are read.
func (c *closing) fold(ctx context.Context) (*projector.Fold, error) {
	if c.Index == nil {
		return c.passes(ctx, false)
	}
	c.reading = Reading{Way: WayIndex}
	f, err := c.passes(ctx, true)
	var unfit *unfitError
	if !errors.As(err, &unfit) || ctx.Err() != nil {
		return f, err
	}
	c.reading = Reading{Because: unfit.Error()}
	return c.passes(ctx, false)
}

func (c *closing) passes(ctx context.Context, byIndex bool) (*projector.Fold, error) {
	for closure := closureOf(c.entities, c.Model.DedupeHorizon); ; {
		closure.begin()
		c.room.clear()
		model := readmodel.New(c.Model)
		options := projector.FoldOptions{Only: func(e *events.Event) bool {
			closure.now = model.LogTime()
			return closure.wants(e)
		}}
		if c.begin != nil {
			c.begin(&options)
		}
		from := c.source
		var effects *effectTally
		if byIndex {
			found, err := c.find(ctx, closure)
			if err != nil {
				return nil, err
			}
			from = picked{c.source, found}
			effects = &effectTally{closure: closure, found: found, counts: map[readmodel.Effect]int{}}
			effects.observe(&options, model)
		}
		closure.observe(&options)
		f := projector.NewFold(model, options)
		each := func(m *eventlog.Message) {
			notes := closure.kept()
			if c.kept != nil {
				notes += c.kept()
			}
			c.room.keeps(notes)
			if c.before != nil {
				c.before(f, m)
			}
		}
		if err := c.pass(ctx, from, inRoom(c.room, f), 1, c.to, each); err != nil {
			return nil, err
		}
		if !closure.grew {
			return f, effects.check()
		}
	}
}
