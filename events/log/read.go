package log

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

// idleLimit is when the server forgets the consumer of a reader that vanished.
const idleLimit = time.Minute

// errConsumer ends a session whose consumer lost messages or went silent; the
// next session begins at the cursor.
var errConsumer = errors.New("consumer does not deliver what is in the log")

// Read calls fn with each message from sequence from on (0 is 1), in order,
// without a gap and each once, on the caller's goroutine. It waits at the
// log's end for more and returns only
//
//   - when the context ends: with its error;
//   - when fn fails: with fn's error as it is;
//   - ErrGap (a GapError), ErrMessageUnreadable (an UnreadableError): the next
//     message was trimmed, or is damaged;
//   - ErrForeignLog: the stream was deleted, made anew, or ends before from-1.
//
// Everything else (lost connections, elections, deleted or stalled consumers)
// is waited for; Contact tells how long it lasts already.
func (l *Log) Read(ctx context.Context, from uint64, fn func(Message) error) error {
	r := &reader{log: l, next: max(from, 1), fn: fn}
	for attempt := 0; ; attempt++ {
		before := r.next
		err := r.session(ctx)
		switch {
		case r.fnErr != nil:
			return r.fnErr
		case ctx.Err() != nil:
			return ctx.Err()
		case l.foreignErr() != nil:
			return l.foreignErr()
		case errors.Is(err, ErrGap), errors.Is(err, ErrMessageUnreadable), errors.Is(err, ErrForeignLog):
			return err
		}
		if r.next > before {
			attempt = 0
		}
		level := slog.LevelWarn
		if attempt > 0 {
			level = slog.LevelDebug // an outage is told once
		}
		l.cfg.Logger.Log(ctx, level, "reader of the event log starts a new consumer", "next", r.next, "error", err)
		if !sleep.For(ctx, backoff(attempt)) {
			return ctx.Err()
		}
	}
}

// reader is one Read.
type reader struct {
	log *Log
	// next is the sequence to be handed over next.
	next uint64
	// last is the message before it, where this Read handed one over; without its data.
	last Message
	// aheadSince is since when every answer says that the log ends before the cursor.
	aheadSince time.Time
	fn         func(Message) error
	fnErr      error
}

// session delivers from one consumer until that fails; it never returns nil.
func (r *reader) session(ctx context.Context) error {
	if err := r.check(ctx); err != nil {
		return err
	}
	consumer := rand.Text()
	defer r.drop(consumer) // also where the answer was not waited for: the server may have made it
	if err := r.create(ctx, consumer); err != nil {
		return err
	}
	p, err := newPull(r.log.sub, EventsStream, consumer)
	if err != nil {
		return err
	}
	defer p.close()
	return r.deliver(ctx, p)
}

// check compares the cursor with the log before anything is delivered.
func (r *reader) check(ctx context.Context) error {
	first, last, err := r.log.Bounds(ctx)
	switch {
	case err != nil:
		return err
	case r.next < first:
		return &GapError{From: r.next, Found: first}
	case r.next > last+1:
		if r.aheadSince.IsZero() {
			r.aheadSince = time.Now()
		}
		if time.Since(r.aheadSince) < suspicionSpan {
			return fmt.Errorf("stream %s ends at %d, the reader stands at %d", EventsStream, last, r.next)
		}
		return fmt.Errorf("%w: it ends at %d, message %d was read from it already", ErrForeignLog, last, r.next-1)
	}
	r.aheadSince = time.Time{}
	if r.last.Seq == 0 {
		return nil
	}
	m, err := r.log.get(ctx, EventsStream, r.last.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // trimmed or damaged: nothing to compare with
	}
	if err == nil && (m.BatchID != r.last.BatchID || !m.Stored.Equal(r.last.Stored)) {
		err = fmt.Errorf("%w: message %d was replaced (batch %q of %s, read was %q of %s)", ErrForeignLog, m.Seq,
			m.BatchID, m.Stored.Format(time.RFC3339Nano), r.last.BatchID, r.last.Stored.Format(time.RFC3339Nano))
		r.log.declareForeign(err)
	}
	return err
}

func (r *reader) create(ctx context.Context, consumer string) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	_, err := r.log.subJS.CreateConsumer(ctx, EventsStream, jetstream.ConsumerConfig{
		Name:              consumer,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       r.next,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: idleLimit,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return fmt.Errorf("create consumer of stream %s: %w", EventsStream, err)
	}
	return nil
}

// drop deletes the consumer, so that the server need not wait for it to idle out.
func (r *reader) drop(consumer string) {
	if !r.log.sub.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	err := r.log.subJS.DeleteConsumer(ctx, EventsStream, consumer)
	if err != nil {
		r.log.cfg.Logger.Debug("delete consumer", "error", err)
	}
}

// deliver hands messages over while each is the next.
func (r *reader) deliver(ctx context.Context, p *pull) error {
	behind := false // the log is known to hold the next message, since one watchdog tick
	for ctx.Err() == nil {
		msg, err := p.next(ctx, r.log.cfg.watchdog/2)
		if errors.Is(err, errQuiet) {
			// A consumer that went with its stream need not say so.
			if err := r.log.foreignErr(); err != nil {
				return err
			}
			_, last := r.log.Contact()
			if behind && last >= r.next {
				return r.missed(ctx, "goes silent")
			}
			behind = last >= r.next
			continue
		}
		if err != nil {
			return err
		}
		m, err := r.log.readMessage(msg)
		if err != nil {
			return err
		}
		if m.Seq != r.next {
			return r.missed(ctx, fmt.Sprintf("jumps to %d", m.Seq))
		}
		r.log.contact(m.Seq)
		if r.fnErr = r.fn(m); r.fnErr != nil {
			return r.fnErr
		}
		r.next++
		m.Data = nil
		r.last, behind = m, false
	}
	return ctx.Err()
}

// missed asks the log for the message that the consumer did not deliver. That
// it is there speaks against the consumer; else the answer says what is wrong.
func (r *reader) missed(ctx context.Context, how string) error {
	_, err := r.log.Message(ctx, r.next)
	if errors.Is(err, ErrMessageMissing) {
		if first, _, err := r.log.Bounds(ctx); err == nil && r.next < first {
			return &GapError{From: r.next, Found: first}
		}
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: it %s before %d", errConsumer, how, r.next)
}
