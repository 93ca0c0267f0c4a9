package log

import (
	"errors"
	"fmt"
)

// Errors of Commit. ErrRejected is the class of all those after which the entry
// is certainly not in the log; errors.Is tells.
var (
	// ErrRejected: the entry is not in the log and will not get there.
	ErrRejected = errors.New("not written to the event log")
	// ErrTooLarge: the entry does not fit a record batch. Split the command.
	ErrTooLarge = fmt.Errorf("%w: it does not fit one record batch", ErrRejected)
	// ErrBusy: the queue is full. Try again in a moment.
	ErrBusy = fmt.Errorf("%w: the queue to it is full", ErrRejected)
	// ErrClosing: the writer is shutting down. Try again after the restart.
	ErrClosing = fmt.Errorf("%w: the writer is closing", ErrRejected)
	// ErrUnavailable: the log takes nothing at present (it is out of reach, it
	// is stalled, or its storage is full). Try again later.
	ErrUnavailable = fmt.Errorf("%w: it takes no record batches now", ErrRejected)
	// ErrOutcomeUnknown: the entry was under way when the caller stopped waiting
	// or the writer had to give up; it may be in the log, now or in a moment.
	// Repeat it under the same command ID, never under a new one.
	ErrOutcomeUnknown = errors.New("under way to the event log, outcome unknown")
)

// Errors of the log.
var (
	// ErrStalled: a record batch made no progress for the stall limit although
	// the embedded JetStream runs; after an I/O error it never does again.
	// End the process: the next start recovers the stream.
	ErrStalled = errors.New("event log makes no progress: end the process and look at its disk")
	// ErrForeignLog: this is no longer the log that was opened: the stream was
	// deleted, made anew, or its end lies before what was read from it already.
	ErrForeignLog = errors.New("event log is not the one that was opened")
	// ErrMessageMissing: no message has that sequence: it was trimmed, or is not written yet.
	ErrMessageMissing = errors.New("message is not in the event log")
	// ErrMessageUnreadable: the sequence lies within the log's bounds and the
	// server has no message for it: it is damaged or was deleted by hand.
	ErrMessageUnreadable = errors.New("message of the event log cannot be read")
	// ErrGap is what a GapError is.
	ErrGap = errors.New("event log was trimmed beyond the reader")
	// ErrLocked: another process has the log's directory open.
	ErrLocked = errors.New("directory of the event log is in use by another process")
	// ErrStreamConfig: a stream of that name exists and could lose events.
	ErrStreamConfig = errors.New("stream cannot hold the event log")
)

// GapError says that the log no longer reaches back to where the reader is.
// errors.Is(err, ErrGap) holds. Start from a checkpoint that lies behind the gap.
type GapError struct {
	// From is the sequence that the reader needs next.
	From uint64
	// Found is the first sequence that the log still has.
	Found uint64
}

func (e *GapError) Error() string {
	return fmt.Sprintf("%s: message %d is needed, the log begins at %d", ErrGap, e.From, e.Found)
}

// Is reports whether target is ErrGap.
func (e *GapError) Is(target error) bool { return target == ErrGap }

// UnreadableError names the message that cannot be read.
// errors.Is(err, ErrMessageUnreadable) holds.
type UnreadableError struct {
	Seq uint64
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("%s: message %d is damaged or deleted; restore the log from a replica or a backup", ErrMessageUnreadable, e.Seq)
}

// Is reports whether target is ErrMessageUnreadable.
func (e *UnreadableError) Is(target error) bool { return target == ErrMessageUnreadable }
