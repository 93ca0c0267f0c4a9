package archive

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/archive/archivetest"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// TestAServerThatSaysNothingHoldsNobody: it stands still, or somebody has locked the
// messages. Who reads gives up in time, and names it; commands go on; and when it answers
// again the log is trimmed.
func TestAServerThatSaysNothingHoldsNobody(t *testing.T) {
	s := archivetest.Start(t)
	w := newWorld(t, s.URL("postgres"))
	w.configure = func(cfg *Config) { cfg.PageLimit, cfg.WriteLimit = time.Second, time.Second }
	g := newTraffic(21)
	w.start()
	w.commitMany(g, 60)
	w.caughtUp()
	if _, err := w.projector.Checkpoint(testContext(t), w.projector.Snapshot().At.Seq); err != nil {
		t.Fatal(err)
	}
	r := w.retention(time.Hour, w.logger())
	for what, hold := range map[string]func() (release func()){
		"a lock": func() func() {
			conn := w.connect()
			if _, err := conn.Exec(testContext(t), "BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}
			return func() { _ = conn.Close(context.Background()) }
		},
		"a server that stands still": func() func() { s.Freeze(); return s.Thaw },
	} {
		release := hold()
		if n, err := r.Cycle(testContext(t)); n != 0 || !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "it has not answered for 1s") {
			t.Errorf("%s: trimmed %d messages, %v", what, n, err)
		}
		if err := r.Status().Err; !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: the status says %v", what, err)
		}
		err := w.archive.Source().Read(testContext(t), 1, 5, func(eventlog.Message) error { return nil })
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: messages are read, %v", what, err)
		}
		w.commitMany(g, 20) // each is folded
		release()
	}
	w.caughtUp()
	w.until("the log is trimmed", func() bool {
		n, err := r.Cycle(testContext(t))
		return n > 0 && err == nil
	})
}
