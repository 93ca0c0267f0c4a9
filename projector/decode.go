package projector

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// decodedMessage is a message whose record batch has been checked, ready to be
// folded.
type decodedMessage struct {
	eventlog.Message
	batch events.Batch
	// err says why the message is not a record batch that can be folded.
	err error
	// own: a writer of this service put it there. A fault in it is corruption;
	// a fault in another's is a dead letter.
	own bool
	// ahead is what was found out about the record batch meanwhile; nil where
	// nobody has looked. It is for the fold that the message is read for, and goes
	// back to aheads when that is done.
	ahead  *readmodel.Ahead
	aheads *sync.Pool
}

// lookAhead finds out about a record batch what can be found out on the reader's
// goroutine.
func (d *decodedMessage) lookAhead(m *readmodel.Model, aheads *sync.Pool) *decodedMessage {
	if d.err == nil {
		d.ahead, _ = aheads.Get().(*readmodel.Ahead)
		if d.ahead == nil {
			d.ahead = new(readmodel.Ahead)
		}
		d.ahead.Look(m, &d.batch)
		d.ahead.LookBelow(m)
		d.aheads = aheads
	}
	return d
}

// folded gives back what is not needed any more. What is left of the message does
// not change.
func (d *decodedMessage) folded() {
	if d.ahead != nil {
		d.ahead.Forget()
		d.aheads.Put(d.ahead)
		d.ahead = nil
	}
}

// decode checks a message. Our own writers name a message by its batch ID;
// nobody else can be expected to.
func decode(msg eventlog.Message) *decodedMessage {
	d := &decodedMessage{Message: msg}
	d.batch, d.err = events.ReadBatch(msg.Data)
	d.own = msg.BatchID != "" && msg.BatchID == d.batch.ID.String()
	if d.err == nil && msg.Subject != eventlog.BatchSubject {
		d.err = fmt.Errorf("%w: it was published to another subject", events.ErrNotBatch)
		d.own = false
	}
	return d
}

// readAhead reads the log from a sequence on, checks each message, and hands
// it to the fold. It returns when the context ends or the log is at fault.
func (p *Projector) readAhead(ctx context.Context, from uint64, out chan<- *decodedMessage) error {
	hand := func(msg eventlog.Message) error {
		select {
		case out <- decode(msg).lookAhead(p.Model(), &p.aheads):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := p.cfg.Log.Read(ctx, from, hand)
	var gap *eventlog.GapError
	if errors.As(err, &gap) && p.cfg.Earlier != nil {
		p.cfg.Logger.Info("the log begins later than the read model needs; what is missing is read from the archive", "from", gap.From, "log_begins", gap.Found)
		if err = p.cfg.Earlier(ctx, gap.From, gap.Found-1, hand); err == nil {
			return p.readAhead(ctx, gap.Found, out)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("read the event log from %d: %w", from, err)
}
