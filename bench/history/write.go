package history

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tidemark-io/tidemark/bench/rawlog"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// History is what a log holds.
type History struct {
	// Events is how many there are; PerBatch how many stand in one record batch.
	Events, PerBatch int
	// Append appends the frame of event n, from 0, to dst.
	Append func(dst []byte, n int) []byte
}

// Written is what became of a history.
type Written struct {
	Messages uint64
	// BatchBytes is the mean size of a record batch.
	BatchBytes float64
}

// LogDir is where `tidemark serve --data-dir` keeps its event log.
func LogDir(dataDir string) string { return filepath.Join(dataDir, "jetstream") }

// ModelsDir is where it keeps its read model.
func ModelsDir(dataDir string) string { return filepath.Join(dataDir, "models") }

// Write writes the history as the event log of a new data directory. Each event
// is bare, as those of single commands are, in record batches of the log's own
// incarnation.
func Write(ctx context.Context, dataDir string, h History) (w Written, err error) {
	dir := LogDir(dataDir)
	// The product makes its streams itself, so that they are as it wants them.
	l, err := eventlog.Open(ctx, eventlog.Config{Dir: dir})
	if err != nil {
		return w, fmt.Errorf("make an event log: %w", err)
	}
	incarnation := l.Incarnation()
	l.Close()
	raw, err := rawlog.Open(dir, rawlog.SyncLater)
	if err != nil {
		return w, err
	}
	defer raw.Close()
	b := batcher{history: h, incarnation: incarnation}
	total := 0
	for from := 0; from < h.Events; from += h.PerBatch {
		data, id := b.batch(from, min(from+h.PerBatch, h.Events), w.Messages)
		if err := raw.PublishAsync(eventlog.BatchSubject, id, data); err != nil {
			return w, fmt.Errorf("write record batch %d: %w", w.Messages, err)
		}
		w.Messages++
		total += len(data)
		if err := ctx.Err(); err != nil {
			return w, err
		}
	}
	w.BatchBytes = float64(total) / float64(max(1, w.Messages))
	return w, raw.Flush(ctx, eventlog.EventsStream, w.Messages)
}

// batcher encodes record batches. Frames are kept until the batch is made.
type batcher struct {
	history     History
	incarnation events.Incarnation
	frames      []byte
	entries     []events.Entry
}

func (b *batcher) batch(from, to int, number uint64) (data []byte, id string) {
	b.frames, b.entries = b.frames[:0], b.entries[:0]
	for n := from; n < to; n++ {
		start := len(b.frames)
		b.frames = b.history.Append(b.frames, n)
		// The frames may move while they grow, so only lengths are kept.
		b.entries = append(b.entries, events.Entry{Bytes: b.frames[start:], Events: 1})
	}
	at := 0
	for i := range b.entries {
		size := len(b.entries[i].Bytes)
		b.entries[i].Bytes = b.frames[at : at+size]
		at += size
	}
	header := events.BatchHeader{Incarnation: b.incarnation}
	binary.BigEndian.PutUint64(header.ID[:8], mix(number+1))
	binary.BigEndian.PutUint64(header.ID[8:], number)
	// The client library keeps the data until it is acknowledged.
	data = make([]byte, 0, events.BatchSize(len(b.frames)))
	return events.AppendBatch(data, header, b.entries), header.ID.String()
}

// SyncAll writes everything under a directory to the disk, so that a measurement
// does not pay for what was prepared before it.
func SyncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
