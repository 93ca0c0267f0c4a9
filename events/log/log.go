package log

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
)

// Log is an open event log. Its methods may be called by many at once.
type Log struct {
	cfg Config
	identity

	lock   *os.File       // nil for an outside JetStream
	server *server.Server // nil for an outside JetStream

	// pub carries publishes, acks and questions, sub what readers are sent.
	pub, sub     *nats.Conn
	pubJS, subJS jetstream.JetStream

	watch watch
	dead  deadLetters

	closeOnce sync.Once
}

// Open starts the embedded JetStream, or connects to an outside one, and
// creates or checks the streams. It returns when all of that is done; the
// recovery of a large embedded log can take seconds. The context bounds Open only.
//
// ErrLocked: another process has the directory. ErrStreamConfig: a stream is
// there that could lose events; the message says what to change.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg.withDefaults()}
	l.watch.init()
	if err := l.open(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Log) open(ctx context.Context) (err error) {
	if l.cfg.Dir != "" {
		if _, err := os.Stat(l.cfg.Dir); l.cfg.Existing && errors.Is(err, fs.ErrNotExist) {
			return errGone // and the place stays free for what is put back
		}
		if l.lock, err = lockDir(l.cfg.Dir); err != nil {
			return err
		}
		if l.server, err = startServer(l.cfg); err != nil {
			return err
		}
	}
	if l.pub, err = connect(ctx, l.cfg, l.server, "writer"); err != nil {
		return err
	}
	if l.sub, err = connect(ctx, l.cfg, l.server, "reader"); err != nil {
		return err
	}
	if l.pubJS, err = jetstream.New(l.pub); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	if l.subJS, err = jetstream.New(l.sub); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	if l.identity, err = openStreams(ctx, l.pubJS, l.cfg); err != nil {
		return err
	}
	if err := l.openDeadLetters(ctx); err != nil {
		return err
	}
	_, last, err := l.Bounds(ctx)
	if err != nil {
		return err
	}
	if last < l.imported && !l.cfg.importing {
		return fmt.Errorf("%w: it ends at message %d of %d", ErrImportUnfinished, last, l.imported)
	}
	l.watch.wg.Go(l.probe)
	return nil
}

// Close closes the connections, stops the embedded JetStream and waits for it.
// Let writers and readers return first; a reader that still runs would retry
// until its context ends. Only the first call does anything.
func (l *Log) Close() {
	l.closeOnce.Do(func() {
		l.watch.cancel()
		l.watch.wg.Wait()
		for _, nc := range []*nats.Conn{l.pub, l.sub} {
			if nc != nil {
				nc.Close()
			}
		}
		if l.server != nil {
			stopServer(l.server)
		}
		if l.lock != nil {
			_ = l.lock.Close() // releases the lock
		}
	})
}

// Incarnation names this life of the log. It was made with the stream.
func (l *Log) Incarnation() events.Incarnation { return l.incarnation }

// Embedded reports whether the log is the process's own JetStream.
func (l *Log) Embedded() bool { return l.cfg.URL == "" }

// ListenAddr is the host:port of the embedded JetStream's listener, "" where it has none.
func (l *Log) ListenAddr() string {
	if l.server == nil || l.server.Addr() == nil {
		return ""
	}
	return l.server.Addr().String()
}
