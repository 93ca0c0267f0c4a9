package log

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
)

// WriterConfig bounds a Writer. The zero value is good.
type WriterConfig struct {
	// QueueEntries bounds the entries that wait for a batch; 0 for 8,192.
	QueueEntries int
	// QueueBytes bounds their encoded size; 0 for 16 MiB.
	QueueBytes int
	// AckWait is how long an ack may take before the log is asked what became
	// of the batch; 0 for 2 s.
	AckWait time.Duration
	// StallLimit is how long a batch may be in flight without any progress
	// before the log counts as stalled; 0 for 8 s.
	StallLimit time.Duration
	// DrainLimit bounds the flush when Run's context ends; 0 for 5 s.
	DrainLimit time.Duration
	// OnBatch, where set, is called on Run's goroutine for each batch that was stored.
	OnBatch func(StoredBatch)
	// Logger takes what is worth telling an operator; nil for the log's.
	Logger *slog.Logger
}

// StoredBatch is what OnBatch is told.
type StoredBatch struct {
	Seq             uint64
	Entries, Events int
	// Bytes is the encoded size of the record batch.
	Bytes int
	// Took is the time from the first publish to the ack.
	Took time.Duration
	// Attempts counts publishes; 1 when all is well.
	Attempts int
}

// WriterStats is a moment's view of a Writer.
type WriterStats struct {
	// QueueEntries and QueueBytes wait for a batch.
	QueueEntries, QueueBytes int
	// InFlight counts the entries of the batch in flight; 0 when there is none.
	InFlight int
	// Stalled is what Writer.Stalled reports.
	Stalled bool
}

// Receipt says where an entry lies in the log.
type Receipt struct {
	// Position is that of the entry's last event; of an entry without events,
	// that of the event before it in its batch, or index 0.
	Position events.Position
	// Tag is the short form of the batch ID, as position tokens carry it.
	Tag uint32
}

const (
	defaultQueueEntries = 8192
	defaultQueueBytes   = 16 << 20
	defaultAckWait      = 2 * time.Second
	defaultStallLimit   = 8 * time.Second
	defaultDrainLimit   = 5 * time.Second
)

func (c WriterConfig) withDefaults(log *slog.Logger) WriterConfig {
	setDefault(&c.QueueEntries, defaultQueueEntries)
	setDefault(&c.QueueBytes, defaultQueueBytes)
	setDefault(&c.AckWait, defaultAckWait)
	setDefault(&c.StallLimit, defaultStallLimit)
	setDefault(&c.DrainLimit, defaultDrainLimit)
	if c.Logger == nil {
		c.Logger = log
	}
	return c
}

func setDefault[T ~int | ~int64](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

// Writer commits entries to the log in record batches, one in flight at a time.
type Writer struct {
	log *Log
	cfg WriterConfig
	// publish is Log.publishBatch, or what a test puts around it.
	publish func(context.Context, *batch) (*jetstream.PubAck, error)

	mu    sync.Mutex
	queue queue
	// refusal is what new Commits get; nil while entries are accepted.
	refusal error

	wake     chan struct{} // holds one: there is something to look at
	inFlight atomic.Int64
	stalled  atomic.Bool
	pool     sync.Pool

	batch batch // the batch in flight; Run's own
}

// NewWriter returns a writer. Commits queue up until Run is called.
func (l *Log) NewWriter(cfg WriterConfig) *Writer {
	return &Writer{
		log:     l,
		cfg:     cfg.withDefaults(l.cfg.Logger),
		publish: l.publishBatch,
		wake:    make(chan struct{}, 1),
		pool:    sync.Pool{New: func() any { return newWaiter() }},
	}
}

// Commit appends the entry to the log and returns when it is durable. The entry
// shares a record batch with others and is never split; entries of one caller
// that commits one after the other keep their order. The entry's bytes must not
// change until Commit has returned, and for ever after ErrOutcomeUnknown.
//
// Errors of the class ErrRejected (ErrTooLarge, ErrBusy, ErrClosing,
// ErrUnavailable, and a context that ended while the entry was queued) mean
// that the entry is not in the log; ErrOutcomeUnknown that it may be.
// Errors of a context are wrapped and can be told with errors.Is too.
func (w *Writer) Commit(ctx context.Context, entry events.Entry) (Receipt, error) {
	return w.CommitWithin(ctx, 0, entry)
}

// CommitWithin is Commit for a caller that waits no longer than limit; 0 for no
// limit but the context's. A limit that has passed is a context that has ended,
// with context.DeadlineExceeded. It costs a timer that is used again, where a
// context of its own for each command takes 1.8 µs and five allocations.
func (w *Writer) CommitWithin(ctx context.Context, limit time.Duration, entry events.Entry) (Receipt, error) {
	if err := checkSize(entry); err != nil {
		return Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrRejected, err)
	}
	waiter := w.pool.Get().(*waiter)
	waiter.entry = entry
	if err := w.enqueue(waiter); err != nil {
		w.recycle(waiter)
		return Receipt{}, err
	}
	var over <-chan time.Time
	if limit > 0 {
		waiter.limit.Reset(limit)
		over = waiter.limit.C
	}
	select {
	case out := <-waiter.done:
		w.recycle(waiter)
		return out.receipt, out.err
	case <-ctx.Done():
		return w.withdraw(waiter, ctx.Err())
	case <-over:
		return w.withdraw(waiter, context.DeadlineExceeded)
	}
}

func (w *Writer) enqueue(waiter *waiter) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.refusal != nil:
		return w.refusal
	case w.stalled.Load():
		return ErrUnavailable
	case w.queue.entries >= w.cfg.QueueEntries || w.queue.bytes+waiter.entry.Size() > w.cfg.QueueBytes:
		return ErrBusy
	}
	w.queue.push(waiter)
	w.notify()
	return nil
}

// withdraw takes the waiter back where it is still queued. Where it is in a
// batch already, it is abandoned to it: the batch may write to it later, so it
// does not return to the pool.
func (w *Writer) withdraw(waiter *waiter, why error) (Receipt, error) {
	w.mu.Lock()
	queued := waiter.lane != nil
	if queued {
		w.queue.remove(waiter)
	}
	w.mu.Unlock()
	if queued {
		w.recycle(waiter)
		return Receipt{}, fmt.Errorf("%w: withdrawn from the queue: %w", ErrRejected, why)
	}
	select {
	case out := <-waiter.done: // both at once: the answer is worth more
		w.recycle(waiter)
		return out.receipt, out.err
	default:
		return Receipt{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, why)
	}
}

func (w *Writer) recycle(waiter *waiter) {
	waiter.limit.Stop() // before somebody else has it
	waiter.entry = events.Entry{}
	w.pool.Put(waiter)
}

func (w *Writer) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// refuse makes further Commits fail with err. The first refusal stands.
func (w *Writer) refuse(err error) {
	w.mu.Lock()
	if w.refusal == nil {
		w.refusal = err
	}
	w.mu.Unlock()
	w.notify()
}

// Stalled reports whether the batch in flight has made no progress for the
// stall limit. Commits fail with ErrUnavailable until it does.
func (w *Writer) Stalled() bool { return w.stalled.Load() }

// Stats returns the writer's state, for metrics.
func (w *Writer) Stats() WriterStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return WriterStats{
		QueueEntries: w.queue.entries,
		QueueBytes:   w.queue.bytes,
		InFlight:     int(w.inFlight.Load()),
		Stalled:      w.stalled.Load(),
	}
}
