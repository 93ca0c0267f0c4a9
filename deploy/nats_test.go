package deploy

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// TestNATSConfigurationCarriesTheLog starts a server from nats.conf: the user
// tidemark can open the log, and can lose nothing of it.
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
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not come up")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	log, err := eventlog.Open(ctx, eventlog.Config{URL: s.ClientURL(), User: "tidemark", Password: "a-password"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := log.Bounds(ctx); err != nil {
		t.Error(err)
	}
	log.Close()
	refusesToLose(ctx, t, s.ClientURL())
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
		"$JS.API.STREAM.PURGE." + eventlog.EventsStream,
		"$JS.API.STREAM.MSG.DELETE." + eventlog.EventsStream,
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
