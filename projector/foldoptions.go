package projector

import (
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// FoldOptions make of a fold a report, or an explanation. The zero value is the
// fold that serves: no event costs anything for options that it has not.
type FoldOptions struct {
	// Only lets through the events that are to be folded; nil lets all through.
	// An event that is left out is stepped over: positions count it, and it
	// changes nothing. Commands are opened and closed all the same, so that the
	// repeat of one stays a repeat. What cannot even be read is not asked about: it
	// is a dead letter in any case. Only must not keep the event.
	Only func(*events.Event) bool
	// Observe is told what each event did that Only lets through, and of poison
	// why. The event lies at the sequence of the model's position and its own index.
	// Observe must not keep the event, nor change the model.
	Observe func(e *events.Event, effect readmodel.Effect, reason error)
	// Judge is told what each message did, once it is folded whole. The judgement
	// is the fold's, and good until Judge returns. The fold must leave nothing out.
	Judge func(*Judgement)
}

// plain reports whether views may be counted without a look at each.
func (o *FoldOptions) plain() bool { return o.Only == nil && o.Observe == nil }

// leavesOut is never true of the service's own notes: what is redriven is folded
// in place of a dead letter, whatever else is left out.
func (o *FoldOptions) leavesOut(e *events.Event) bool {
	return o.Only != nil && !e.Type.Internal() && !o.Only(e)
}

// NewFold returns a fold into the model, which may hold a part of the log
// already. The model is the fold's alone to change.
func NewFold(model *readmodel.Model, options FoldOptions) *Fold {
	f := &Fold{model: model, options: options}
	if options.Judge != nil {
		f.judgement = &Judgement{Fold: CurrentFold()}
		model.Videos.KeepChanges()
	}
	return f
}

// Model returns the model that is folded into.
func (f *Fold) Model() *readmodel.Model { return f.model }

// Message folds one message, which must be the next of the log. It fails with
// ErrUnreadable for a record batch of our own that cannot be read, or when rows
// cannot be read back from a checkpoint: the fold ends there.
func (f *Fold) Message(msg eventlog.Message) error { return f.message(decode(msg)) }

// stepOver leaves out the present event.
func (f *Fold) stepOver() {
	c := &f.command
	if c.Command == nil || c.skip {
		return
	}
	c.leftOut++
	c.redrive.next()
	c.outcome.Effects = append(c.outcome.Effects, readmodel.None)
}

// observe tells what the present event did.
func (f *Fold) observe(effect readmodel.Effect, reason error) {
	if f.judgement != nil {
		f.judgement.note(&f.event, effect, f.model.Videos.TakeChanges())
	}
	if f.options.Observe != nil {
		f.options.Observe(&f.event, effect, reason)
	}
}

// audit appends an entry to the audit.
func (f *Fold) audit(e *readmodel.AuditEntry) {
	f.model.Audit(e)
	if f.judgement != nil {
		f.judgement.Audits = append(f.judgement.Audits, e.Encode())
	}
}

// observeRepeat tells of the events of a record batch that was folded before.
func (f *Fold) observeRepeat(b *events.Batch) {
	if f.options.Observe == nil && f.options.Judge == nil {
		return
	}
	for cursor := b.Cursor(); ; {
		switch step, err := cursor.Next(&f.event); {
		case step == events.StepEnd:
			return
		case step == events.StepEvent && (err != nil || !f.options.leavesOut(&f.event)):
			f.observe(readmodel.Duplicate, nil)
		}
	}
}
