package replay_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/internal/leaktest"
	"github.com/tidemark-io/tidemark/projector/replay"
)

func TestMain(m *testing.M) { leaktest.Main(m, nil) }

// patience bounds waits for what must happen; it is never waited out in a good run.
const patience = 2 * time.Minute

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// openLog opens an event log, a new one where dir is empty.
func openLog(t testing.TB, dir string) *eventlog.Log {
	t.Helper()
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "log")
	}
	l, err := eventlog.Open(testContext(t), eventlog.Config{
		Dir: dir, Listen: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// publish commits each entry as a record batch of its own.
func publish(t testing.TB, l *eventlog.Log, entries ...events.Entry) {
	t.Helper()
	w := l.NewWriter(eventlog.WriterConfig{})
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	for _, e := range entries {
		if _, err := w.Commit(testContext(t), e); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// view is a view of the n-th video, bare.
func view(n int) events.Entry {
	d := events.VideoViewed{Video: numbered[events.VideoID]('v', n)}
	return events.Entry{Bytes: events.AppendEvent(nil, events.Meta{Type: events.TypeVideoViewed, Time: events.TimeOf(testTime)}, d), Events: 1}
}

var testTime = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// numbered makes up the n-th ID of a kind.
func numbered[ID ~[16]byte](kind byte, n int) (id ID) {
	id[0], id[12], id[13], id[14], id[15] = kind, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return id
}

// read collects what a source holds from a sequence to another.
func read(t testing.TB, s replay.Source, from, to uint64) ([]eventlog.Message, error) {
	t.Helper()
	var all []eventlog.Message
	err := s.Read(testContext(t), from, to, func(m eventlog.Message) error {
		all = append(all, m)
		return nil
	})
	return all, err
}

func mustRead(t testing.TB, s replay.Source) []eventlog.Message {
	t.Helper()
	first, last, err := s.Bounds(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	all, err := read(t, s, first, last)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// halting is a source that stands still before a message until the read ends.
type halting struct {
	replay.Source
	at uint64
}

func (h halting) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	return h.Source.Read(ctx, from, to, func(m eventlog.Message) error {
		if m.Seq == h.at {
			<-ctx.Done()
			return ctx.Err()
		}
		return fn(m)
	})
}

// kept is a part of a log that was read before, from its first message on.
type kept []eventlog.Message

func (k kept) Bounds(context.Context) (first, last uint64, err error) {
	if len(k) == 0 {
		return 1, 0, nil
	}
	return k[0].Seq, k[len(k)-1].Seq, nil
}

func (k kept) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	first, last, _ := k.Bounds(ctx)
	for seq := max(from, 1); seq <= to; seq++ {
		if seq < first || seq > last {
			return &replay.GapError{Need: seq, First: first, Last: last}
		}
		if err := fn(k[seq-first]); err != nil {
			return err
		}
	}
	return nil
}
