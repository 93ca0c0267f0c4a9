package readmodel

import (
	"iter"
	"strings"

	"github.com/tidemark-io/tidemark/events"
)

// DeadLetter is an event, or a whole message, that could not be folded.
type DeadLetter struct {
	Position events.Position
	Reason   string
	// Subject is where the message was published.
	Subject string
	// Raw is the beginning of the event's frame, or of the message; Size is how
	// many bytes there were. The log holds the whole.
	Raw  []byte
	Size int
}

// maxDeadLetterBytes bounds what is kept of one dead letter in the state: all
// of most events, and little of what a broken producer may send without end.
const maxDeadLetterBytes = 4 << 10

// AddDeadLetter records what could not be folded, and why.
func (m *Model) AddDeadLetter(d DeadLetter) {
	d.Size = len(d.Raw)
	m.rows.put(keyOf(rowDeadLetter).position(d.Position), d.record(d.Reason, d.Raw[:min(d.Size, maxDeadLetterBytes)]))
}

// HasDeadLetter reports whether a dead letter of that position is there.
func (m *Model) HasDeadLetter(at events.Position) bool {
	return m.rows.get(keyOf(rowDeadLetter).position(at)) != nil
}

// DeadLetter returns the dead letter of that position, if it is there. Fold only.
func (m *Model) DeadLetter(at events.Position) (d DeadLetter, ok bool) {
	value := m.rows.get(keyOf(rowDeadLetter).position(at))
	if value == nil {
		return d, false
	}
	return decodeDeadLetter(at, value), true
}

// EachDeadLetter calls fn with each dead letter, in order. Fold only.
func (m *Model) EachDeadLetter(fn func(*DeadLetter)) {
	prefix := keyOf(rowDeadLetter)
	m.rows.scan(prefix, nil, func(key, value []byte) bool {
		k := fields(key[len(prefix):])
		d := decodeDeadLetter(k.position(), value)
		fn(&d)
		return true
	})
}

// Event returns the event of a dead letter as far as it can be read; ok is false
// where the dead letter is a whole message. Its data may be cut short.
func (d *DeadLetter) Event() (e events.Event, ok bool) {
	if !events.IsEventFrame(d.Raw, d.Size) {
		return e, false
	}
	e, _ = events.ReadEvent(d.Raw) // what is wrong with it is known
	return e, true
}

// RemoveDeadLetter forgets a dead letter, if it is there.
func (m *Model) RemoveDeadLetter(at events.Position) {
	if m.HasDeadLetter(at) {
		m.rows.put(keyOf(rowDeadLetter).position(at), nil)
	}
}

// SetDeadLetterReason says anew what is wrong with a dead letter that is there.
func (m *Model) SetDeadLetterReason(at events.Position, reason string) {
	key := keyOf(rowDeadLetter).position(at)
	d := decodeDeadLetter(at, m.rows.get(key))
	m.rows.put(key, d.record(reason, d.Raw))
}

func (d *DeadLetter) record(reason string, raw []byte) record {
	return record(nil).uint64(uint64(d.Size)).text([]byte(reason)).text([]byte(d.Subject)).text(raw)
}

func decodeDeadLetter(at events.Position, value []byte) DeadLetter {
	f := fields(append([]byte{}, value...))
	return DeadLetter{Position: at, Size: int(f.uint64()), Reason: string(f.text()), Subject: string(f.text()), Raw: f.text()}
}

// DeadLetter returns the dead letter of that position, if it is there.
func (s *Snapshot) DeadLetter(at events.Position) (d DeadLetter, ok bool, err error) {
	value, err := s.rows.get(keyOf(rowDeadLetter).position(at))
	if value == nil || err != nil {
		return d, false, err
	}
	return decodeDeadLetter(at, value), true, nil
}

// DeadLetterFilter narrows dead letters; zero fields match everything.
type DeadLetterFilter struct {
	// Type is the event's: a whole message has none.
	Type string
	// Reason is what the dead letter's reason says somewhere.
	Reason string
	// UpTo is the last position.
	UpTo events.Position
}

func (f *DeadLetterFilter) matches(d *DeadLetter) bool {
	if !strings.Contains(d.Reason, f.Reason) {
		return false
	}
	if f.Type == "" {
		return true
	}
	e, event := d.Event()
	return event && e.Type.String() == f.Type
}

// deadLetterPage is how many are read at once while those are looked for that match.
const deadLetterPage = 500

// FindDeadLetters returns the dead letters after a position that the filter lets
// through, oldest first. An error is the last that it returns.
func (s *Snapshot) FindDeadLetters(after events.Position, filter DeadLetterFilter) iter.Seq2[*DeadLetter, error] {
	return func(yield func(*DeadLetter, error) bool) {
		for {
			page, err := s.DeadLetters(after, deadLetterPage)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page {
				after = page[i].Position
				if filter.UpTo != (events.Position{}) && after.Compare(filter.UpTo) > 0 {
					return
				}
				if filter.matches(&page[i]) && !yield(&page[i], nil) {
					return
				}
			}
			if len(page) < deadLetterPage {
				return
			}
		}
	}
}

// DeadLetters lists dead letters after a position, oldest first, at most limit
// of them.
func (s *Snapshot) DeadLetters(after events.Position, limit int) ([]DeadLetter, error) {
	prefix := keyOf(rowDeadLetter)
	from := append(keyOf(rowDeadLetter).position(after), 0)
	if after == (events.Position{}) {
		from = prefix
	}
	var list []DeadLetter
	err := s.rows.scan(prefix, from, func(key, value []byte) bool {
		k := fields(key[len(prefix):])
		list = append(list, decodeDeadLetter(k.position(), value))
		return len(list) < limit
	})
	return list, err
}
