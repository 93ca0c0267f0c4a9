package log

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

const (
	// backoffMin and backoffMax bound the pause between attempts.
	backoffMin = 20 * time.Millisecond
	backoffMax = time.Second
)

func backoff(attempt int) time.Duration {
	return min(backoffMin<<min(attempt, 6), backoffMax)
}

// lostBatchError says that what became of a batch cannot be found out, because
// messages behind its expected sequence were trimmed before they could be read.
type lostBatchError struct{ from, first uint64 }

func (e *lostBatchError) Error() string {
	return fmt.Sprintf("messages from %d on were trimmed before the batch was looked for in them, the log begins at %d", e.from, e.first)
}

// publishBatch is one attempt to append the batch.
func (l *Log) publishBatch(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
	msg := &nats.Msg{Subject: BatchSubject, Data: b.data, Header: nats.Header{
		jetstream.MsgIDHeader:           {b.id.String()},
		jetstream.ExpectedStreamHeader:  {EventsStream},
		jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(b.expected, 10)},
	}}
	return l.pubJS.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
}

// store appends the batch and repeats that until it is certain that it is in
// the log, at b.seq. Errors: ErrUnavailable (refused, certainly not in the log),
// a lostBatchError, and those that end Run.
func (w *Writer) store(parent context.Context, b *batch) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	// The timer may fire while the ack comes in: over says that this batch is no
	// longer in flight, and nothing may call the log stalled on its account.
	var mu sync.Mutex
	over := false
	stall := time.AfterFunc(w.cfg.StallLimit, func() {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		if !w.stalled.Swap(true) {
			w.cfg.Logger.Error("event log makes no progress", "batch_in_flight_for", w.cfg.StallLimit)
		}
		if w.log.Embedded() {
			cancel(ErrStalled)
		}
	})
	defer func() {
		stall.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
	}()

	ambiguous := false // an attempt may be in the log, or still on its way there
	for {
		stored, err := w.attempt(ctx, b)
		if stored {
			return nil
		}
		switch {
		case w.log.foreignErr() != nil:
			return w.log.foreignErr()
		case ctx.Err() != nil:
			return fmt.Errorf("%w (last attempt: %w)", context.Cause(ctx), err)
		case refusedForSpace(err) && !ambiguous:
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		case !wrongSequence(err):
			ambiguous = true
		}
		level := slog.LevelDebug // another writer was faster
		if ambiguous {
			level = slog.LevelWarn
		}
		w.cfg.Logger.Log(ctx, level, "record batch is not acknowledged, looking for it in the log",
			"batch", b.id, "attempt", b.attempts, "error", err)
		before := b.expected
		found, err := w.resolve(ctx, b, ambiguous)
		if found || err != nil {
			return err
		}
		if b.expected > before {
			stall.Reset(w.cfg.StallLimit) // the log lives: others write to it
		} else if !ambiguous {
			sleep.For(ctx, backoff(b.attempts)) // the end that was told is not the one that refused
		}
	}
}

// attempt publishes once. It reports true when the batch lies at b.seq for certain.
func (w *Writer) attempt(parent context.Context, b *batch) (bool, error) {
	b.attempts++
	ctx, cancel := context.WithTimeout(parent, w.cfg.AckWait)
	defer cancel()
	ack, err := w.publish(ctx, b)
	switch {
	case err != nil:
		return false, err
	case ack.Duplicate || ack.Sequence != b.expected+1:
		// The server speaks of an earlier attempt. Where that lies is read, not believed.
		return false, fmt.Errorf("ack names message %d (duplicate: %t), expected was %d", ack.Sequence, ack.Duplicate, b.expected+1)
	}
	b.seq = ack.Sequence
	return true, nil
}

// resolve finds out whether an earlier attempt is in the log, and else moves the
// expected sequence to the log's end, for as long as it takes. Unless there was
// an attempt with an unknown outcome, the batch cannot be there and only the
// end is asked for.
func (w *Writer) resolve(ctx context.Context, b *batch, ambiguous bool) (found bool, err error) {
	for attempt := 0; ; attempt++ {
		if ambiguous && !sleep.For(ctx, backoff(attempt+b.attempts-1)) {
			return false, context.Cause(ctx)
		}
		err := w.advance(ctx, b, ambiguous, &found)
		if found || err == nil {
			return found, nil
		}
		var (
			unreadable *UnreadableError
			lost       *lostBatchError
		)
		switch {
		case w.log.foreignErr() != nil:
			return false, w.log.foreignErr()
		case ctx.Err() != nil:
			return false, fmt.Errorf("%w (last attempt: %w)", context.Cause(ctx), err)
		case errors.As(err, &unreadable) || errors.As(err, &lost):
			return false, err
		}
		if !ambiguous && !sleep.For(ctx, backoff(attempt)) {
			return false, context.Cause(ctx)
		}
	}
}

// advance reads the messages behind the expected sequence, one by one, and moves
// it along; it stops at the batch.
func (w *Writer) advance(ctx context.Context, b *batch, ambiguous bool, found *bool) error {
	first, last, err := w.log.Bounds(ctx)
	if err != nil {
		return err
	}
	if !ambiguous {
		b.expected = max(b.expected, last)
		return nil
	}
	if next := b.expected + 1; next <= last && next < first {
		b.expected = last
		return &lostBatchError{from: next, first: first}
	}
	for b.expected < last {
		m, err := w.log.Message(ctx, b.expected+1)
		if err != nil {
			return err
		}
		b.expected++
		if m.BatchID == b.id.String() {
			b.seq, *found = m.Seq, true
			return nil
		}
	}
	return nil
}

// wrongSequence reports whether the server refused a message because another
// one was appended before it; replicated streams have a code of their own.
func wrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// Codes of refusals that a server makes before it writes anything. When a write
// itself fails it does not answer at all.
const (
	errCodeAccountLimit jetstream.ErrorCode = 10002
	errCodeServerLimit  jetstream.ErrorCode = 10023
	errCodeMemoryLimit  jetstream.ErrorCode = 10028
	errCodeStorageLimit jetstream.ErrorCode = 10047
)

// refusedForSpace reports whether the server refused a message because a limit
// on its storage is reached, which is not a wedge and may last.
func refusedForSpace(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case errCodeAccountLimit, errCodeServerLimit, errCodeMemoryLimit, errCodeStorageLimit, jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return true
	}
	return false
}
