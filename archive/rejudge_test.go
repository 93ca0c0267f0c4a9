package archive

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/archive/archivetest"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// TestTheArchiveIsJudgedAnew when a model of another version of the fold serves: while
// that of before does, nothing changes; then effects do, from the first on, and in the
// end the history, all of it at once. Meanwhile what comes is archived. In the middle
// the process and the server are killed.
func TestTheArchiveIsJudgedAnew(t *testing.T) {
	s := archivetest.Start(t)
	w := newWorld(t, s.URL("postgres"))
	g := newTraffic(41)
	w.start()
	w.commitMany(g, 500)
	w.mustEqualAFresh()
	w.stop()
	w.ageFold()

	gate := w.gateAt(40)
	w.startFold(true)
	w.judgeOtherwise()
	w.startArchive()
	w.commitMany(g, 50)
	w.caughtUp()
	if r := w.archive.Status().Rejudge; r.To != 0 {
		t.Fatalf("judged anew while the old model serves: %+v", r)
	}
	old := w.views()
	if result := w.compare(); result.Count == 0 {
		t.Fatal("the old fold did not judge otherwise")
	}

	_, doubted, _ := w.log.Bounds(testContext(t))
	w.rebuild()
	w.until("it is judged anew, up to the switch", func() bool { return gate.count() == 1 && w.archive.Status().Rejudge.To == doubted })
	err := w.archive.Await(testContext(t), doubted, time.Nanosecond)
	if !errors.Is(err, ErrBehind) {
		t.Errorf("who waits for it is told %v", err)
	}
	if _, err := w.archive.EachAudit(testContext(t), func(*readmodel.AuditEntry) {}); !errors.Is(err, errRejudged) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("who compares the audit is told %v", err)
	}
	w.commitOne(events.Meta{Type: events.TypeVideoViewed, Time: events.TimeOf(g.now)}, events.VideoViewed{Video: id16('v', 1)})
	w.caughtUp()
	if now := w.views(); now != old+1 {
		t.Errorf("%d views in the middle, want %d: those of before and the one that came", now, old+1)
	}
	if r := w.archive.Status().Rejudge; r.Done == 0 || r.Done >= gate.at || r.To != doubted {
		t.Errorf("held at message %d: %+v", gate.at, r)
	}

	gate.open(errStopped)
	w.until("it says why it does not go on", func() bool { return errors.Is(w.archive.Status().Rejudge.Err, errStopped) })
	w.stopArchive()
	done := w.number("SELECT rejudged FROM position")
	gate = w.gateAt(50)
	w.startArchive()
	w.until("it goes on", func() bool { return gate.count() == 1 })
	if r := w.archive.Status().Rejudge; int64(r.Done) <= done || r.Done >= gate.at {
		t.Errorf("gone on from %d: %+v", done, r)
	}
	s.Kill()
	gate.open(nil)
	w.until("the server is missed", func() bool { return w.archive.Status().Err != nil })
	s.Launch()
	w.commitMany(g, 50)
	w.mustEqualAFresh()
	if n := gate.count(); n != 1 {
		t.Errorf("%d folds came to message %d, want the one that was under way when the server was killed", n, gate.at)
	}
}

// TestTheArchiveIsJudgedAnewAfterAnother takes the place of a model of the same
// version, from which it differs; and while it is, once more, also where nothing
// comes; and behind what an adopted log has lost.
func TestTheArchiveIsJudgedAnewAfterAnother(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(42)
	w.start()
	w.commitMany(g, 300)
	w.mustEqual()
	w.stop()
	w.copyLog("jetstream", "backup")

	gate := w.gateAt(30)
	judges := projector.CurrentFold()
	var mu sync.Mutex
	differ := func() { mu.Lock(); defer mu.Unlock(); judges.Epoch++ }
	configure := w.configure
	w.configure = func(cfg *Config) {
		configure(cfg)
		cfg.Judges = func() projector.FoldID { mu.Lock(); defer mu.Unlock(); return judges }
	}
	w.startFold(true)
	w.judgeOtherwise()
	differ()
	w.startArchive()
	w.until("it is judged anew", func() bool { return gate.count() == 1 })
	w.commitMany(g, 100) // judged as the model before did
	w.caughtUp()
	_, last, _ := w.log.Bounds(testContext(t))
	w.until("and what came since as well", func() bool { return w.archive.Status().Rejudge.To == last })
	gate.open(errStopped)
	w.stop()

	w.copyLog("backup", "jetstream")
	w.adopt()
	w.configure = nil
	w.start()
	w.commitMany(g, 50)
	w.caughtUp()
	w.until("nothing is to be judged anew", func() bool { return w.archive.Status().Rejudge.To == 0 })
	w.equalMessages()
	w.equalFold()
	w.equalHistory()
	w.equalAudit()
	w.equalRows()
}

// TestAnArchiveOfBeforeIsJudgedAnew where it does not say which fold judged, and what
// it cannot be judged by is told.
func TestAnArchiveOfBeforeIsJudgedAnew(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(43), 200)
	w.mustEqual()
	for range 2 {
		w.stopArchive()
		w.judgeOtherwise()
		w.sql("UPDATE position SET fold_version = 0")
		w.startArchive()
		w.mustEqualAFresh()
	}
	w.stopArchive()
	w.judgeOtherwise()
	w.sql("DELETE FROM messages WHERE seq = 1")
	if err := w.log.Trim(testContext(t), 1); err != nil {
		t.Fatal(err)
	}
	w.startArchive()
	w.until("it is told what is missing", func() bool { return errors.Is(w.archive.Status().Rejudge.Err, eventlog.ErrGap) })
	w.commitMany(newTraffic(44), 20)
	w.caughtUp()
}

// TestWhoArchivesWaitsForNoReader: who judges anew has its connection, of those that
// readers have among them, before its turn comes.
func TestWhoArchivesWaitsForNoReader(t *testing.T) {
	a, err := New(Config{URL: database(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	r := &rejudgement{session: &session{Archive: a}}
	none, cancel := context.WithCancel(testContext(t))
	cancel()
	r.turn.Lock()
	ended := make(chan error, 1)
	go func() { _, err := r.end(none); ended <- err }()
	select {
	case err = <-ended:
	case <-time.After(patience):
		t.Error("it waits for its turn first")
	}
	r.turn.Unlock()
	if err == nil {
		err = <-ended
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

// TestJudgingAnewWaitsForNoLock longer than any transaction does, also where it takes
// hours to change the history: who archives waits for its turn.
func TestJudgingAnewWaitsForNoLock(t *testing.T) {
	w := judgedOtherwise(t, 45, 200)
	release := w.hold("history_hourly")
	w.configure = func(cfg *Config) { cfg.WriteLimit = time.Second }
	w.startArchive()
	w.until("the lock is waited for no longer", func() bool {
		err := w.archive.Status().Rejudge.Err
		return err != nil && strings.Contains(err.Error(), "lock timeout")
	})
	release()
	w.mustEqualAFresh()
}

// TestJudgingAnewGoesOnWithItsFold after a transaction that failed, and tells no more that
// it does not.
func TestJudgingAnewGoesOnWithItsFold(t *testing.T) {
	w := judgedOtherwise(t, 46, 300)
	release := w.hold("rejudged_history")
	late := w.gateAt(30)
	configure, begun := w.configure, 0
	w.configure = func(cfg *Config) {
		configure(cfg)
		cfg.WriteLimit = time.Second
		begin := cfg.Fold
		cfg.Fold = func(who string, o projector.FoldOptions) (replay.Folding, error) { begun++; return begin(who, o) }
	}
	w.startArchive()
	w.until("a transaction fails", func() bool { return w.archive.Status().Rejudge.Err != nil })
	release()
	w.until("it goes on", func() bool { return late.count() == 1 })
	if r := w.archive.Status().Rejudge; r.Err != nil || r.Done == 0 {
		t.Errorf("while it goes on: %+v", r)
	}
	late.open(nil)
	w.mustEqualAFresh()
	w.stopArchive()
	if begun != 1 {
		t.Errorf("%d folds were begun, want one", begun)
	}
}
