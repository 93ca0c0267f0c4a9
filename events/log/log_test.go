package log

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/internal/leaktest"
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

func testConfig(t testing.TB) Config {
	return Config{Dir: filepath.Join(t.TempDir(), "log"), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), watchdog: 100 * time.Millisecond}
}

func openLog(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// runWriter runs the writer until the test ends, or until stop is called, which
// returns what Run returned.
func runWriter(t testing.TB, w *Writer) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func entry(text string, eventCount int) events.Entry {
	return events.Entry{Bytes: []byte(text), Events: eventCount}
}

func commit(t testing.TB, w *Writer, text string) Receipt {
	t.Helper()
	r, err := w.Commit(testContext(t), entry(text, 1))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var errEnough = errors.New("enough was read")

// readUpTo reads from a sequence to another and returns the payloads' entries.
func readUpTo(t testing.TB, l *Log, from, to uint64) []Message {
	t.Helper()
	var all []Message
	if from > to {
		return nil
	}
	err := l.Read(testContext(t), from, func(m Message) error {
		all = append(all, m)
		if m.Seq == to {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("read to %d: got %d messages and %v", to, len(all), err)
	}
	return all
}

// body returns the entries of a record batch.
func body(t testing.TB, m Message) string {
	t.Helper()
	_, entries, err := events.ReadBatchHeader(m.Data)
	if err != nil {
		t.Fatal(err)
	}
	return string(entries)
}

// outsider is a client that is not ours, connected to the embedded server.
func outsider(t testing.TB, l *Log) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(l.server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func last(t testing.TB, l *Log) uint64 {
	t.Helper()
	_, last, err := l.Bounds(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestNewLogIsEmptyAndReopenedKeepsIncarnation(t *testing.T) {
	cfg := testConfig(t)
	l := openLog(t, cfg)
	first, end, err := l.Bounds(testContext(t))
	if err != nil || first != 1 || end != 0 {
		t.Fatalf("bounds of a new log: %d, %d, %v", first, end, err)
	}
	w := l.NewWriter(WriterConfig{})
	stop := runWriter(t, w)
	commit(t, w, "one")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	before := l.Incarnation()
	l.Close()

	l = openLog(t, cfg)
	if l.Incarnation() != before || before == (events.Incarnation{}) {
		t.Fatalf("incarnation %s became %s", before, l.Incarnation())
	}
	w = l.NewWriter(WriterConfig{})
	runWriter(t, w)
	if r := commit(t, w, "two"); r.Position != (events.Position{Seq: 2}) {
		t.Fatalf("position after reopening: %s", r.Position)
	}
	got := readUpTo(t, l, 1, 2)
	if body(t, got[0]) != "one" || body(t, got[1]) != "two" {
		t.Fatalf("read %q, %q", body(t, got[0]), body(t, got[1]))
	}
}

func TestSecondOpenOfADirectoryIsRefused(t *testing.T) {
	cfg := testConfig(t)
	l := openLog(t, cfg)
	if _, err := Open(testContext(t), cfg); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
	l.Close()
	openLog(t, cfg)
}

func TestOpenSaysWhatIsWrongWithTheConfiguration(t *testing.T) {
	for name, cfg := range map[string]Config{
		"nothing":               {},
		"both":                  {Dir: "x", URL: "nats://x"},
		"public listener":       {Dir: "x", Listen: "0.0.0.0:4222"},
		"listener by name":      {Dir: "x", Listen: "example.org:4222"},
		"listener without port": {Dir: "x", Listen: "127.0.0.1"},
		"two credentials":       {URL: "nats://x", Token: "a", User: "b"},
		"password alone":        {URL: "nats://x", Password: "a"},
		"embedded credentials":  {Dir: "x", Token: "a"},
		"half a certificate":    {URL: "nats://x", TLSCert: "a"},
		"replicas embedded":     {Dir: "x", Replicas: 3},
		"too many replicas":     {URL: "nats://x", Replicas: 7},
		"missing creds file":    {URL: "nats://127.0.0.1:1", CredsFile: "/nowhere/x.creds"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(testContext(t), cfg); err == nil {
				t.Fatal("opened")
			}
		})
	}
}

func TestFailedStartOfTheEmbeddedServerIsAnError(t *testing.T) {
	cfg := testConfig(t)
	l := openLog(t, cfg)
	addr := "127.0.0.1:0"
	cfg.Listen, cfg.Dir = addr, filepath.Join(t.TempDir(), "a")
	first := openLog(t, cfg)
	cfg.Listen, cfg.Dir = first.ListenAddr(), filepath.Join(t.TempDir(), "b")
	if _, err := Open(testContext(t), cfg); err == nil {
		t.Fatal("two servers listen on one address")
	}
	if l.ListenAddr() != "" {
		t.Fatalf("listens on %q unasked", l.ListenAddr())
	}
}

func TestDangerousStreamIsRefusedWithWhatToDo(t *testing.T) {
	sound := streamConfig(Config{}.withDefaults(), EventsStream, eventsSubjects)
	sound.Metadata = map[string]string{IncarnationKey: fmt.Sprintf("%032x", 7)}
	for name, spoil := range map[string]func(*jetstream.StreamConfig){
		"memory":         func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"work queue":     func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy },
		"by age":         func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"by number":      func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 },
		"async":          func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode },
		"no ack":         func(c *jetstream.StreamConfig) { c.NoAck = true },
		"deletable":      func(c *jetstream.StreamConfig) { c.DenyDelete = false },
		"subjects":       func(c *jetstream.StreamConfig) { c.Subjects = []string{"tidemark.events.>"} },
		"no incarnation": func(c *jetstream.StreamConfig) { c.Metadata = nil },
		"bad incarnation": func(c *jetstream.StreamConfig) {
			c.Metadata = map[string]string{IncarnationKey: "not hex, and longer than thirty-two digits"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			srv, err := startServer(cfg.withDefaults())
			if err != nil {
				t.Fatal(err)
			}
			js := outsider(t, &Log{server: srv})
			stream := sound
			spoil(&stream)
			if _, err := js.CreateStream(testContext(t), stream); err != nil {
				t.Fatal(err)
			}
			js.Conn().Close()
			if stream.Storage == jetstream.MemoryStorage {
				// A memory stream does not survive the server; look at it here.
				if err := checkStream(stream, sound); !errors.Is(err, ErrStreamConfig) {
					t.Fatalf("memory stream: %v", err)
				}
				stopServer(srv)
				return
			}
			stopServer(srv)
			_, err = Open(testContext(t), cfg)
			if !errors.Is(err, ErrStreamConfig) {
				t.Fatalf("opened: %v", err)
			}
			t.Log(err)
		})
	}
}

func TestMessageTellsTrimmedFromUnwrittenFromThere(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	for range 3 {
		commit(t, w, "x")
	}
	trim(t, l, 1)
	if m, err := l.Message(testContext(t), 3); err != nil || m.Seq != 3 || m.BatchID == "" || m.Subject != BatchSubject || m.Stored.IsZero() {
		t.Fatalf("message 3: %+v, %v", m, err)
	}
	for _, seq := range []uint64{1, 2, 4} {
		if _, err := l.Message(testContext(t), seq); !errors.Is(err, ErrMessageMissing) {
			t.Errorf("message %d: %v", seq, err)
		}
	}
	if first, end, err := l.Bounds(testContext(t)); first != 3 || end != 3 || err != nil {
		t.Errorf("bounds after trimming: %d, %d, %v", first, end, err)
	}
}

// trim keeps the newest messages of the log, the way an archive would do it.
func trim(t testing.TB, l *Log, keep int64) {
	t.Helper()
	js := outsider(t, l)
	stream, err := js.Stream(testContext(t), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	for _, limit := range []int64{keep, -1} {
		cfg.MaxMsgs = limit
		if _, err := js.UpdateStream(testContext(t), cfg); err != nil {
			t.Fatal(err)
		}
	}
}
