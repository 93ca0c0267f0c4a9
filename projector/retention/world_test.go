package retention

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/internal/leaktest"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDirectory); dir != "" {
		trimAndDie(dir)
	}
	leaktest.Main(m, nil)
}

// patience bounds waits for what must happen; it is never waited out in a good run.
const patience = 2 * time.Minute

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// world is a data directory with a log, the fold and its snapshots.
type world struct {
	t         testing.TB
	dir       string
	kept      int // snapshots
	logger    *slog.Logger
	log       *eventlog.Log
	writer    *eventlog.Writer
	projector *projector.Projector
	snapshots *replay.Snapshots
	renewed   int
	stop      func()
	said      int
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, dir: t.TempDir(), kept: 9, logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *world) models() string { return filepath.Join(w.dir, "models") }

// open opens the log and the read model, and lets nothing run.
func (w *world) open(ctx context.Context) (err error) {
	w.log, err = eventlog.Open(ctx, eventlog.Config{Dir: filepath.Join(w.dir, "jetstream"), Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	w.writer = w.log.NewWriter(eventlog.WriterConfig{})
	w.snapshots = replay.NewSnapshots(projector.SnapshotsDir(w.models()), w.logger)
	w.projector, err = projector.New(ctx, projector.Config{
		Log: w.log, ModelsDir: w.models(), CheckpointInterval: time.Hour, CheckpointBytes: 64 << 20,
		SnapshotInterval: time.Nanosecond, SnapshotsKept: w.kept,
		DedupeHorizon: 168 * time.Hour, OutcomeHorizon: 25 * time.Hour,
		MayWrite: func() error { return nil }, Logger: w.logger, Now: time.Now,
	})
	return err
}

func (w *world) start() {
	w.t.Helper()
	if err := w.open(testContext(w.t)); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- w.projector.Run(ctx) }()
	go func() { done <- w.writer.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				w.t.Errorf("a part ended: %v", err)
			}
		}
		w.projector.Close()
		w.log.Close()
	})
}

// say appends messages, each with a like of its own, and waits until they are folded.
func (w *world) say(n int) (last uint64) {
	w.t.Helper()
	for range n {
		w.said++
		d := events.VideoLike{Video: events.VideoID{'v', byte(w.said % 5)}, User: events.UserID{'u', byte(w.said), byte(w.said >> 8)}}
		at, err := w.writer.Commit(testContext(w.t), events.Entry{
			Bytes: events.AppendEvent(nil, events.Meta{Type: events.TypeVideoLiked, Time: events.TimeOf(time.Now())}, d), Events: 1,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		last = at.Position.Seq
	}
	if err := w.projector.WaitFor(testContext(w.t), events.Position{Seq: last}); err != nil {
		w.t.Fatal(err)
	}
	return last
}

// madeAnew checks that the read model, once lost, is made again as it was.
func (w *world) madeAnew() {
	w.t.Helper()
	want := w.digest()
	w.lost()
	if err := w.projector.WaitFor(testContext(w.t), want.At); err != nil {
		w.t.Fatal(err)
	}
	if got := w.digest(); got.Tables != want.Tables {
		w.t.Errorf("made anew it has digest %v, it had %v", got, want)
	}
}

// snapshot keeps what is folded now as a snapshot.
func (w *world) snapshot() projector.SnapshotInfo {
	w.t.Helper()
	d, err := w.projector.Checkpoint(testContext(w.t), w.projector.Snapshot().At.Seq)
	if err != nil {
		w.t.Fatal(err)
	}
	for wait := testContext(w.t); ; time.Sleep(time.Millisecond) {
		list, err := w.snapshots.List()
		if err != nil || wait.Err() != nil {
			w.t.Fatal(err, wait.Err())
		}
		if n := len(list); n > 0 && list[n-1].Seq == d.At.Seq {
			return list[n-1]
		}
	}
}

// twoSnapshots keeps two as the log grows, and more that lies behind both.
func (w *world) twoSnapshots() (older, newer projector.SnapshotInfo) {
	w.t.Helper()
	w.say(10)
	older = w.snapshot()
	w.say(10)
	newer = w.snapshot()
	w.say(10)
	return older, newer
}

// retention lets the log forget what is an hour old, as seen from a day ahead.
func (w *world) retention(change ...func(*Config)) *Retention {
	cfg := Config{
		Log: w.log, Keep: time.Hour, Needs: w.projector.Needs, Snapshots: w.snapshots, Renew: func() { w.renewed++ },
		Logger: w.logger, Now: func() time.Time { return time.Now().Add(24 * time.Hour) },
	}
	for _, fn := range change {
		fn(&cfg)
	}
	return New(cfg)
}

// keeps has one cycle trim what it may, and says what the log begins with then, and
// for whom.
func (w *world) keeps(r *Retention, first uint64, by projector.NeededBy) {
	w.t.Helper()
	before := w.begins()
	trimmed, err := r.Cycle(testContext(w.t))
	held := r.Status().Held
	if err != nil || w.begins() != first || trimmed != first-before || held.By != by {
		w.t.Errorf("trimmed %d messages, the log begins at %d, for %+v, %v; want %d for %s", trimmed, w.begins(), held, err, first, by)
	}
}

func (w *world) begins() uint64 {
	w.t.Helper()
	first, _, err := w.log.Bounds(testContext(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	return first
}

func (w *world) digest() readmodel.Digest {
	w.t.Helper()
	d, err := w.projector.Checkpoint(testContext(w.t), w.projector.Snapshot().At.Seq)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// lost stops the service, takes all read models but the snapshots away, and starts it.
func (w *world) lost() {
	w.t.Helper()
	w.stop()
	entries, err := os.ReadDir(w.models())
	for _, e := range entries {
		if e.Name() != filepath.Base(projector.SnapshotsDir(w.models())) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(w.models(), e.Name())))
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// damage changes a bit in each file of a snapshot's tables, and not in the checkpoint's
// that it may be a name of.
func damage(t *testing.T, info projector.SnapshotInfo) {
	t.Helper()
	changed := 0
	err := filepath.WalkDir(info.Path, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".flat") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		changed++
		b[len(b)/2] ^= 1
		return errors.Join(os.Remove(path), os.WriteFile(path, b, 0o644))
	})
	if err != nil || changed == 0 {
		t.Fatal(changed, err)
	}
}
