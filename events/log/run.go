package log

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

// errDrained is the cause that ends the work when the drain limit is over.
var errDrained = errors.New("the time for flushing is over")

// Run publishes what Commit queues, until the context ends: then it accepts no
// more, flushes what is queued and returns nil, or an error if that took longer
// than the drain limit. It is called once. It returns earlier with
//
//   - ErrStalled: the embedded JetStream is wedged. An outside one is waited for
//     instead, and Stalled reports it.
//   - ErrForeignLog: the stream is not the one that was opened.
//   - an UnreadableError: what became of a batch cannot be found out, because
//     the log is damaged where it would lie.
//
// Whoever still waits then gets ErrOutcomeUnknown if in flight, else a rejection.
func (w *Writer) Run(ctx context.Context) error {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	draining := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		w.refuse(ErrClosing)
		close(draining)
	})
	defer stop()
	drainer := make(chan struct{})
	go func() {
		defer close(drainer)
		select {
		case <-work.Done():
		case <-draining:
			if sleep.For(work, w.cfg.DrainLimit) {
				cancel(errDrained)
			}
		}
	}()
	defer func() { cancel(nil); <-drainer }()

	err := w.run(work)
	w.abandon(err)
	if err != nil {
		return fmt.Errorf("write to the event log: %w", err)
	}
	return nil
}

func (w *Writer) run(ctx context.Context) error {
	if err := w.learnEnd(ctx); err != nil {
		return err
	}
	for {
		more, err := w.fill(ctx)
		if err != nil || !more {
			return err
		}
		if err := w.commitBatch(ctx); err != nil {
			return err
		}
	}
}

// learnEnd asks for the last sequence, which the first batch expects, for as
// long as it takes.
func (w *Writer) learnEnd(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		_, last, err := w.log.Bounds(ctx)
		if err == nil {
			w.batch.expected = last
			return nil
		}
		if foreign := w.log.foreignErr(); foreign != nil {
			return foreign
		}
		if !sleep.For(ctx, backoff(attempt)) {
			return context.Cause(ctx)
		}
	}
}

// fill waits until something is queued and makes it the batch. It returns false
// when nothing is left and nothing more will come.
func (w *Writer) fill(ctx context.Context) (bool, error) {
	for {
		w.mu.Lock()
		w.batch.waiters = w.queue.take(w.batch.waiters[:0])
		closing := w.refusal != nil
		w.mu.Unlock()
		if len(w.batch.waiters) > 0 {
			w.inFlight.Store(int64(len(w.batch.waiters)))
			return true, nil
		}
		if closing {
			return false, nil
		}
		select {
		case <-w.wake:
		case <-w.log.Foreign():
			return false, w.log.foreignErr()
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// commitBatch stores the batch and tells its waiters. An error ends Run.
func (w *Writer) commitBatch(ctx context.Context) error {
	started := time.Now()
	b := &w.batch
	b.encode(w.log.incarnation)
	err := w.store(ctx, b)
	w.inFlight.Store(0)
	if err == nil {
		if w.stalled.Swap(false) {
			w.cfg.Logger.Info("event log takes record batches again", "seq", b.seq, "attempts", b.attempts)
		}
		b.expected = b.seq
		w.log.contact(b.seq)
		entries, eventCount := len(b.waiters), b.events()
		b.answer()
		if w.cfg.OnBatch != nil {
			w.cfg.OnBatch(StoredBatch{Seq: b.seq, Entries: entries, Events: eventCount, Bytes: len(b.data),
				Took: time.Since(started), Attempts: b.attempts})
		}
		return nil
	}
	var lost *lostBatchError
	switch {
	case errors.Is(err, ErrUnavailable):
		w.stalled.Store(false) // it answers, if only to refuse
		b.fail(err)
		return nil
	case errors.As(err, &lost):
		w.stalled.Store(false)
		w.cfg.Logger.Error("outcome of a record batch cannot be found out", "batch", b.id, "error", err)
		b.fail(fmt.Errorf("%w: %w", ErrOutcomeUnknown, err))
		return nil
	}
	b.fail(fmt.Errorf("%w: %w", ErrOutcomeUnknown, err))
	return err
}

// abandon rejects what is queued when Run ends, and all that comes later.
func (w *Writer) abandon(err error) {
	rejection := ErrClosing
	if err != nil && !errors.Is(err, errDrained) {
		rejection = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w.refuse(rejection)
	w.mu.Lock()
	defer w.mu.Unlock()
	for waiter := w.queue.pop(); waiter != nil; waiter = w.queue.pop() {
		waiter.done <- outcome{err: rejection}
	}
}
