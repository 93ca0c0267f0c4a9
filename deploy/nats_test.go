package deploy

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// TestNATSConfigurationCarriesTheLog starts a server from nats.conf: the user
// tidemark can write, read and trim the log, and do nothing else.
func TestNATSConfigurationCarriesTheLog(t *testing.T) {
	t.Setenv("NATS_PASSWORD", "a-password")
	options, err := server.ProcessConfigFile("nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !options.JetStream || !options.SyncAlways || options.StoreDir != "/data" {
		t.Errorf("JetStream %v, SyncAlways %v, StoreDir %s", options.JetStream, options.SyncAlways, options.StoreDir)
	}
	options.Host, options.Port, options.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	options.StoreDir, options.NoSigs, options.NoLog = t.TempDir(), true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not come up")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	log, err := eventlog.Open(ctx, eventlog.Config{URL: s.ClientURL(), User: "tidemark", Password: "a-password"})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	trims(ctx, t, log)
	refusesToLose(ctx, t, s.ClientURL())
}

// trims writes ten messages, reads them, and lets the log forget four.
func trims(ctx context.Context, t *testing.T, log *eventlog.Log) {
	t.Helper()
	writer := log.NewWriter(eventlog.WriterConfig{})
	work, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- writer.Run(work) }()
	meta := events.Meta{Type: events.TypeVideoViewed, Time: events.TimeOf(time.Now())}
	entry := events.Entry{Bytes: events.AppendEvent(nil, meta, events.VideoViewed{}), Events: 1}
	for range 10 {
		if _, err := writer.Commit(ctx, entry); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := log.Trim(ctx, 4); err != nil {
		t.Fatal(err)
	}
	if first, last, err := log.Bounds(ctx); first != 5 || last != 10 || err != nil {
		t.Errorf("trimmed, the log has messages %d to %d, %v; want 5 to 10", first, last, err)
	}
	if _, err := log.Message(ctx, 5); err != nil {
		t.Error(err)
	}
	all := errors.New("all is read")
	err := log.Read(ctx, 5, func(m eventlog.Message) error {
		if m.Seq == 10 {
			return all
		}
		return nil
	})
	if !errors.Is(err, all) {
		t.Error(err)
	}
}

// refusesToLose asks for what would lose events; the server answers such a
// request with an error of the connection and with nothing else.
func refusesToLose(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	if nc, err := nats.Connect(url); err == nil {
		nc.Close()
		t.Error("whoever comes may connect")
	}
	refusals := make(chan error, 8)
	nc, err := nats.Connect(url, nats.UserInfo("tidemark", "a-password"), nats.ErrorHandler(
		func(_ *nats.Conn, _ *nats.Subscription, err error) { refusals <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, subject := range []string{
		"$JS.API.STREAM.DELETE." + eventlog.EventsStream,
		"$JS.API.STREAM.MSG.DELETE." + eventlog.EventsStream,
		"$JS.API.STREAM.RESTORE." + eventlog.EventsStream,
		"$JS.API.STREAM.PURGE." + eventlog.DeadLettersStream,
		"$JS.API.STREAM.PURGE.another",
		"$JS.API.STREAM.INFO.another",
		"$JS.API.CONSUMER.DURABLE.CREATE.another.x",
	} {
		if err := nc.PublishRequest(subject, nc.NewRespInbox(), nil); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refusals:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v", subject, err)
			}
		case <-ctx.Done():
			t.Fatalf("%s is not refused", subject)
		}
	}
}
