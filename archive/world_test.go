package archive

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/tidemark-io/tidemark/archive/archivetest"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/internal/leaktest"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

func TestMain(m *testing.M) { leaktest.Main(m, shared.stop) }

// patience bounds waits for what must happen; it is never waited out in a good run.
const patience = 2 * time.Minute

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// world is a data directory with a log, the fold, and an archive of it.
type world struct {
	t   testing.TB
	dir string
	url string

	log       *eventlog.Log
	writer    *eventlog.Writer
	projector *projector.Projector
	spool     *Spool
	archive   *Archive
	configure func(*Config)
	free      func() (uint64, string) // memory; nil for as much as it takes
	onDisk    atomic.Int32            // folds that were begun there
	stops     []func()                // of what runs, last started first
	stopArch  func()
}

func newWorld(t testing.TB, url string) *world {
	w := &world{t: t, dir: t.TempDir(), url: url}
	t.Cleanup(w.stop)
	return w
}

func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func modelConfig(l *eventlog.Log) readmodel.Config {
	return readmodel.Config{Incarnation: l.Incarnation(), Lineage: l.Lineage(), DedupeHorizon: 168 * time.Hour, OutcomeHorizon: 25 * time.Hour}
}

// folds begin the archive's own folds, in memory where that much is free; nil for as
// much as it takes.
func (w *world) folds(free func() (uint64, string)) func(string, projector.FoldOptions) (replay.Folding, error) {
	folds := &replay.Folds{
		Memory: replay.NewMemory(replay.MemoryConfig{Free: free, Model: 1 << 30, OnDisk: 64 << 10}), Model: modelConfig(w.log),
		OnDisk: func(memory int, o projector.FoldOptions) (*projector.Scratch, error) {
			w.onDisk.Add(1)
			return w.projector.NewScratch(memory, o)
		},
	}
	return folds.Begin
}

// start opens the log and lets the fold and the archive run.
func (w *world) start() {
	w.t.Helper()
	w.startFold(true)
	w.startArchive()
}

// startFold opens the log and lets the fold run; judged is whether it tells the spool.
func (w *world) startFold(judged bool) {
	w.t.Helper()
	l, err := eventlog.Open(testContext(w.t), eventlog.Config{Dir: filepath.Join(w.dir, "jetstream"), Listen: "127.0.0.1:0"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.log, w.writer = l, l.NewWriter(eventlog.WriterConfig{})
	cfg := projector.Config{
		Log: l, ModelsDir: filepath.Join(w.dir, "models"), CheckpointInterval: time.Hour, CheckpointBytes: 64 << 20,
		DedupeHorizon: 168 * time.Hour, OutcomeHorizon: 25 * time.Hour,
		MayWrite: func() error { return nil }, Logger: w.logger(), Now: time.Now,
	}
	if judged {
		w.spool = NewSpool(filepath.Join(w.dir, "judged"), w.logger())
		cfg.Judge = w.spool.Append
	}
	earlier, err := New(Config{URL: w.url, Log: l})
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Earlier = earlier.Earlier
	if w.projector, err = projector.New(testContext(w.t), cfg); err != nil {
		w.t.Fatal(err)
	}
	if judged {
		if err := w.spool.Begin(w.projector.Snapshot().At.Seq); err != nil {
			w.t.Fatal(err)
		}
	}
	w.stops = []func(){
		l.Close,
		earlier.Close,
		w.projector.Close,
		run(w.t, w.projector.Run),
		run(w.t, w.writer.Run),
	}
}

func (w *world) startArchive() {
	w.t.Helper()
	cfg := Config{
		URL: w.url, Log: w.log, Spool: w.spool, Fold: w.folds(w.free), Logger: w.logger(),
		Judges: w.projector.Judges, Linger: 5 * time.Millisecond, ChunkBytes: 64 << 10, Heartbeat: 50 * time.Millisecond,
	}
	if w.configure != nil {
		w.configure(&cfg)
	}
	a, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.archive = a
	stop := run(w.t, a.Run)
	w.stopArch = sync.OnceFunc(func() { stop(); a.Close() })
}

func (w *world) stopArchive() {
	if w.stopArch != nil {
		w.stopArch()
		w.stopArch = nil
	}
}

// stop ends everything, gracefully.
func (w *world) stop() {
	w.stopArchive()
	for i := len(w.stops) - 1; i >= 0; i-- {
		w.stops[i]()
	}
	w.stops = nil
	if w.spool != nil {
		w.spool.Close()
		w.spool = nil
	}
}

// run runs a part in a goroutine and returns what ends it.
func run(t testing.TB, part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Errorf("a part ended: %v", err)
		}
	}
}

// commit adds n entries to the log, each as a record batch of its own.
func (w *world) commit(g *traffic, n int) {
	w.t.Helper()
	for range n {
		if _, err := w.writer.Commit(testContext(w.t), g.entry()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// commitMany adds n entries, some to a record batch.
func (w *world) commitMany(g *traffic, n int) {
	w.t.Helper()
	for ; n > 0; n -= 8 {
		var wg sync.WaitGroup
		for range min(n, 8) {
			e := g.entry()
			wg.Go(func() {
				if _, err := w.writer.Commit(testContext(w.t), e); err != nil {
					w.t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// outside publishes a message as any producer may, twice.
func (w *world) outside(data []byte) {
	w.t.Helper()
	nc, err := nats.Connect("nats://" + w.log.ListenAddr())
	if err != nil {
		w.t.Fatal(err)
	}
	defer nc.Close()
	for range 2 {
		if _, err := nc.Request(eventlog.BatchSubject, data, patience); err != nil {
			w.t.Fatal(err)
		}
	}
}

// outsideBatch is a record batch of another producer.
func outsideBatch(n byte, entries ...events.Entry) []byte {
	return events.AppendBatch(nil, events.BatchHeader{ID: events.BatchID{1, n}}, entries)
}

// caughtUp waits until the archive holds the log as it is now.
func (w *world) caughtUp() {
	w.t.Helper()
	_, last, err := w.log.Bounds(testContext(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	w.until("the archive has caught up", func() bool { return w.archive.Status().Position.Seq >= last })
}

// until waits for a condition.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not so after %v; archive %+v", what, patience, w.archive.Status())
		}
	}
}

// sql runs one statement in the archive's schema.
func (w *world) sql(statement string, args ...any) {
	w.t.Helper()
	conn := w.connect()
	defer conn.Close(context.Background())
	if _, err := conn.Exec(testContext(w.t), statement, args...); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
}

// number asks for one number.
func (w *world) number(question string, args ...any) (n int64) {
	w.t.Helper()
	conn := w.connect()
	defer conn.Close(context.Background())
	if err := conn.QueryRow(testContext(w.t), question, args...).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", question, err)
	}
	return n
}

func (w *world) connect() *pgx.Conn {
	w.t.Helper()
	cfg, err := pgx.ParseConfig(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.RuntimeParams["search_path"] = defaultSchema
	conn, err := pgx.ConnectConfig(testContext(w.t), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// shared is the server of the tests that do not stop it.
var shared sharedServer

type sharedServer struct {
	mu     sync.Mutex
	server *archivetest.Server
}

// database makes an empty database on the shared server.
func database(t testing.TB) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		shared.server = archivetest.StartForAll(t)
	}
	return archivetest.Database(t, shared.server)
}

func (s *sharedServer) stop() {
	if s.server != nil {
		s.server.End()
	}
}
