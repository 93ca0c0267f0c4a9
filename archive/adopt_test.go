package archive

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// copyLog copies the files of the log, which must be closed.
func (w *world) copyLog(from, to string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, to)); err != nil {
		w.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", filepath.Join(w.dir, from), filepath.Join(w.dir, to)).CombinedOutput(); err != nil {
		w.t.Fatalf("copy the log: %v\n%s", err, out)
	}
}

// adopt gives the log a new incarnation, as an operator does after a restore.
func (w *world) adopt() {
	w.t.Helper()
	l, err := eventlog.Open(testContext(w.t), eventlog.Config{Dir: filepath.Join(w.dir, "jetstream"), Adopting: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer l.Close()
	_, last, err := l.Bounds(testContext(w.t))
	if err == nil {
		err = l.Adopt(testContext(w.t), eventlog.NewIncarnation(), append(l.Lineage(), events.Ancestor{Incarnation: l.Incarnation(), Last: last}), "")
	}
	if err == nil {
		err = os.RemoveAll(filepath.Join(w.dir, "models"))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestAnOlderLogIsPutBack: the archive refuses it until it is adopted, goes back
// to where it ended, and keeps what was lost without counting it.
func TestAnOlderLogIsPutBack(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(12)
	w.start()
	w.commitMany(g, 60)
	w.mustEqual()
	w.stop()
	w.copyLog("jetstream", "backup")
	w.start()
	w.commitMany(g, 60)
	w.mustEqual()
	lost := w.archive.Status().Position.Seq
	w.stop()
	w.copyLog("backup", "jetstream")
	if err := os.RemoveAll(filepath.Join(w.dir, "models")); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.until("it is refused", func() bool { return errors.Is(w.archive.Status().Err, ErrForeign) })
	w.stop()
	w.adopt()
	w.start()
	w.commitMany(g, 60)
	w.caughtUp()
	w.equalMessages()
	w.equalFold()
	w.equalHistory()
	w.equalAudit()
	if n := w.number("SELECT count(*) FROM messages JOIN logs USING (log) WHERE seq > last_seq"); n == 0 || uint64(n) >= lost {
		t.Errorf("%d messages are kept as lost", n)
	}
	// Adopted again, with nothing lost.
	w.stop()
	w.adopt()
	w.start()
	w.commitMany(g, 20)
	w.caughtUp()
	w.equalMessages()
	w.equalFold()
	w.equalHistory()
}

// TestALogIsAdoptedWhileTheArchiveCatchesUp, twice before the archive sees it: what it had
// not seen of the log that was is archived as part of the one that is.
func TestALogIsAdoptedWhileTheArchiveCatchesUp(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(32)
	w.start()
	w.commitMany(g, 40)
	w.mustEqual()
	w.stopArchive()
	w.commitMany(g, 40)
	w.stop()
	w.adopt()
	w.startFold(true)
	w.commitMany(g, 40)
	w.stop()
	w.adopt()
	w.start()
	w.commitMany(g, 40)
	w.caughtUp()
	w.equalMessages()
	w.equalFold()
	w.equalHistory()
	w.equalAudit()
	if n := w.number("SELECT count(*) FROM messages JOIN logs USING (log) WHERE seq < first_seq OR seq > last_seq"); n != 0 {
		t.Errorf("%d messages count for no life of the log", n)
	}
}
