package retention

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
)

// TestWithoutAnArchiveTheLogForgetsUpToTheNewestSnapshot that holds, and a read model
// is made anew from it and the log behind it.
func TestWithoutAnArchiveTheLogForgetsUpToTheNewestSnapshot(t *testing.T) {
	w := newWorld(t)
	w.say(20)
	first := w.snapshot()
	w.say(20)
	r := w.retention()
	w.keeps(r, first.Seq, BySnapshot)
	w.keeps(r, first.Seq, BySnapshot)
	second := w.snapshot()
	w.say(20)
	w.keeps(r, second.Seq, BySnapshot)
	if got := r.Status(); got.Trimmed != second.Seq-1 || !strings.Contains(got.Held.Why, "the snapshot of message 40") {
		t.Errorf("%+v", got)
	}
	w.madeAnew()
}

func TestNothingIsForgottenThatNothingElseHolds(t *testing.T) {
	w := newWorld(t)
	w.say(20)
	if _, err := w.projector.Checkpoint(testContext(t), 20); err != nil { // of which a snapshot may be under way
		t.Fatal(err)
	}
	w.keeps(w.retention(func(c *Config) { c.Snapshots = nil }), 1, BySnapshot)
	w.snapshot()
	if err := os.RemoveAll(filepath.Join(w.models(), "snapshots")); err != nil {
		t.Fatal(err)
	}
	w.keeps(w.retention(), 1, BySnapshot)
	w.say(5)
	w.snapshot()
	w.keeps(w.retention(func(c *Config) { c.Keep = 48 * time.Hour }), 1, ByAge)
}

// TestASnapshotThatIsDamagedIsFoundBeforeTheLogForgets what only it holds.
func TestASnapshotThatIsDamagedIsFoundBeforeTheLogForgets(t *testing.T) {
	w := newWorld(t)
	older, newer := w.twoSnapshots()
	damage(t, newer)
	r := w.retention()
	w.keeps(r, older.Seq, BySnapshot)
	list, err := w.snapshots.List()
	if err != nil || len(list) != 2 || list[1].Fault == "" || !list[1].VerifiedAt.IsZero() || list[0].Fault != "" || w.renewed != 1 {
		t.Errorf("%+v, %v, renewed %d times", list, err, w.renewed)
	}
	damage(t, older)
	w.keeps(r, older.Seq, BySnapshot) // nothing to trim, so it is not read
	w.say(1)
	third := w.snapshot()
	w.say(1)
	damage(t, third)
	w.keeps(r, older.Seq, BySnapshot)
	if why := r.Status().Held.Why; !strings.Contains(why, "want of a snapshot") || strings.Count(why, "damaged") < 3 {
		t.Errorf("kept for %s", why)
	}
	fourth := w.snapshot()
	w.keeps(r, fourth.Seq, BySnapshot)
	w.madeAnew()
}

// TestASnapshotOfAnotherFoldHoldsNothing, nor one of another log.
func TestASnapshotOfAnotherFoldHoldsNothing(t *testing.T) {
	w := newWorld(t)
	w.say(10)
	info := w.snapshot()
	w.say(1)
	mark := filepath.Join(info.Path, "SNAPSHOT.json")
	text, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	for old, other := range map[string]string{
		`"fold_version": `: `"fold_version": 9`, `"incarnation": "`: `"incarnation": "0`,
	} {
		if err := os.WriteFile(mark, []byte(strings.Replace(string(text), old, other, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		w.keeps(w.retention(), 1, BySnapshot)
	}
	if err := os.WriteFile(mark, text, 0o600); err != nil {
		t.Fatal(err)
	}
	w.keeps(w.retention(), info.Seq, BySnapshot)
}

// TestARebuildThatBeginsWhileASnapshotIsReadKeepsTheLog.
func TestARebuildThatBeginsWhileASnapshotIsReadKeepsTheLog(t *testing.T) {
	w := newWorld(t)
	w.say(10)
	w.snapshot()
	w.say(10)
	asked := 0
	w.keeps(w.retention(func(c *Config) {
		c.Needs = func() ([]projector.Need, error) {
			if asked++; asked >= 3 {
				return []projector.Need{{Seq: 5, By: "rebuild", Why: "a rebuild"}}, nil
			}
			return w.projector.Needs()
		}
	}), 5, "rebuild")
}

// TestASnapshotThatIsDistrustedWhileItIsReadHoldsNothing: a repair began and ended meanwhile.
func TestASnapshotThatIsDistrustedWhileItIsReadHoldsNothing(t *testing.T) {
	w := newWorld(t)
	older, newer := w.twoSnapshots()
	asked := 0
	r := w.retention(func(c *Config) {
		c.Needs = func() ([]projector.Need, error) {
			if asked++; asked == 3 {
				resume, err := w.projector.DistrustSnapshots(events.Position{Seq: older.Seq}, "a repair")
				if err != nil {
					return nil, err
				}
				resume()
			}
			return w.projector.Needs()
		}
	})
	w.keeps(r, 1, BySnapshot)
	if why := r.Status().Held.Why; !strings.Contains(why, fmt.Sprintf("the snapshot of message %d,", newer.Seq)) {
		t.Errorf("kept for %s", why)
	}
	w.keeps(r, older.Seq, BySnapshot)
}

// TestRetentionRestsForItsReadingAlone, and not for what else a cycle does.
func TestRetentionRestsForItsReadingAlone(t *testing.T) {
	w := newWorld(t)
	w.say(10)
	w.snapshot()
	w.say(1)
	var trims time.Duration
	r := w.retention(func(c *Config) {
		c.Trim = func(ctx context.Context, upTo uint64) error {
			begun := time.Now()
			defer func() { trims += time.Since(begun) }()
			return w.log.Trim(ctx, upTo)
		}
	})
	begun := time.Now()
	_, err := r.Cycle(testContext(t))
	if whole := time.Since(begun); err != nil || trims == 0 || r.read == 0 || r.read > whole-trims {
		t.Errorf("%v of %v count as reading, and the log was trimmed for %v, %v", r.read, whole, trims, err)
	}
	if _, err = r.Cycle(testContext(t)); err != nil || r.read != 0 {
		t.Errorf("%v count as reading where nothing was read, %v", r.read, err)
	}
}

func TestRunTrimsUntilItIsStopped(t *testing.T) {
	w := newWorld(t)
	w.say(10)
	info := w.snapshot()
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan error, 1)
	r := w.retention()
	go func() { done <- r.Run(ctx) }()
	for wait := testContext(t); r.Status().Trimmed < info.Seq-1 && wait.Err() == nil; {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil || w.begins() != info.Seq {
		t.Errorf("the log begins at %d, %v", w.begins(), err)
	}
}
