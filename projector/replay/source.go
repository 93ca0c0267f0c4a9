package replay

import (
	"context"
	"errors"
	"fmt"
	"math"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// Source is where messages of an event log are read from: the log itself, or a
// copy of a part of it. Its methods may be called by many at once.
type Source interface {
	// Bounds returns the first and the last sequence that can be read. Where
	// there is nothing, first is last+1.
	Bounds(ctx context.Context) (first, last uint64, err error)
	// Read calls fn with each message from sequence from to sequence to, both
	// included, in order, without a gap and each once, on the caller's goroutine.
	// It returns nil once fn has had the last of them, fn's error as it is,
	// ErrGap (a GapError) where the next message is not there, and other errors
	// where it cannot be read. A source that grows waits for what is not written
	// yet; with Follow for to, Read returns only with an error.
	Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error
}

// Follow is the end of a Read that goes on with what is written meanwhile.
const Follow uint64 = math.MaxUint64

// ErrGap is what a GapError is.
var ErrGap = errors.New("source has a gap")

// GapError says that a source does not hold the message that is needed next.
// errors.Is(err, ErrGap) holds. Join the source with one that has it.
type GapError struct {
	// Need is the sequence that is needed next.
	Need uint64
	// First and Last are the bounds of what the source holds.
	First, Last uint64
}

func (e *GapError) Error() string {
	if e.First > e.Last {
		return fmt.Sprintf("%s: message %d is needed, it holds none; the archive may have it (--postgres-url)", ErrGap, e.Need)
	}
	return fmt.Sprintf("%s: message %d is needed, it holds %d to %d; the archive may have it (--postgres-url)", ErrGap, e.Need, e.First, e.Last)
}

// Is reports whether target is ErrGap.
func (e *GapError) Is(target error) bool { return target == ErrGap }

// FromLog is the event log as a Source. It grows.
func FromLog(l *eventlog.Log) Source { return logSource{l} }

type logSource struct{ log *eventlog.Log }

func (s logSource) Bounds(ctx context.Context) (first, last uint64, err error) {
	return s.log.Bounds(ctx)
}

// errDone ends a Read of the log, which would go on for ever.
var errDone = errors.New("the last message has been read")

func (s logSource) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	from = max(from, 1)
	if from > to {
		return nil
	}
	if from == to {
		// One message is asked for by its number: no consumer is made for it.
		m, err := s.log.Message(ctx, from)
		if err == nil {
			return fn(m)
		}
		if !errors.Is(err, eventlog.ErrMessageMissing) {
			return err
		}
	}
	err := s.log.Read(ctx, from, func(m eventlog.Message) error {
		if err := fn(m); err != nil {
			return err
		}
		if m.Seq >= to {
			return errDone
		}
		return nil
	})
	var gap *eventlog.GapError
	switch {
	case errors.Is(err, errDone):
		return nil
	case errors.As(err, &gap):
		_, last, boundsErr := s.log.Bounds(ctx)
		if boundsErr != nil {
			last = gap.Found
		}
		return &GapError{Need: gap.From, First: gap.Found, Last: last}
	}
	return err
}
