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
	limit int // bytes from which a chunk is full

	mu      sync.Mutex
	filling *chunk
	changed chan struct{} // closed when the chunk stops being empty, becomes full, or is taken
}

func newBuffer(limit int, log int16) *buffer {
	b := &buffer{limit: limit, filling: newChunk(), changed: make(chan struct{})}
	b.filling.reset(log)
	return b
}

// tell wakes who waits. The caller holds the lock.
func (b *buffer) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *buffer) full() bool { return b.filling.size() >= b.limit }

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
	if empty || b.full() {
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
		b.mu.Lock()
		if b.full() || due == nil && b.filling.first != 0 {
			taken := b.filling
			b.filling = empty
			b.tell()
			b.mu.Unlock()
			return taken, nil
		}
		changed := b.changed
		b.mu.Unlock()
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
