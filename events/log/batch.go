package log

import (
	"crypto/rand"

	"github.com/tidemark-io/tidemark/events"
)

// batch is the record batch in flight. Its buffers are used again for the next.
type batch struct {
	waiters []*waiter
	entries []events.Entry
	id      events.BatchID
	data    []byte

	// expected is the sequence that must be the stream's last when the batch is
	// appended: all up to it is known not to be this batch.
	expected uint64
	// seq is where it lies, once stored.
	seq      uint64
	attempts int
}

// encode gives the batch its ID, which it keeps whatever happens, and its bytes.
func (b *batch) encode(inc events.Incarnation) {
	_, _ = rand.Read(b.id[:]) // never returns an error
	b.entries = b.entries[:0]
	for _, w := range b.waiters {
		b.entries = append(b.entries, w.entry)
	}
	b.data = events.AppendBatch(b.data[:0], events.BatchHeader{Incarnation: inc, ID: b.id}, b.entries)
	clear(b.entries)
	b.seq, b.attempts = 0, 0
}

func (b *batch) events() int {
	n := 0
	for _, w := range b.waiters {
		n += w.entry.Events
	}
	return n
}

// answer tells each waiter its position. A waiter must not be touched after
// that: its Commit may have given it to the next one.
func (b *batch) answer() {
	tag, before := b.id.Tag(), 0
	for i, w := range b.waiters {
		before += w.entry.Events
		index := uint16(max(before-1, 0))
		b.waiters[i] = nil
		w.done <- outcome{receipt: Receipt{Position: events.Position{Seq: b.seq, Index: index}, Tag: tag}}
	}
}

// fail tells each waiter the error.
func (b *batch) fail(err error) {
	for i, w := range b.waiters {
		b.waiters[i] = nil
		w.done <- outcome{err: err}
	}
}
