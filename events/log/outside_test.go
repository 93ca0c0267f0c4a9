package log

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/tidemark-io/tidemark/events"
)

// outsideServer starts a JetStream that is not embedded, on a port of its own.
func outsideServer(t *testing.T, cfg Config) (*server.Server, string) {
	t.Helper()
	srv, err := startServer(cfg.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopServer(srv) })
	return srv, srv.Addr().String()
}

func TestOutageOfAnOutsideJetStreamIsWaitedFor(t *testing.T) {
	cfg := testConfig(t)
	cfg.Listen = "127.0.0.1:0"
	srv, addr := outsideServer(t, cfg)
	l := openLog(t, Config{URL: "nats://" + addr, Logger: cfg.Logger, watchdog: cfg.watchdog})
	w := l.NewWriter(WriterConfig{StallLimit: 50 * time.Millisecond, AckWait: 100 * time.Millisecond})
	runWriter(t, w)
	seqs, _ := follow(t, l, 1)
	commit(t, w, "before")
	expect(t, seqs, 1)

	stopServer(srv)
	inFlight := make(chan committed, 1)
	go func() {
		r, err := w.Commit(testContext(t), entry("during", 1))
		inFlight <- committed{r, err}
	}()
	waitFor(t, "the writer to notice", w.Stalled)
	if _, err := w.Commit(testContext(t), entry("refused", 1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("while it is out of reach: %v", err)
	}
	cfg.Listen = addr
	outsideServer(t, cfg)
	if got := <-inFlight; got.err != nil || got.receipt.Position != (events.Position{Seq: 2}) {
		t.Errorf("in flight: %+v", got)
	}
	if w.Stalled() {
		t.Error("still stalled")
	}
	commit(t, w, "after")
	expect(t, seqs, 2)
	expect(t, seqs, 3)
	if count(t, l, "during") != 1 || count(t, l, "refused") != 0 {
		t.Error("the log does not hold what the writer said")
	}
}

func TestTwoWritersOfOneLogStoreEachBatchOnce(t *testing.T) {
	cfg := testConfig(t)
	cfg.Listen = "127.0.0.1:0"
	_, addr := outsideServer(t, cfg)
	var logs []*Log
	finished := make(chan error, 2)
	for range 2 {
		l := openLog(t, Config{URL: addr, Logger: cfg.Logger})
		logs = append(logs, l)
		w := l.NewWriter(WriterConfig{})
		runWriter(t, w)
		go func() {
			for range 50 {
				if _, err := w.Commit(testContext(t), entry("x", 1)); err != nil {
					finished <- err
					return
				}
			}
			finished <- nil
		}()
	}
	for range logs {
		if err := <-finished; err != nil {
			t.Fatal(err)
		}
	}
	if logs[0].Incarnation() != logs[1].Incarnation() {
		t.Error("two incarnations of one log")
	}
	if end := last(t, logs[0]); end != 100 {
		t.Errorf("100 batches made %d messages", end)
	}
}

func TestOpenGivesUpWhereItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, Config{URL: "nats://127.0.0.1:1"}); err == nil {
		t.Fatal("opened")
	}
}

func TestWrongPasswordIsToldAtOnce(t *testing.T) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true,
		Username: "u", Password: "right", JetStream: true, StoreDir: filepath.Join(t.TempDir(), "js")})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { stopServer(srv) })
	if !srv.ReadyForConnections(readyLimit) {
		t.Fatal("server is not ready")
	}
	addr := srv.Addr().String()
	_, err = Open(testContext(t), Config{URL: addr, User: "u", Password: "wrong"})
	if err == nil || !strings.Contains(err.Error(), "Authorization") {
		t.Errorf("wrong password: %v", err)
	}
	openLog(t, Config{URL: addr, User: "u", Password: "right"})
}
