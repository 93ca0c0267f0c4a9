package replay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// timeFormat writes the time at which a message was stored, to the nanosecond.
const timeFormat = time.RFC3339Nano

// Point names a place in a log: a message by its sequence, or the last message
// that was stored at or before a time. The zero point is the end.
type Point struct {
	Seq  uint64
	Time time.Time
	// timed: Time was given, be it Go's zero time, which is a time like any other.
	timed bool
}

// isTime reports whether the point is a time.
func (p Point) isTime() bool { return p.timed || !p.Time.IsZero() }

// ErrPoint is returned for text that names no place in a log.
var ErrPoint = errors.New("is no position and no time: write a sequence such as 1200, or a time such as 2026-11-23T12:00:00Z")

// ParsePoint reads a sequence ("1200", "1200.7" too, of which all events of the
// message are meant), a time as RFC 3339 has it, or "" and "end" for the end.
func ParsePoint(text string) (Point, error) {
	if text == "" || text == "end" {
		return Point{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return Point{Time: t, timed: true}, nil
	}
	p, err := events.ParsePosition(text)
	if err != nil || p.Seq == 0 {
		return Point{}, fmt.Errorf("%.40q %w", text, ErrPoint)
	}
	return Point{Seq: p.Seq}, nil
}

// String returns the point as ParsePoint reads it.
func (p Point) String() string {
	switch {
	case p.isTime():
		return p.Time.UTC().Format(timeFormat)
	case p.Seq > 0:
		return strconv.FormatUint(p.Seq, 10)
	}
	return "end"
}

// MarshalText writes the point as String does.
func (p Point) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what ParsePoint reads.
func (p *Point) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePoint(string(text))
	return err
}

// ErrBeyond is returned for a position behind the end of a source.
var ErrBeyond = errors.New("position lies behind the end")

// Find returns the sequence of the message that a point names, which the source
// need not hold any more; for a time before all that it holds, one less than its
// first. It fails with ErrBeyond for a position that is not written yet.
//
// Times are looked for by halves: append times go up, save where somebody has
// set the server's clock back. There one of the places is found at which they
// pass the time.
func (p Point) Find(ctx context.Context, s Source) (uint64, error) {
	first, last, err := s.Bounds(ctx)
	switch {
	case err != nil:
		return 0, err
	case p == (Point{}):
		return last, nil
	case !p.isTime() && p.Seq > last:
		return 0, fmt.Errorf("%w: message %d is asked for, the last is %d", ErrBeyond, p.Seq, last)
	case !p.isTime():
		return p.Seq, nil
	}
	if paged, ok := s.(Paged); ok && paged.Locate != nil {
		return paged.Locate(ctx, p)
	}
	low, high := first, last+1 // the first message after the time lies from low to high
	if narrows, ok := s.(interface {
		around(t time.Time) (low, high uint64)
	}); ok {
		low, high = narrows.around(p.Time)
	}
	for low < high {
		middle := low + (high-low)/2
		var stored time.Time
		err := s.Read(ctx, middle, middle, func(m eventlog.Message) error {
			stored = m.Stored
			return nil
		})
		switch {
		case err != nil:
			return 0, fmt.Errorf("look for the last message of %s: %w", p, err)
		case stored.After(p.Time):
			high = middle
		default:
			low = middle + 1
		}
	}
	return low - 1, nil
}

// Span is the part of a log that an answer rests on.
type Span struct {
	// First and Last are sequences.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Snapshot is the position of the snapshot that stands for what lies before
	// First; zero if nothing does.
	Snapshot uint64 `json:"snapshot,omitempty"`
	// LogTime is the greatest append time up to Last.
	LogTime events.Time `json:"-"`
}
