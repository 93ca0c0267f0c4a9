package events

import (
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf8"
)

// Meta is what every event has beside its data.
type Meta struct {
	Type Type
	// Time is when it happened, by whoever says it.
	Time Time
	// Arrival: Time is when the service took the event, because the caller did
	// not say when it happened. It is later than all that came before it.
	Arrival bool
	// Source and ID are the identity that an outside producer gave: a repeat of
	// both is the same event. Empty for events that the service minted itself.
	Source, ID []byte
}

// HasIdentity reports whether an outside producer named the event.
func (m *Meta) HasIdentity() bool { return len(m.ID) > 0 }

// Event is an event as it stands in a record batch. Its slices alias the
// message that it was read from.
type Event struct {
	Meta
	// Index is the event's place among the events of its record batch.
	Index uint16
	// Raw is the whole frame as it stands in the record batch.
	Raw     []byte
	version uint8
	data    []byte
}

// Layout of an event's frame, numbers big-endian:
//
//	 0  type (1)
//	 1  layout version of the type's data (1)
//	 2  flags: bit 0, an identity follows; bit 1, the time is that of arrival
//	 3  length of what follows this field (2)
//	 5  time (8)
//	13  source length - 1 (1), source, id length - 1 (1), id; with flag bit 0 only
//	 …  data
const (
	frameHeaderSize = 5
	dataVersion     = 1
	flagIdentity    = 1
	flagArrival     = 2
)

// AppendEvent appends the frame of an event. The caller has checked the data
// against the rules of the vocabulary; a Source and ID of over 256 bytes, or
// one without the other, is a defect of the caller.
func AppendEvent(dst []byte, m Meta, d Data) []byte {
	start := len(dst)
	return closeFrame(d.appendTo(appendEventHead(dst, &m)), start)
}

// appendEventHead appends all of an event's frame that stands before its data.
func appendEventHead(dst []byte, m *Meta) []byte {
	var flags byte
	if m.HasIdentity() {
		flags |= flagIdentity
	}
	if m.Arrival {
		flags |= flagArrival
	}
	dst = append(dst, byte(m.Type), dataVersion, flags, 0, 0)
	dst = appendUint64(dst, uint64(m.Time))
	if m.HasIdentity() {
		dst = append(append(dst, byte(len(m.Source)-1)), m.Source...)
		dst = append(append(dst, byte(len(m.ID)-1)), m.ID...)
	}
	return dst
}

// closeFrame fills in the length of the frame that begins at start and ends b.
func closeFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint16(b[start+3:], uint16(len(b)-start-frameHeaderSize))
	return b
}

// parse reads the frame in raw. It fails with ErrRule where the event cannot
// be understood: an unknown type, a later layout, a time that no calendar has, a
// broken identity.
func (e *Event) parse(raw []byte, index uint16) error {
	*e = Event{Index: index, Raw: raw}
	e.Type, e.version, e.Arrival = Type(raw[0]), raw[1], raw[2]&flagArrival != 0
	r := reader{rest: raw[frameHeaderSize:]}
	e.Time = Time(r.uint64())
	if raw[2]&flagIdentity != 0 {
		e.Source = r.take(int(r.uint8()) + 1)
		e.ID = r.take(int(r.uint8()) + 1)
	}
	e.data = r.rest
	switch {
	case r.short:
		return errShort
	case raw[2]&^(flagIdentity|flagArrival) != 0:
		return fmt.Errorf("%w: flags %#x are unknown", ErrRule, raw[2])
	case !e.Type.Known():
		return fmt.Errorf("%w: %v is unknown", ErrRule, e.Type)
	case e.version != dataVersion:
		return fmt.Errorf("%w: %v in layout version %d is unknown", ErrRule, e.Type, e.version)
	case !e.Time.Valid():
		return fmt.Errorf("%w: its time lies outside the years 1 to 9999", ErrRule)
	case !utf8.Valid(e.Source) || !utf8.Valid(e.ID):
		return fmt.Errorf("%w: its identity is not valid UTF-8", ErrRule)
	}
	return nil
}

// CheckTime fails with ErrRule if the event claims to have happened more than
// MaxAhead after it was stored.
func (e *Event) CheckTime(stored time.Time) error {
	if e.Time.Std().After(stored.Add(MaxAhead)) {
		return fmt.Errorf("%w: its time %v lies more than %v ahead of when it was stored", ErrRule, e.Time, MaxAhead)
	}
	return nil
}

// Decodable is the data of an event that can be read from its binary form. It
// is returned by value, so that reading an event allocates nothing.
type Decodable[T any] interface {
	decode(data []byte) (T, error)
}

// Decode reads the event's data as T, which the caller picks by e.Type. It
// fails with ErrRule where the data breaks a rule of the vocabulary. Slices in
// the result alias the message.
func Decode[T Decodable[T]](e *Event) (T, error) {
	var none T
	return none.decode(e.data)
}

// NewEvent returns an event as it would stand in a record batch, for who has
// its data and not the batch.
func NewEvent(m Meta, d Data) (e Event) {
	_ = e.parse(AppendEvent(nil, m, d), 0) // Decode judges the data
	return e
}
