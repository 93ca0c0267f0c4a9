package rawlog

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Log is an embedded JetStream with a connection in process.
type Log struct {
	server *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
}

// Sync says when a stored message is fsynced.
type Sync bool

// Before or long after a publish is acknowledged.
const (
	SyncAlways Sync = true
	SyncLater  Sync = false
)

// Open starts a JetStream on the directory: an empty one, or that of an event log
// which nobody has open.
func Open(dir string, sync Sync) (*Log, error) {
	opts := &server.Options{
		ServerName: "rawlog", DontListen: true, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
		DisableJetStreamBanner: true, JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 40,
		SyncAlways: bool(sync), SyncInterval: time.Hour,
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("set up JetStream: %w", err)
	}
	srv.Start()
	l := &Log{server: srv}
	if !srv.ReadyForConnections(time.Minute) || !srv.JetStreamEnabled() {
		l.Close()
		return nil, errors.New("JetStream did not start on " + dir)
	}
	if l.nc, err = nats.Connect("", nats.InProcessServer(srv)); err == nil {
		l.js, err = jetstream.New(l.nc, jetstream.WithPublishAsyncMaxPending(256))
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("connect to JetStream: %w", err)
	}
	return l, nil
}

// Close stops the server and waits for it, so that the directory can be opened again.
func (l *Log) Close() {
	if l.nc != nil {
		l.nc.Close()
	}
	l.server.Shutdown()
	l.server.WaitForShutdown()
}

// Create makes a stream of one subject, as the event log is configured.
func (l *Log) Create(ctx context.Context, stream, subject string) error {
	_, err := l.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: stream, Subjects: []string{subject}, Storage: jetstream.FileStorage, AllowDirect: true,
	})
	if err != nil {
		return fmt.Errorf("create stream %s: %w", stream, err)
	}
	return nil
}

// Publish stores one message and waits for its acknowledgement. A non-empty ID
// becomes its Nats-Msg-Id.
func (l *Log) Publish(ctx context.Context, subject, id string, data []byte) error {
	_, err := l.js.PublishMsg(ctx, message(subject, id, data))
	return err
}

// PublishAsync stores a message without waiting; Flush waits for all of them.
func (l *Log) PublishAsync(subject, id string, data []byte) error {
	_, err := l.js.PublishMsgAsync(message(subject, id, data))
	return err
}

func message(subject, id string, data []byte) *nats.Msg {
	m := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{}}
	if id != "" {
		m.Header.Set(jetstream.MsgIDHeader, id)
	}
	return m
}

// Flush waits until every message of PublishAsync is acknowledged and checks
// that the stream holds as many as it should.
func (l *Log) Flush(ctx context.Context, stream string, messages uint64) error {
	select {
	case <-l.js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	s, err := l.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", stream, err)
	}
	if has := s.CachedInfo().State.Msgs; has != messages {
		return fmt.Errorf("stream %s holds %d messages, %d were published", stream, has, messages)
	}
	return nil
}

// Consumed is what Consume has seen.
type Consumed struct {
	Messages, Bytes int64
	Took            time.Duration
}

// silence is how long a reader waits for the next message.
const silence = 20 * time.Second

// Consume reads a stream from its beginning to its present end through a pull
// consumer without acknowledgements, as fast as the client library delivers, and
// looks at nothing but the length of messages.
func (l *Log) Consume(ctx context.Context, stream string) (Consumed, error) {
	var c Consumed
	s, err := l.js.Stream(ctx, stream)
	if err != nil {
		return c, fmt.Errorf("look at stream %s: %w", stream, err)
	}
	last := int64(s.CachedInfo().State.LastSeq)
	start := time.Now()
	consumer, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true,
	})
	if err != nil {
		return c, fmt.Errorf("create a consumer of %s: %w", stream, err)
	}
	// A callback, and not an iterator: the iterator's buffer has room for the
	// messages that were pulled and for none of the server's words between them, so
	// that it loses one now and then.
	var read atomic.Int64
	over := make(chan struct{})
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		c.Bytes += int64(len(m.Data()))
		if read.Add(1) == last {
			close(over)
		}
	}, jetstream.PullMaxMessagesWithBytesLimit(64, 16<<20))
	if err != nil {
		return c, fmt.Errorf("consume %s: %w", stream, err)
	}
	defer consuming.Stop()
	for before := int64(-1); ; {
		select {
		case <-over:
			c.Messages, c.Took = last, time.Since(start)
			return c, nil
		case <-ctx.Done():
			return Consumed{}, ctx.Err()
		case <-time.After(silence):
			if before == read.Load() {
				return Consumed{}, fmt.Errorf("consume %s: nothing came for %s, after %d of %d messages", stream, silence, before, last)
			}
			before = read.Load()
		}
	}
}
