package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// eventsPart writes events as CloudEvents, one a line, each with the extension
// attributes tidemarkposition and tidemarkstored.
type eventsPart struct {
	packer  *linePacker
	types   []events.Type
	repeats *repeatFilter
	source  []byte // stands for that of events without an identity
	line    []byte
}

func newEventsPart(to io.Writer, incarnation events.Incarnation, types []events.Type, repeats *repeatFilter) (partWriter, error) {
	packer, err := newPacker(to)
	return &eventsPart{packer: packer, types: types, repeats: repeats, source: []byte("tidemark:" + incarnation.String())}, err
}

func (p *eventsPart) message(m *eventlog.Message) (n, left uint64, err error) {
	total := p.repeats.message(m, func(e *events.Event, reason []byte) {
		if err != nil || len(p.types) > 0 && !slices.Contains(p.types, e.Type) {
			return
		}
		var good bool
		if good, err = p.event(m, e, reason); good {
			n++
		} else {
			left++
		}
	})
	return n, left + total, err
}

// event writes one event; false is for poison, which no CloudEvent can hold.
func (p *eventsPart) event(m *eventlog.Message, e *events.Event, reason []byte) (bool, error) {
	line, err := AppendEventLine(p.line[:0], m, e, p.source, reason)
	if errors.Is(err, events.ErrRule) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.line = line
	_, err = p.packer.Write(line)
	return true, err
}

func (p *eventsPart) size() int64 { return p.packer.bytes }

func (p *eventsPart) close() error { return p.packer.Close() }

// AppendEventLine appends an event of a message as a CloudEvent on a line. The
// source and its position name it where it has no identity. It fails with
// events.ErrRule for poison.
func AppendEventLine(dst []byte, m *eventlog.Message, e *events.Event, source, reason []byte) ([]byte, error) {
	if latest := events.TimeOf(m.Stored.Add(events.MaxAhead)); e.Arrival && !e.HasIdentity() {
		e.Time = min(e.Time, latest) // as the fold has it
	} else if err := e.CheckTime(m.Stored); err != nil {
		return dst, err
	}
	at := events.Position{Seq: m.Seq, Index: e.Index}.String()
	line, err := events.AppendCloudEvent(dst, e, events.CloudEventDefaults{Source: source, ID: []byte(at), Reason: reason})
	if err != nil {
		return dst, err
	}
	line = append(line[:len(line)-1], `,"tidemarkposition":"`...)
	line = append(append(line, at...), `","tidemarkstored":"`...)
	line = m.Stored.UTC().AppendFormat(line, timeFormat)
	return append(line, "\"}\n"...), nil
}

// repeatFilter passes over what the fold does not count by the name of its
// command or record batch: a CloudEvent does not say which one it came by.
type repeatFilter struct {
	horizon  time.Duration // of commands
	logTime  time.Time
	commands map[events.CommandID]time.Time
	batches  map[events.BatchID]time.Time
	pruned   time.Time
}

// batchMemory is how long the fold remembers batch IDs, by log time.
const batchMemory = time.Hour

func newRepeatFilter(horizon time.Duration) *repeatFilter {
	return &repeatFilter{horizon: horizon, commands: map[events.CommandID]time.Time{}, batches: map[events.BatchID]time.Time{}}
}

// lookBack returns from where messages bear on what repeats at a sequence.
func (r *repeatFilter) lookBack(ctx context.Context, s Source, seq uint64) (uint64, error) {
	first, last, err := s.Bounds(ctx)
	if err != nil || seq <= first || seq > last {
		return seq, err
	}
	var stored time.Time
	err = s.Read(ctx, seq, seq, func(m eventlog.Message) error { stored = m.Stored; return nil })
	if err != nil {
		return 0, fmt.Errorf("look for repeats before message %d: %w", seq, err)
	}
	from, err := Point{Time: stored.Add(-r.horizon - time.Minute)}.Find(ctx, s)
	return max(from, first), err
}

// message calls fn for each readable event that is no repeat, with the reason of
// its command, and returns how many others there are.
func (r *repeatFilter) message(m *eventlog.Message, fn func(e *events.Event, reason []byte)) (left uint64) {
	if m.Stored.After(r.logTime) {
		r.logTime = m.Stored
	}
	r.prune()
	b, err := events.ReadBatch(m.Data)
	if err != nil || m.Subject != eventlog.BatchSubject {
		return 0
	}
	outside := b.Incarnation == events.Incarnation{}
	if at, was := r.batches[b.ID]; outside && was && r.logTime.Sub(at) <= batchMemory {
		return uint64(b.Events)
	} else if outside {
		r.batches[b.ID] = r.logTime
	}
	var (
		e    events.Event
		skip bool
	)
	for cursor := b.Cursor(); ; {
		step, err := cursor.Next(&e)
		switch {
		case step == events.StepEnd:
			return left
		case step == events.StepCommand:
			skip = outside || r.repeated(cursor.Command)
		case cursor.Command != nil && skip, err != nil:
			left++
		case fn != nil && cursor.Command != nil:
			fn(&e, cursor.Command.Reason)
		case fn != nil:
			fn(&e, nil)
		}
	}
}

func (r *repeatFilter) repeated(c *events.Command) bool {
	if !c.Keyed {
		return false
	}
	at, was := r.commands[c.ID]
	if was && r.logTime.Sub(at) <= r.horizon {
		return true
	}
	r.commands[c.ID] = r.logTime
	return false
}

// prune forgets once in a while what is too old.
func (r *repeatFilter) prune() {
	if r.logTime.Sub(r.pruned) < batchMemory {
		return
	}
	r.pruned = r.logTime
	for id, at := range r.commands {
		if r.logTime.Sub(at) > r.horizon {
			delete(r.commands, id)
		}
	}
	for id, at := range r.batches {
		if r.logTime.Sub(at) > batchMemory {
			delete(r.batches, id)
		}
	}
}

// ParseTypes reads names of event types, such as "video.viewed".
func ParseTypes(names []string) ([]events.Type, error) {
	var types []events.Type
	for _, name := range names {
		t, ok := events.ParseType(name)
		if !ok {
			return nil, fmt.Errorf("%s is no type of event", strconv.QuoteToASCII(name))
		}
		types = append(types, t)
	}
	return types, nil
}
