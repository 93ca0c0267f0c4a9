package archive

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// TestTheArchiveEqualsTheLog: all kinds of messages, over several starts.
func TestTheArchiveEqualsTheLog(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(1)
	w.start()
	w.commit(g, 40)
	w.outside(outsideBatch(1, g.entry(), g.entry()))
	w.outside([]byte("garbage\x00"))
	w.mustEqual()
	for range 3 {
		w.commitMany(g, 100)
		w.stop()
		w.start()
		w.commit(g, 5)
	}
	w.mustEqual()
}

// TestAnArchiveIsAddedToALog: what the serving fold judged before is judged
// again, up to where it tells.
func TestAnArchiveIsAddedToALog(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(2)
	w.startFold(false)
	w.commit(g, 60)
	w.outside(outsideBatch(2, g.entry()))
	w.stop()
	w.startFold(true)
	w.commit(g, 20)
	w.startArchive()
	w.commit(g, 20)
	w.mustEqual()
}

// TestTheArchivesFoldsAskForMemory: what the archive folds for itself waits until there
// is memory for it, and is done on disk where there is little.
func TestTheArchivesFoldsAskForMemory(t *testing.T) {
	w := newWorld(t, database(t))
	var free atomic.Uint64
	w.free = func() (uint64, string) { return free.Load(), "the test" }
	g := newTraffic(2)
	w.startFold(false)
	w.commit(g, 60)
	w.stop()
	w.startFold(true)
	w.startArchive()
	w.until("it says that memory does not suffice", func() bool { return errors.Is(w.archive.Status().Err, replay.ErrMemory) })
	if at := w.archive.Status().Position.Seq; at > 0 {
		t.Errorf("it has archived message %d", at)
	}
	free.Store(300 << 20)
	w.mustEqual() // which compares on disk as well
	if n := w.onDisk.Load(); n < 2 {
		t.Errorf("%d folds were on disk", n)
	}
}

// TestHistoryIsRead by hours and days, of one video and of all.
func TestHistoryIsRead(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	day := events.TimeOf(time.Date(2026, 3, 1, 22, 30, 0, 0, time.UTC))
	video := events.VideoID(id16('v', 1))
	for hour := range 4 {
		at := day + events.Time(hour)*hourMicros
		for n := range hour + 1 {
			m := events.Meta{Type: events.TypeVideoViewed, Time: at + events.Time(n)}
			if _, err := w.writer.Commit(testContext(t), events.Entry{Bytes: events.AppendEvent(nil, m, events.VideoViewed{Video: video}), Events: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.caughtUp()
	for _, c := range []struct {
		video *events.VideoID
		day   bool
		want  string
	}{
		{&video, false, " 22:1 23:2 00:3"}, {nil, false, " 22:1 23:2 00:3"}, {&video, true, " 00:3 00:7"},
	} {
		got := ""
		to := day + 2*hourMicros
		from := to - 24*2*hourMicros
		if c.day {
			to += 24 * hourMicros
		}
		seq, err := w.archive.EachBucket(testContext(t), c.video, c.day, from, to, func(start events.Time, n *readmodel.Counts) {
			got += fmt.Sprintf(" %s:%d", start.Std().Format("15"), n[events.Views])
		})
		if got != c.want || err != nil || seq != 10 {
			t.Errorf("days %t: %s at %d (%v), want%s", c.day, got, seq, err, c.want)
		}
	}
}

// TestALagShowsWhenItLasts, and not before.
func TestALagShowsWhenItLasts(t *testing.T) {
	w := newWorld(t, "postgres:///nowhere?host=/nonexistent")
	now := time.Now()
	var ahead atomic.Int64
	w.configure = func(cfg *Config) { cfg.Now = func() time.Time { return now.Add(time.Duration(ahead.Load())) } }
	w.start()
	w.commit(newTraffic(11), 1)
	if w.until("it fails", func() bool { return errors.Is(w.archive.Status().Err, ErrUnavailable) }); w.archive.Lagging() {
		t.Error("it lags at once")
	}
	ahead.Store(int64(lagLimit + time.Second))
	if !w.archive.Lagging() || w.archive.Lag() != 1 {
		t.Errorf("it does not lag: %d messages", w.archive.Lag())
	}
}
