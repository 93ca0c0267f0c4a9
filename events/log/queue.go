package log

import (
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// waiter is a Commit that waits. It is in the queue, then in a batch; whoever
// takes it out of the queue, under the writer's lock, decides what becomes of it.
type waiter struct {
	prev, next *waiter
	lane       *lane // where it is queued; nil once it is taken or withdrawn
	entry      events.Entry
	done       chan outcome // holds one
	limit      *time.Timer  // runs while a Commit with a limit waits; Commit's own
}

func newWaiter() *waiter {
	limit := time.NewTimer(time.Hour)
	limit.Stop()
	return &waiter{done: make(chan outcome, 1), limit: limit}
}

type outcome struct {
	receipt Receipt
	err     error
}

// smallEvents is up to how many events an entry is small. What a person does is
// one event; what an importer sends is hundreds, and may fill a batch by itself.
const smallEvents = 32

// queue is bounded, and has two lanes: one for small entries and one for large.
// Where both wait, they lead a batch in turn: a view waits for the batch in
// flight and its own, however many importers there are, and importers get every
// other batch, however many views there are. Within its lane an entry keeps its
// place; who commits one entry after the other has at most one in the queue.
type queue struct {
	small, large lane
	entries      int
	bytes        int
	// largeNext: a batch of small entries passed over large ones last.
	largeNext bool
}

// lane is a list of waiters in the order of their Commits. A list, because a
// withdrawn waiter must leave at once and from anywhere.
type lane struct {
	head, tail *waiter
}

func (q *queue) push(w *waiter) {
	l := &q.small
	if w.entry.Events > smallEvents {
		l = &q.large
	}
	w.prev, w.next, w.lane = l.tail, nil, l
	if l.tail == nil {
		l.head = w
	} else {
		l.tail.next = w
	}
	l.tail = w
	q.entries++
	q.bytes += w.entry.Size()
}

func (q *queue) remove(w *waiter) {
	l := w.lane
	if w.prev == nil {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.lane = nil, nil, nil
	q.entries--
	q.bytes -= w.entry.Size()
}

// pop removes and returns any waiter, nil when there is none.
func (q *queue) pop() *waiter {
	w := q.small.head
	if w == nil {
		w = q.large.head
	}
	if w != nil {
		q.remove(w)
	}
	return w
}

// maxBatchEntries is what the record batch's header can count. Only entries
// without events get there before the bound on events does.
const maxBatchEntries = 1<<16 - 1

// take moves what one record batch holds to dst: the longest run from the head
// of the lane whose turn it is, and in the room that is left, from the other.
func (q *queue) take(dst []*waiter) []*waiter {
	first, second := &q.small, &q.large
	if q.largeNext {
		first, second = second, first
	}
	room := batchRoom{}
	dst = room.fill(q, first, dst)
	passedOver := first == &q.small && len(dst) > 0
	dst = room.fill(q, second, dst)
	q.largeNext = passedOver && q.large.head != nil
	return dst
}

// batchRoom counts what a record batch holds so far.
type batchRoom struct{ events, bytes int }

func (r *batchRoom) fill(q *queue, l *lane, dst []*waiter) []*waiter {
	for w := l.head; w != nil && len(dst) < maxBatchEntries; w = l.head {
		eventCount, byteCount := r.events+w.entry.Events, r.bytes+w.entry.Size()
		if !fits(eventCount, byteCount) {
			break
		}
		r.events, r.bytes = eventCount, byteCount
		q.remove(w)
		dst = append(dst, w)
	}
	return dst
}

func fits(eventCount, entryBytes int) bool {
	return eventCount <= events.MaxBatchEvents && events.BatchSize(entryBytes) <= events.MaxBatchBytes
}

func checkSize(e events.Entry) error {
	if fits(e.Events, e.Size()) {
		return nil
	}
	return fmt.Errorf("%w: %d events in %d bytes, at most %d in %d", ErrTooLarge,
		e.Events, e.Size(), events.MaxBatchEvents, events.MaxBatchBytes-events.BatchSize(0))
}
