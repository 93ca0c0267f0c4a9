package projector

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/mapped"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Decided is the outcome of one command, as the fold found it.
type Decided struct {
	Command events.CommandID
	Outcome readmodel.Outcome
}

// viewsAtOnce bounds the views that are read before they are counted.
const viewsAtOnce = 256

// Fold turns messages of the log into changes of a read model. It is
// deterministic: what it does depends on the log, and on its options, alone. It
// is for one goroutine.
type Fold struct {
	model   *readmodel.Model
	options FoldOptions
	// decided collects the outcomes of the present record batch.
	decided []Decided
	// poisoned counts dead letters since the log began, on this process.
	poisoned int

	event events.Event
	views [viewsAtOnce]events.View // side by side
	// ahead is of record batches that nobody has looked ahead at.
	ahead   readmodel.Ahead
	stored  events.Time
	subject string // of the message
	tag     uint32 // of the record batch
	outside bool   // the batch came from a producer other than the service
	command openCommand
	// judgement of the present message; nil where nobody asks for it.
	judgement *Judgement
}

// openCommand is the command whose events are being folded.
type openCommand struct {
	*events.Command
	outcome readmodel.Outcome
	// skip: the command was folded before, or may not be folded.
	skip bool
	// leftOut counts the events that the fold's options left out.
	leftOut int
	// targets of an administrator's command, and what became of each.
	targets [][16]byte
	effects []readmodel.Effect
	retract bool // the block takes contributions out of the counters
	// note is the outcome of an operation.
	note    []byte
	redrive redrive
}

// ErrUnreadable is returned for a record batch of our own that is corrupt, or
// written by a later version of tidemark: folding on would make wrong counts.
var ErrUnreadable = errors.New("record batch of this service cannot be read")

// message folds one message of the log. It fails with ErrUnreadable, or when
// rows cannot be read back from the checkpoint; the fold must stop then.
//
// So must it on a panic: the same message would bring it again after a restart,
// and then nobody could read any more.
func (f *Fold) message(msg *decodedMessage) (err error) {
	f.decided = f.decided[:0]
	if f.judgement != nil {
		f.judgement.begin(msg.Seq, events.TimeOf(msg.Stored))
	}
	published := false
	defer func() {
		if fault := recover(); fault != nil {
			err = foldFault(fault)
		}
		if err != nil && !published {
			f.model.Abandon()
		}
		if err != nil {
			err = fmt.Errorf("fold message %d: %w", msg.Seq, err)
		}
	}()
	f.model.Begin(msg.Seq, msg.Stored)
	f.subject = msg.Subject
	f.stored, f.tag = events.TimeOf(msg.Stored), msg.batch.ID.Tag()
	if err := f.batch(msg); err != nil {
		return err
	}
	published = true
	f.model.Publish(f.tag)
	if f.judgement != nil {
		f.options.Judge(f.judgement)
	}
	return nil
}

func foldFault(fault any) error {
	if failure, ok := fault.(readmodel.RowsFailure); ok {
		return failure.Err
	}
	if err := mapped.FaultOf(fault); err != nil {
		return err // of the disk below the tables, and not of the message
	}
	return fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
}

func (f *Fold) batch(msg *decodedMessage) error {
	reason := msg.err
	wrote := f.model.Wrote(msg.batch.Incarnation, msg.Seq)
	f.outside = msg.batch.Incarnation == events.Incarnation{}
	switch {
	case msg.own && reason != nil:
		return fmt.Errorf("%w: %w", ErrUnreadable, reason)
	case msg.own && !wrote && !f.outside:
		return fmt.Errorf("%w: it was written for log %v, this one is %v: a log that was restored or moved is adopted first, with the service stopped (tidemark replay log adopt)",
			ErrUnreadable, msg.batch.Incarnation, f.model.Incarnation())
	case reason == nil && !f.outside && !msg.own:
		reason = fmt.Errorf("%w: it claims to be the service's own and is not published under its batch ID", events.ErrNotBatch)
	case reason == nil && !f.outside && !wrote:
		reason = fmt.Errorf("%w: it was written for another log", events.ErrNotBatch)
	}
	if reason != nil {
		f.model.Step(0)
		f.deadLetter(reason, msg.Data)
		if f.judgement != nil {
			f.judgement.add(Verdict{Effect: readmodel.Poisoned}, 1)
		}
		return nil
	}
	if f.outside && f.model.SeenBatch(msg.batch.ID) {
		f.observeRepeat(&msg.batch)
		return nil
	}
	ahead := msg.ahead
	if ahead == nil {
		ahead = &f.ahead
		ahead.Look(f.model, &msg.batch)
	}
	f.model.LookedAhead(ahead)
	f.entries(&msg.batch)
	return nil
}

func (f *Fold) entries(b *events.Batch) {
	cursor := b.Cursor()
	for {
		if f.options.plain() {
			if n := cursor.Views(f.views[:], f.latest()); n > 0 {
				f.addViews(n)
				continue
			}
		}
		step, err := cursor.Next(&f.event)
		switch step {
		case events.StepEnd:
			return
		case events.StepCommand:
			f.begin(cursor.Command)
		case events.StepEvent:
			f.model.Step(f.event.Index)
			if cursor.Command == nil {
				f.command = openCommand{}
			}
			if err == nil && f.options.leavesOut(&f.event) {
				f.stepOver()
			} else {
				f.one(err)
			}
		}
		if cursor.Closes() {
			f.close()
		}
	}
}

// addViews counts the first views of those that were read.
func (f *Fold) addViews(n int) {
	f.model.AddViews(f.views[:n])
	if f.judgement != nil {
		f.judgement.add(Verdict{Effect: readmodel.Applied, Delta: 1}, n)
		f.model.Videos.TakeChanges() // of videos seen for the first time: told by the verdicts
	}
}

// latest is the latest time that an event of the present message may claim.
func (f *Fold) latest() events.Time { return f.stored + events.Time(events.MaxAhead.Microseconds()) }

// begin opens a command. One with a key that is remembered is not folded
// again: its first outcome stands.
func (f *Fold) begin(c *events.Command) {
	f.command = openCommand{Command: c}
	f.command.outcome.Request, f.command.outcome.Time, f.command.outcome.Privileged = c.Request, c.Time, c.Privileged
	if f.outside {
		f.command.skip = true
		return
	}
	if !c.Keyed {
		return
	}
	if before, ok := f.model.Outcome(c.ID); ok {
		f.command.skip = true
		before.Repeat = before.Request == c.Request
		before.OtherRequest = !before.Repeat
		f.command.outcome = before
	}
}

// close ends a command: its outcome is remembered where it has a key, audited
// where it is an administrator's, and handed to who waits for it.
func (f *Fold) close() {
	c := &f.command
	if !c.skip {
		c.outcome.Position, c.outcome.Tag = f.model.At(), f.tag
		if c.Keyed {
			f.model.Remember(c.ID, &c.outcome)
		}
		// One without events did nothing, and has no position of its own.
		if c.Kind.Audited() && c.Events > c.leftOut {
			f.audit(&readmodel.AuditEntry{
				At: c.Time, Actor: c.Actor, Action: c.Kind, Position: c.outcome.Position,
				Reason: c.Reason, Targets: c.targets, Effects: c.effects, Retract: c.retract && c.Kind.Moderates(), Outcome: c.note,
			})
		}
	}
	if !f.outside {
		f.decided = append(f.decided, Decided{c.ID, c.outcome})
	}
	f.command = openCommand{}
}

// one folds the present event, or records it as a dead letter. framing is why
// the event could not even be read.
func (f *Fold) one(framing error) {
	if f.command.Command != nil && f.command.skip {
		f.skipped()
		return
	}
	var effect readmodel.Effect
	if f.command.redrive.letter != (events.Position{}) && !f.event.Type.Internal() {
		effect = f.redriven(framing)
	} else {
		var err error
		if effect, err = f.judge(framing); err != nil {
			effect = readmodel.Poisoned
			f.deadLetter(err, f.event.Raw)
		}
		f.observe(effect, err)
	}
	if f.command.Command != nil {
		f.command.outcome.Effects = append(f.command.outcome.Effects, effect)
	}
}

// judge folds the present event unless it is poison.
func (f *Fold) judge(err error) (effect readmodel.Effect, _ error) {
	if err == nil && f.event.Arrival && !f.event.HasIdentity() {
		// Nobody claims that time: it is of a service whose clock runs ahead of
		// the log's, and the event was acknowledged.
		f.event.Time = min(f.event.Time, f.latest())
	}
	if err == nil && f.event.Time > f.latest() {
		err = f.event.CheckTime(f.stored.Std())
	}
	if err != nil {
		return readmodel.Poisoned, err
	}
	return f.apply(&f.event)
}

// skipped deals with the present event of a command that is not folded.
func (f *Fold) skipped() {
	switch {
	case f.outside:
		reason := fmt.Errorf("%w: commands are the service's own", events.ErrRule)
		f.deadLetter(reason, f.event.Raw)
		f.observe(readmodel.Poisoned, reason)
	case f.command.outcome.Repeat:
		f.observe(readmodel.Duplicate, nil)
	default:
		f.observe(readmodel.Conflict, nil)
	}
}

func (f *Fold) deadLetter(reason error, raw []byte) {
	f.poisoned++
	if f.judgement != nil {
		f.judgement.Reasons = append(f.judgement.Reasons, PoisonReason{f.model.At().Index, reason.Error()})
	}
	f.model.AddDeadLetter(readmodel.DeadLetter{
		Position: f.model.At(), Reason: reason.Error(), Subject: f.subject, Raw: raw,
	})
}
