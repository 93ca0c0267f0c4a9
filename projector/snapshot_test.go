package projector

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// startWorldWithSnapshots is startWorld for a projector that keeps every checkpoint as
// a snapshot.
func startWorldWithSnapshots(t testing.TB, kept int) *world {
	t.Helper()
	w := newWorld(t)
	w.openLog("log")
	w.withSnapshotsEvery(time.Nanosecond, kept)
	return w
}

func (w *world) withSnapshotsEvery(interval time.Duration, kept int) {
	w.t.Helper()
	cfg := w.config()
	cfg.SnapshotInterval, cfg.SnapshotsKept = interval, kept
	p, err := New(testContext(w.t), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.p = p
	w.run()
}

// snapshot has a checkpoint of all of the log written, and waits until it is kept as a
// snapshot.
func (w *world) snapshot() SnapshotInfo {
	w.t.Helper()
	at := events.Position{Seq: w.end()}
	if err := w.p.WaitFor(testContext(w.t), at); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.p.Checkpoint(testContext(w.t), at.Seq); err != nil {
		w.t.Fatal(err)
	}
	w.p.snapshots.wg.Wait()
	list, err := ListSnapshots(w.p.snapshots.dir)
	if err != nil || len(list) == 0 || list[len(list)-1].Seq != at.Seq {
		w.t.Fatalf("snapshots %+v, %v; want one of message %d", list, err, at.Seq)
	}
	return list[len(list)-1]
}

func (w *world) open(info SnapshotInfo) (*Snapshot, error) {
	cfg := testModelConfig()
	cfg.Incarnation, cfg.Lineage = w.log.Incarnation(), w.log.Lineage()
	return OpenSnapshot(info, cfg, w.logger())
}

func TestSnapshotsOutliveTheirCheckpoints(t *testing.T) {
	w := startWorldWithSnapshots(t, 2)
	w.commits(0, 30)
	first := w.snapshot()
	want := oracle.New()
	*want = *w.recount()
	for round := range 4 {
		w.commits(30+10*round, 10)
		if round < 3 {
			if _, err := w.p.Checkpoint(testContext(t), w.end()); err != nil { // the files of the first are no longer needed
				t.Fatal(err)
			}
			w.p.snapshots.wg.Wait()
		}
		if round == 0 { // the second of two that are kept: the first is still there
			s, err := w.open(first)
			if err != nil {
				t.Fatal(err)
			}
			mustEqual(t, "the first snapshot", want, s.Model)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	last := w.snapshot()
	list, err := ListSnapshots(w.p.snapshots.dir)
	if err != nil || len(list) != 2 {
		t.Errorf("%d snapshots are kept, want 2: %v", len(list), err)
	}
	s, err := w.open(last)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustEqual(t, "the last snapshot", w.recount(), s.Model)
	if s.Model.Digest().String() != last.Digest || s.Seq() != last.Seq {
		t.Errorf("it says %+v and is %v at %d", last, s.Model.Digest(), s.Seq())
	}
	// It is folded on like any model.
	w.commits(200, 5)
	m, err := w.log.Message(testContext(t), last.Seq+1)
	if err != nil {
		t.Fatal(err)
	}
	if err := NewFold(s.Model, FoldOptions{}).Message(m); err != nil {
		t.Error(err)
	}
}

func TestSnapshotOfAnotherLogOrWithAFlippedByteIsRefused(t *testing.T) {
	w := startWorldWithSnapshots(t, 1)
	w.commits(0, 20)
	info := w.snapshot()
	w.stop()
	if _, err := OpenSnapshot(info, readmodel.Config{Incarnation: events.Incarnation{9}}, w.logger()); !errors.Is(err, ErrForeignLog) {
		t.Errorf("as one of another log: %v", err)
	}
	other := info
	other.Seq--
	if s, err := w.open(other); err == nil {
		t.Error("one that is said to hold another message was loaded", s.Seq())
	}
	flipBytes(t, info.Path, "*.flat")
	if s, err := w.open(info); err == nil {
		t.Error("one with a flipped byte was loaded", s.Seq())
	}
	w.openLogAgain(t)
}

// flipBytes changes a bit in each of a model's files, and not in another's that it
// may be a name of too.
func flipBytes(t *testing.T, dir, pattern string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := errors.Join(os.Remove(file), os.WriteFile(file, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// openLogAgain: what happened to the snapshot did nothing to the checkpoint.
func (w *world) openLogAgain(t *testing.T) {
	t.Helper()
	w.start()
	w.equal("after a damaged snapshot")
}

// TestHalfASnapshotIsNone: one that a crash left while it was taken or removed is not
// listed, does not hide the others, and goes when the next one is taken.
func TestHalfASnapshotIsNone(t *testing.T) {
	w := startWorldWithSnapshots(t, 9)
	w.commits(0, 10)
	whole := w.snapshot()
	dir := w.p.snapshots.dir
	left := []string{filepath.Join(dir, "snapshot-00000000000000000001"), filepath.Join(dir, "snapshot-00000000000000000002.part"), filepath.Join(dir, "snapshot-00000000000000000003")}
	for _, path := range left {
		if err := os.MkdirAll(filepath.Join(path, "rest"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(left[2], snapshotMark), []byte(`{"sequence":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := ListSnapshots(dir); err != nil || len(list) != 1 || list[0].Seq != whole.Seq {
		t.Errorf("listed are %+v, %v; want the one of message %d", list, err, whole.Seq)
	}
	w.commits(10, 10)
	w.snapshot()
	for _, path := range left {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	if list, err := ListSnapshots(dir); err != nil || len(list) != 2 {
		t.Errorf("listed are %+v, %v; want two", list, err)
	}
}

// TestASnapshotThatIsCopiedWhileTheModelIsMendedIsDropped: it is of before.
func TestASnapshotThatIsCopiedWhileTheModelIsMendedIsDropped(t *testing.T) {
	w := startWorldWithSnapshots(t, 9)
	w.commits(0, 10)
	if err := w.p.WaitFor(testContext(t), events.Position{Seq: w.end()}); err != nil {
		t.Fatal(err)
	}
	s := &w.p.snapshots
	era, due := s.due(w.p.live.store)
	if !due {
		t.Fatal("none is due")
	}
	half := filepath.Join(s.dir, "snapshot-00000000000000000001.part")
	if err := os.MkdirAll(half, 0o755); err != nil {
		t.Fatal(err)
	}
	resume := s.suspend()
	if err := s.publish(half, filepath.Join(s.dir, "snapshot-00000000000000000001"), era); !errors.Is(err, errOvertaken) {
		t.Errorf("it was published: %v", err)
	}
	s.plan(0)
	if _, due := s.due(w.p.live.store); due {
		t.Error("another is begun before the model is mended")
	}
	resume()
	if _, due := s.due(nil); due {
		t.Error("one is begun of a model that does not serve")
	}
	w.snapshot()
}

func TestDistrustedSnapshotsGoFirst(t *testing.T) {
	list := []SnapshotInfo{{Path: "1"}, {Path: "2", Distrusted: "x"}, {Path: "3"}, {Path: "4", Distrusted: "x"}, {Path: "5"}}
	for kept, want := range []string{"2413", "2413", "241", "24", "2", ""} {
		if got := strings.Join(superfluous(list, kept), ""); got != want {
			t.Errorf("of five with %d kept go %s, want %s", kept, got, want)
		}
	}
}

func TestSnapshotsGoOnWhereTheClockWasSetBack(t *testing.T) {
	s := &snapshotter{cfg: &Config{SnapshotInterval: time.Hour, Now: func() time.Time { return testTime }}, dir: t.TempDir()}
	for _, c := range []struct{ saved, next time.Time }{
		{testTime.Add(-time.Minute), testTime.Add(59 * time.Minute)},
		{testTime.Add(365 * 24 * time.Hour), testTime.Add(time.Hour)},
	} {
		path := filepath.Join(s.dir, snapshotPrefix+"1")
		if err := errors.Join(os.MkdirAll(path, 0o755), (&SnapshotInfo{Seq: 1, SavedAt: c.saved}).write(path)); err != nil {
			t.Fatal(err)
		}
		if next := s.lookUpNext(); !next.Equal(c.next) {
			t.Errorf("behind one of %v the next is due at %v, want %v", c.saved, next, c.next)
		}
	}
}

// TestASnapshotIsReadBackWhenItIsTaken, and one that was damaged later is told from it.
func TestASnapshotIsReadBackWhenItIsTaken(t *testing.T) {
	w := startWorldWithSnapshots(t, 9)
	w.commits(0, 40)
	taken := w.snapshot()
	if taken.VerifiedAt.IsZero() || taken.Fault != "" {
		t.Errorf("it was not verified: %+v", taken)
	}
	check := func(info SnapshotInfo) error {
		last, err := CheckSnapshot(testContext(t), info, w.logger())
		if err != nil {
			return err
		}
		for seq := taken.Seq - 1; seq <= taken.Seq; seq++ {
			m, err := w.log.Message(testContext(t), seq)
			if err != nil || last(&m) != (seq == taken.Seq) {
				t.Errorf("message %d is the last: %t, %v", seq, last(&m), err)
			}
		}
		return nil
	}
	if err := check(taken); err != nil {
		t.Fatal(err)
	}
	other := taken
	other.Digest = "another"
	if err := check(other); !errors.Is(err, ErrSnapshotDamaged) {
		t.Errorf("with another digest: %v", err)
	}
	for _, pattern := range []string{"*.flat", "*.sst", "MANIFEST"} {
		w.commits(100, 10)
		info := w.snapshot()
		flipBytes(t, info.Path, pattern)
		if err := check(info); !errors.Is(err, ErrSnapshotDamaged) {
			t.Errorf("with a flipped bit in %s: %v", pattern, err)
		}
	}
	w.must(os.RemoveAll(taken.Path))
	if err := check(taken); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrSnapshotDamaged) {
		t.Errorf("where it was removed: %v", err)
	}
	if _, err := os.Stat(taken.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("who looks for what was removed makes it anew: %v", err)
	}
}

// TestASnapshotIsRenewedBeforeItIsDue, where one was found damaged.
func TestASnapshotIsRenewedBeforeItIsDue(t *testing.T) {
	w := newWorld(t)
	w.openLog("log")
	w.withSnapshotsEvery(time.Hour, 9)
	w.commits(0, 10)
	w.snapshot()
	w.commits(10, 10)
	if _, err := w.p.Checkpoint(testContext(t), w.end()); err != nil {
		t.Fatal(err)
	}
	w.p.snapshots.wg.Wait()
	if list, err := ListSnapshots(w.p.snapshots.dir); err != nil || len(list) != 1 {
		t.Fatalf("there are %d snapshots, %v; want the first alone", len(list), err)
	}
	w.p.RenewSnapshot()
	w.commits(20, 10)
	w.snapshot()
}
