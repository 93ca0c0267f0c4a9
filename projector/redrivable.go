package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// ErrNotRedrivable is returned for a dead letter that can only be dropped; its text
// says why. What it should have said can be sent anew.
var ErrNotRedrivable = errors.New("it cannot be redriven")

// Redrivable is what of a dead letter is folded anew.
type Redrivable struct {
	// Frames are those of the events, each whole, one after the other.
	Frames []byte
	Events int
	// Message: the dead letter is a whole message, a record batch of that ID.
	Message bool
	Batch   events.BatchID
}

const (
	// maxOpened is how many events of a message fit into a command, which has a
	// note before them and one behind.
	maxOpened = events.MaxBatchEvents - 2
	// maxOpenedBytes leaves room for those notes and the command's reason.
	maxOpenedBytes = events.MaxBatchBytes - 8<<10
)

// Redrivable reads what of a dead letter can be folded anew, by the decoder of
// this binary. Every byte is looked at: what is no event's frame would make the
// record batch that it is put into unreadable, and with it the log. It fails with
// ErrNotRedrivable.
func (p *Projector) Redrivable(ctx context.Context, d *readmodel.DeadLetter) (r Redrivable, err error) {
	raw, err := p.Original(ctx, d)
	if err != nil {
		return r, fmt.Errorf("%w: %w", ErrNotRedrivable, err)
	}
	e, event := d.Event()
	switch {
	case !event:
		return openMessage(raw)
	case e.Type.Internal():
		return r, notRedrivable("%v is a note of the service's own", e.Type)
	}
	return Redrivable{Frames: raw, Events: 1}, nil
}

// openMessage reads a message that could not be read, or was not to be, when it
// was folded.
func openMessage(raw []byte) (r Redrivable, err error) {
	b, err := events.ReadBatch(raw)
	switch {
	case err != nil:
		return r, fmt.Errorf("%w: %w", ErrNotRedrivable, err)
	case b.Incarnation != events.Incarnation{}:
		// It would count twice what counts in its own log, and here if it is this one.
		return r, notRedrivable("a service wrote it for log %v, and events that have no identity would count again", b.Incarnation)
	}
	r.Message, r.Batch = true, b.ID
	var e events.Event
	for cursor := b.Cursor(); ; {
		switch step, _ := cursor.Next(&e); { // the fold judges what is wrong with an event
		case step == events.StepCommand:
			return r, notRedrivable("it holds commands, which are the service's own")
		case step == events.StepEvent && e.Type.Internal():
			return r, notRedrivable("%v is a note of the service's own", e.Type)
		case step == events.StepEvent:
			r.Frames, r.Events = append(r.Frames, e.Raw...), r.Events+1
			continue
		}
		break
	}
	switch {
	case r.Events == 0:
		return r, notRedrivable("it holds no events")
	case r.Events > maxOpened || len(r.Frames) > maxOpenedBytes:
		return r, notRedrivable("its %d events of %d bytes do not fit into one command, of up to %d and %d", r.Events, len(r.Frames), maxOpened, maxOpenedBytes)
	}
	return r, nil
}

func notRedrivable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotRedrivable, fmt.Sprintf(format, args...))
}
