package log

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/durable"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/internal/sleep"
)

// Original is the log of which an import makes a copy.
type Original struct {
	Incarnation events.Incarnation
	Lineage     events.Lineage
	// Last is its last message; the first is 1.
	Last uint64
}

// Errors of Import.
var (
	// ErrNotEmpty: the log holds something else. Import into an empty one.
	ErrNotEmpty = errors.New("the log to import into holds something else")
	// ErrImportUnfinished: an import into the log did not get to its end. Run it again.
	ErrImportUnfinished = errors.New("an import into this log did not get to its end: run it again (tidemark replay import), it goes on where it stopped")
)

const (
	// importWindow is how many messages are on their way at once.
	importWindow = 128
	// importAck is how long an ack may take before the log is asked.
	importAck = 5 * time.Second
	// importAttempts is how often in a row nothing may come in.
	importAttempts = 20
	// importSync is how often the embedded server syncs meanwhile: all is synced at the end.
	importSync = time.Minute
)

// Import fills an empty log with a copy of another, message by message, under an
// incarnation of its own in whose lineage the original's stands. read must call
// fn with each message of the original from a sequence on, in order. An import
// that was cut short goes on where it stopped; until it is done, Open refuses
// the log. Nothing is acknowledged before the whole of it is on the disk.
func Import(ctx context.Context, cfg Config, from Original, read func(ctx context.Context, from uint64, fn func(Message) error) error) error {
	cfg.importing = true
	if cfg.URL == "" && cfg.UnsafeSyncInterval == 0 {
		cfg.UnsafeSyncInterval = importSync
	}
	l, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	err = l.importFrom(ctx, from, read)
	l.Close()
	if err == nil && cfg.URL == "" {
		err = syncTree(cfg.Dir)
	}
	return err
}

func (l *Log) importFrom(ctx context.Context, from Original, read func(context.Context, uint64, func(Message) error) error) error {
	last, err := l.beginImport(ctx, from)
	if err != nil {
		return err
	}
	js, err := jetstream.New(l.pub, jetstream.WithPublishAsyncMaxPending(importWindow), jetstream.WithPublishAsyncTimeout(importAck))
	if err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	i := &importer{log: l, js: js, last: last}
	next := max(last, 1) // the last one there is compared with the original's
	err = read(ctx, next, func(m Message) error {
		if m.Seq != next || m.Seq > from.Last {
			return fmt.Errorf("import message %d: message %d comes next", m.Seq, next)
		}
		next++
		if m.Seq == last {
			return i.compare(ctx, &m)
		}
		return i.add(ctx, m)
	})
	if err != nil {
		return err
	}
	// What was read is stored before it is said that there was too little of it: the
	// next try begins behind it.
	if err := i.settle(ctx, 0); err != nil {
		return err
	}
	if next != from.Last+1 && from.Last > 0 {
		return fmt.Errorf("import up to message %d: what was read ends at %d", from.Last, next-1)
	}
	return nil
}

// beginImport writes into the stream's metadata what it will be a copy of, or
// checks that it says so already. It returns the last message that is there.
func (l *Log) beginImport(ctx context.Context, from Original) (uint64, error) {
	_, last, err := l.Bounds(ctx)
	if err != nil {
		return 0, err
	}
	lineage := append(append(events.Lineage{}, from.Lineage...), events.Ancestor{Incarnation: from.Incarnation, Last: from.Last})
	switch {
	case l.imported == from.Last && l.lineage.String() == lineage.String() && last <= from.Last:
		return last, nil
	case l.imported > 0 || last > 0 || len(l.lineage) > 0:
		return 0, fmt.Errorf("%w: it ends at message %d, of lineage %q", ErrNotEmpty, last, l.lineage)
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	stream, err := l.pubJS.Stream(ctx, EventsStream)
	if err != nil {
		return 0, fmt.Errorf("import into stream %s: %w", EventsStream, err)
	}
	cfg := stream.CachedInfo().Config
	cfg.Metadata = identity{incarnation: l.incarnation, lineage: lineage}.metadata(cfg.Metadata)
	cfg.Metadata[ImportedKey] = strconv.FormatUint(from.Last, 10)
	if _, err := l.pubJS.UpdateStream(ctx, cfg); err != nil {
		return 0, fmt.Errorf("write into the metadata of stream %s what it is a copy of: %w", EventsStream, err)
	}
	l.lineage, l.imported = lineage, from.Last
	return last, nil
}

// importer publishes copies, a window of them at a time, each with the sequence
// that it must get: after one that failed, all behind it fail too.
type importer struct {
	log    *Log
	js     jetstream.JetStream
	last   uint64 // known to be stored
	flying []flight
	failed int // attempts in a row without one that was stored
}

// flight is a copy on its way.
type flight struct {
	Message
	ack jetstream.PubAckFuture
}

// compare fails unless the message is the one that is in the log.
func (i *importer) compare(ctx context.Context, m *Message) error {
	there, err := i.log.Message(ctx, m.Seq)
	if err == nil && (there.BatchID != m.BatchID || !there.Stored.Equal(m.Stored)) {
		err = fmt.Errorf("%w: message %d is another one", ErrNotEmpty, m.Seq)
	}
	return err
}

func (i *importer) add(ctx context.Context, m Message) error {
	if err := i.settle(ctx, importWindow-1); err != nil {
		return err
	}
	return i.publish(m, true)
}

func (i *importer) publish(m Message, withID bool) error {
	ack, err := i.js.PublishMsgAsync(copyOf(&m, withID), jetstream.WithRetryAttempts(0))
	if err != nil {
		return fmt.Errorf("import message %d: %w", m.Seq, err)
	}
	i.flying = append(i.flying, flight{m, ack})
	return nil
}

// settle waits until no more than so many copies are on their way.
func (i *importer) settle(ctx context.Context, most int) error {
	for len(i.flying) > most {
		ack, err := i.wait(ctx, &i.flying[0])
		if ctx.Err() != nil {
			return ctx.Err()
		}
		first := i.flying[0].Seq
		if err == nil && !ack.Duplicate && ack.Sequence == first {
			i.last, i.failed = first, 0
			i.flying = i.flying[1:]
			continue
		}
		if err := i.again(ctx, err == nil && ack.Duplicate, err); err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) wait(ctx context.Context, f *flight) (*jetstream.PubAck, error) {
	select {
	case ack := <-f.ack.Ok():
		return ack, nil
	case err := <-f.ack.Err():
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// again publishes what is on its way once more, from the first that is not
// stored. A copy that the server takes for a repeat goes without its ID.
func (i *importer) again(ctx context.Context, repeat bool, cause error) error {
	flying := i.flying
	i.flying = nil
	for n := range flying[1:] {
		_, _ = i.wait(ctx, &flying[n+1]) // it failed with the first, or the log says that it did not
	}
	if i.failed++; i.failed > importAttempts {
		return fmt.Errorf("import message %d: %w", flying[0].Seq, cause)
	}
	if !repeat && !sleep.For(ctx, backoff(i.failed)) {
		return ctx.Err()
	}
	_, last, err := i.log.Bounds(ctx)
	if err != nil {
		if i.failed < importAttempts { // out of reach: once more
			i.flying = flying
			return nil
		}
		return fmt.Errorf("import message %d: %w", flying[0].Seq, err)
	}
	for n := range flying {
		m := &flying[n].Message
		if m.Seq <= last {
			if err := i.compare(ctx, m); err != nil {
				return err
			}
			i.last, i.failed = m.Seq, 0
			continue
		}
		if err := i.publish(*m, !repeat || m.Seq != last+1); err != nil {
			return err
		}
	}
	return nil
}

// syncTree brings all files of a directory to the disk.
func syncTree(dir string) error {
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return durable.Sync(path)
	})
	if err != nil {
		return fmt.Errorf("bring the imported log to the disk: %w", err)
	}
	return nil
}
