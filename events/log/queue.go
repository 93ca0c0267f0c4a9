package log

import (
	"fmt"

	"github.com/tidemark-io/tidemark/events"
)

// waiter is a Commit that waits. It is in the queue, then in a batch; whoever
// takes it out of the queue, under the writer's lock, decides what becomes of it.
type waiter struct {
	prev, next *waiter
	queued     bool
	entry      events.Entry
	done       chan outcome // holds one
}

type outcome struct {
	receipt Receipt
	err     error
}

// queue is a bounded list of waiters in the order of their Commits. A list,
// because a withdrawn waiter must leave at once and from anywhere.
type queue struct {
	head, tail *waiter
	entries    int
	bytes      int
}

func (q *queue) push(w *waiter) {
	w.prev, w.next, w.queued = q.tail, nil, true
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
	q.entries++
	q.bytes += len(w.entry.Bytes)
}

func (q *queue) remove(w *waiter) {
	if w.prev == nil {
		q.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	q.entries--
	q.bytes -= len(w.entry.Bytes)
}

// maxBatchEntries is what the record batch's header can count. Only entries
// without events get there before the bound on events does.
const maxBatchEntries = 1<<16 - 1

// take moves the longest run of waiters from the head that one record batch
// holds to dst. It skips none, so entries keep their order.
func (q *queue) take(dst []*waiter) []*waiter {
	var eventCount, byteCount int
	for w := q.head; w != nil && len(dst) < maxBatchEntries; w = q.head {
		eventCount += w.entry.Events
		byteCount += len(w.entry.Bytes)
		if !fits(eventCount, byteCount) {
			break
		}
		q.remove(w)
		dst = append(dst, w)
	}
	return dst
}

func fits(eventCount, entryBytes int) bool {
	return eventCount <= events.MaxBatchEvents && events.BatchSize(entryBytes) <= events.MaxBatchBytes
}

func checkSize(e events.Entry) error {
	if fits(e.Events, len(e.Bytes)) {
		return nil
	}
	return fmt.Errorf("%w: %d events in %d bytes, at most %d in %d", ErrTooLarge,
		e.Events, len(e.Bytes), events.MaxBatchEvents, events.MaxBatchBytes-events.BatchSize(0))
}
