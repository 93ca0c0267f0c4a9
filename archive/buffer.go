package archive

import (
	"context"
	"sync"
	"time"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
)

// buffer hands chunks from who reads the log to who writes to the server: one
// is filled while another is written. A full one stops the reader, so the memory
// is that of two.
type buffer struct {
	limit int           // bytes from which a chunk is full
	end   func() uint64 // the last message of the log, as far as is known

	mu      sync.Mutex
	filling *chunk
	changed chan struct{} // closed when the chunk stops being empty, becomes full, holds the log's end, or is taken
}

func newBuffer(limit int, end func() uint64, log int16) *buffer {
	b := &buffer{limit: limit, end: end, filling: newChunk(), changed: make(chan struct{})}
	b.filling.reset(log)
	return b
}

// tell wakes who waits. The caller holds the lock.
func (b *buffer) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *buffer) full() bool { return b.filling.size() >= b.limit }

// ends reports whether the chunk holds the end of the log.
func (b *buffer) ends() bool { return b.filling.first != 0 && b.filling.last.Seq >= b.end() }

// add adds a message, once there is room.
func (b *buffer) add(ctx context.Context, m *eventlog.Message, j *projector.Judgement) error {
	b.mu.Lock()
	for b.full() {
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	empty := b.filling.first == 0
	err := b.filling.add(m, j)
	if empty || b.full() || b.ends() {
		b.tell()
	}
	return err
}

// take waits until the chunk is full, or has something at the time given or
// after it, and takes it in exchange for an empty one. It returns nil where there
// is nothing for idle.
func (b *buffer) take(ctx context.Context, until time.Time, idle time.Duration, empty *chunk) (*chunk, error) {
	timer, patience := time.NewTimer(time.Until(until)), time.NewTimer(idle)
	defer timer.Stop()
	defer patience.Stop()
	due := timer.C
	for {
		taken, changed := b.exchange(empty, func() bool { return due == nil && b.filling.first != 0 })
		if taken != nil {
			return taken, nil
		}
		select {
		case <-changed:
		case <-due:
			due = nil
		case <-patience.C:
			if due == nil {
				return nil, nil
			}
			patience.Reset(idle)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// takeMore takes the chunk once it is full, or holds the end of the log, and
// returns nil where neither is so within a time.
func (b *buffer) takeMore(ctx context.Context, within time.Duration, empty *chunk) (*chunk, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		taken, changed := b.exchange(empty, b.ends)
		if taken != nil {
			return taken, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// exchange takes the chunk for an empty one if it is full, or if it may be taken all
// the same; otherwise it returns what tells of a change.
func (b *buffer) exchange(empty *chunk, may func() bool) (taken *chunk, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.full() && !may() {
		return nil, b.changed
	}
	taken, b.filling = b.filling, empty
	b.tell()
	return taken, nil
}
