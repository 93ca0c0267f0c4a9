package archive

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/retention"
)

// retention lets the log forget what is older than keep, as seen from a day ahead.
func (w *world) retention(keep time.Duration, logger *slog.Logger) *retention.Retention {
	return retention.New(retention.Config{
		Archive: w.archive.Source(), Log: w.log, Keep: keep, Needs: w.projector.Needs, Logger: logger,
		Now: func() time.Time { return time.Now().Add(24 * time.Hour) },
	})
}

// begins is the first message of the log.
func (w *world) begins() uint64 {
	w.t.Helper()
	first, _, err := w.log.Bounds(testContext(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	return first
}

// TestTheLogForgetsWhatIsArchived and needed by no checkpoint, and no more; the
// read model is made anew from the archive and the log behind it.
func TestTheLogForgetsWhatIsArchived(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(14)
	w.start()
	w.commitMany(g, 80)
	w.mustEqual()
	if n, err := w.retention(time.Hour, w.logger()).Cycle(testContext(t)); n != 0 || err != nil || w.begins() != 1 {
		t.Fatalf("trimmed %d messages that the next start folds again, %v", n, err)
	}
	w.stop() // which checkpoints
	w.start()
	saved := w.projector.Snapshot().At.Seq
	w.commitMany(g, 40)
	w.caughtUp()
	if n, err := w.retention(25*time.Hour, w.logger()).Cycle(testContext(t)); n != 0 || err != nil {
		t.Fatalf("trimmed %d messages that are to be kept, %v", n, err)
	}
	w.sql("UPDATE messages SET data = data || 'x' WHERE seq = 3")
	if n, err := w.retention(time.Hour, w.logger()).Cycle(testContext(t)); n != 0 || !errors.Is(err, retention.ErrDiffers) {
		t.Fatalf("trimmed %d messages of which one is archived wrong, %v", n, err)
	}
	w.sql("UPDATE messages SET data = substr(data, 1, length(data) - 1) WHERE seq = 3")
	if n, err := w.retention(time.Hour, w.logger()).Cycle(testContext(t)); n != saved-1 || err != nil || w.begins() != saved {
		t.Fatalf("trimmed %d messages, want %d; the log begins at %d, %v", n, saved-1, w.begins(), err)
	}
	all := 0
	err := w.archive.Whole().Read(testContext(t), 1, w.archive.Status().Position.Seq, func(m eventlog.Message) error {
		if all++; m.Seq != uint64(all) {
			t.Fatalf("message %d in place of %d", m.Seq, all)
		}
		return nil
	})
	if err != nil || uint64(all) != w.archive.Status().Position.Seq {
		t.Fatalf("%d messages across the seam, %v", all, err)
	}
	digest := w.digest()
	w.stop()
	if err := os.RemoveAll(filepath.Join(w.dir, "models")); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.until("the read model is made anew", func() bool { return w.projector.Snapshot().At.Seq >= digest.At.Seq })
	if again := w.digest(); again != digest {
		t.Fatalf("made anew it has digest %v, it had %v", again, digest)
	}
	w.commitMany(g, 20)
	w.caughtUp()
	w.equalFold()
	w.equalHistory()
	w.equalAudit()
}

// TestTheLogSaysWhoKeepsIt: a rebuilt model that waits to be accepted needs the log
// from its own checkpoint, one that is being rebuilt from the beginning, and each is
// named; given up, it needs nothing.
func TestTheLogSaysWhoKeepsIt(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(15)
	w.start()
	w.commitMany(g, 40)
	w.caughtUp()
	var said bytes.Buffer
	r := w.retention(time.Hour, slog.New(slog.NewTextHandler(&said, nil)))
	trims := func(want uint64, says ...string) {
		t.Helper()
		said.Reset()
		if n, err := r.Cycle(testContext(t)); n != want || err != nil {
			t.Fatalf("trimmed %d messages, want %d; %v", n, want, err)
		}
		for _, text := range says {
			if !strings.Contains(said.String(), text) {
				t.Fatalf("it says nothing of %q: %s", text, said.String())
			}
		}
	}
	saved := func() uint64 {
		t.Helper()
		at, err := w.projector.Checkpoint(testContext(t), w.projector.Snapshot().At.Seq)
		if err != nil {
			t.Fatal(err)
		}
		return at.At.Seq
	}
	shadow, err := w.projector.NewShadow(testContext(t), []byte(`{"run":"r-1"}`), projector.ShadowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	held := saved()
	trims(0, "needed_by=rebuild", "rebuild r-1 into model-000002, which may read all of the log")
	trims(0)
	if said.Len() > 0 {
		t.Errorf("it is said twice: %s", said.String())
	}
	read := w.archive.Whole().Read
	if err := shadow.CatchUp(testContext(t), read, held, func(uint64, int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := shadow.Save(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(shadow.Hold([]byte(`{"run":"r-1","held":true,"held_since":"2026-11-28T09:00:00Z"}`)), shadow.Close()); err != nil {
		t.Fatal(err)
	}
	w.commitMany(g, 40)
	w.caughtUp()
	end := saved()
	trims(held-1, "needed_by=held", "model-000002, which waits to be accepted since 2026-11-28T09:00:00Z")
	if err := w.projector.Discard("model-000002"); err != nil {
		t.Fatal(err)
	}
	trims(end-held, "the log is trimmed again", "was_needed_by=\"model-000002, which waits")
}
