package projector

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// adopt gives the log that is not open a new incarnation, which ended under its
// old one at that message.
func (w *world) adopt(name string, last uint64) events.Incarnation {
	w.t.Helper()
	l, err := eventlog.Open(testContext(w.t), eventlog.Config{Dir: w.path(name), Adopting: true, Existing: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer l.Close()
	earlier := append(l.Lineage(), events.Ancestor{Incarnation: l.Incarnation(), Last: last})
	adopted := eventlog.NewIncarnation()
	if err := l.Adopt(testContext(w.t), adopted, earlier, ""); err != nil {
		w.t.Fatal(err)
	}
	return adopted
}

func TestAnAdoptedLogIsGoneOnWith(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 10)
	w.equal("before")
	before := w.p.Snapshot().Incarnation()
	w.stop()
	for round := range 2 {
		w.closeLog()
		adopted := w.adopt("log", uint64(10*(round+1)))
		w.openLog("log")
		w.start()
		w.commits(10*(round+1), 10)
		w.equal("adopted")
		if got := w.p.Snapshot().Incarnation(); got != adopted || got == before || w.p.Stats().Rebuilds != 0 {
			t.Errorf("incarnation %v, adopted as %v; %d rebuilds", got, adopted, w.p.Stats().Rebuilds)
		}
		w.stop()
		w.start() // from a checkpoint under the new incarnation
		w.equal("adopted, next start")
		w.stop()
	}
	if lineage := w.log.Lineage(); len(lineage) != 2 || lineage[0].Incarnation != before {
		t.Errorf("lineage %v", lineage)
	}

	// All of it is folded anew too, whoever wrote it.
	if err := os.WriteFile(filepath.Join(w.path("models"), "CURRENT"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.equal("rebuilt")
}

func TestAnOlderCopyThatIsAdoptedIsRebuilt(t *testing.T) {
	w := loseTail(t)
	w.closeLog()
	w.adopt("log", 10)
	w.openLog("log")
	w.start()
	w.commits(50, 3)
	w.rebuilt("adopted older copy", "the log was adopted at message 10, and message 20 was folded before that")
}

func TestAWriterOfBeforeTheAdoptionStopsTheFold(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 3)
	w.equal("before")
	w.stop()
	// What came after the end that was written down is nobody's.
	w.closeLog()
	w.adopt("log", 3)
	w.openLog("log")
	w.commits(3, 2)
	w.closeLog()
	w.adopt("log", 4)
	w.openLog("log")
	w.start()
	select {
	case <-w.p.stopped:
	case <-testContext(t).Done():
		t.Fatal("the fold goes on")
	}
	if err := w.p.Fault(); !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "tidemark replay log adopt") {
		t.Errorf("fault: %v", err)
	}
}

func TestAForeignLogIsNotAdoptedByItsLineage(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 3)
	w.equal("before")
	w.stop()
	w.closeLog()
	w.openLog("another")
	w.commits(0, 3)
	w.closeLog()
	w.adopt("another", 3)
	w.openLog("another")
	if err := w.restore(); !errors.Is(err, ErrForeignLog) {
		t.Errorf("foreign log: %v", err)
	}
}
