package replay_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/projector/replay"
)

// While a rebuild holds what memory there is, nothing else is folded: a verification is
// refused and says what to wait for, and a scrub waits for the rebuild's end.
func TestFoldsBesideARebuildWaitForItsMemory(t *testing.T) {
	s := newService(t)
	s.say(20)
	s.end()
	s.stop()
	// Room for one fold, of 320 MiB in memory or 264 on disk, and not for two.
	s.limit, s.model, s.onDisk, s.scrub = 500<<20, 64<<20, 64<<20, time.Millisecond
	s.start()
	var slowly replay.RunID
	var err error
	s.until("no scrub is in the way of the rebuild", func() bool {
		slowly, err = s.runs.StartRebuild(testContext(t), replay.RebuildOptions{EventsPerSecond: 1, Order: replay.Order{Reason: "slowly"}})
		return !errors.Is(err, replay.ErrMemory) && !errors.Is(err, replay.ErrBusy)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.until("a scrub waits", func() bool {
		if one, err := s.runs.Status(slowly); err != nil || one.State != replay.StateRunning {
			t.Fatalf("%+v, %v", one, err)
		}
		return s.runs.VerifyStats().Postponed > 0
	})
	before := s.runs.VerifyStats()
	s.until("no scrub is about to be refused", func() bool {
		_, err = s.runs.StartVerify(testContext(t), replay.VerifyOptions{})
		return !errors.Is(err, replay.ErrBusy)
	})
	if !errors.Is(err, replay.ErrMemory) || !strings.Contains(err.Error(), "(rebuild "+string(slowly)) || !strings.Contains(err.Error(), "wait for the end of that") {
		t.Errorf("beside the rebuild: %v", err)
	}
	if now := s.runs.VerifyStats(); now.Runs != before.Runs || now.Failed != 0 {
		t.Errorf("%+v after %+v", now, before)
	}
	if err := s.runs.Cancel(testContext(t), slowly, replay.Order{}); err != nil {
		t.Fatal(err)
	}
	s.until("it is scrubbed", func() bool { return s.runs.VerifyStats().Runs > before.Runs })
}
