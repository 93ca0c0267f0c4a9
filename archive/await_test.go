package archive

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// TestWhoWaitsForTheArchiveIsToldWhereItIs: it is waited for while it goes on, and not
// while nothing but a person can mend it.
func TestWhoWaitsForTheArchiveIsToldWhereItIs(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(18), 50)
	last := w.archive.end()
	await := func(seq uint64, limit time.Duration) error { return w.archive.Await(testContext(t), seq, limit) }
	behind := func(err error, text string) {
		t.Helper()
		if !errors.Is(err, ErrBehind) || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want that it is behind and %q", err, text)
		}
	}
	if err := await(last, patience); err != nil {
		t.Fatal(err)
	}
	if at := w.archive.Status().Position.Seq; at < last {
		t.Errorf("it was waited for up to message %d of %d", at, last)
	}
	behind(await(last+1, time.Nanosecond), "it goes on")
	cancelled, cancel := context.WithCancel(testContext(t))
	cancel()
	if err := w.archive.Await(cancelled, last+1, patience); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever was cancelled is told %v", err)
	}
	w.stopArchive()
	w.sql("DELETE FROM position")
	w.startArchive()
	w.until("the archive finds that it is not whole", func() bool { return errors.Is(w.archive.Status().Err, ErrDamaged) })
	err := await(last, time.Hour)
	behind(err, "does not go on")
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("it does not say why: %v", err)
	}
}

// TestWhoDoesNotArchiveDoubtsNothing of what another process archives, by whatever fold
// it serves itself.
func TestWhoDoesNotArchiveDoubtsNothing(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(19), 50)
	w.caughtUp()
	other := func() projector.FoldID { return projector.FoldID{Version: projector.CurrentFold().Version, Epoch: 7} }
	reads, err := New(Config{URL: w.url, Log: w.log, Judges: other})
	if err != nil {
		t.Fatal(err)
	}
	defer reads.Close()
	if err := reads.Await(testContext(t), w.archive.Status().Position.Seq, patience); err != nil {
		t.Errorf("who waits for it is told %v", err)
	}
	if _, err := reads.EachAudit(testContext(t), func(*readmodel.AuditEntry) {}); err != nil {
		t.Errorf("who compares the audit is told %v", err)
	}
}
