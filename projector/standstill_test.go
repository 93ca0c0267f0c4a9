package projector

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAFoldThatStandsStillIsNotReady: it waits for somebody who does not answer,
// which no flag of its own can tell.
func TestAFoldThatStandsStillIsNotReady(t *testing.T) {
	w := newWorld(t)
	w.openLog("js")
	entered, leave := make(chan struct{}), make(chan struct{})
	var once, release sync.Once
	w.judge = func(*Judgement) {
		once.Do(func() { close(entered) })
		<-leave
	}
	t.Cleanup(func() { release.Do(func() { close(leave) }) }) // before the world's end
	cfg := w.config()
	var ahead atomic.Int64
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	p, err := New(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.p = p
	w.run()
	w.commit("video.viewed v")
	<-entered
	w.commit("video.viewed v")
	becomes := func(what string, holds func() bool) {
		t.Helper()
		ctx := testContext(t)
		for !holds() {
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				t.Fatalf("waited in vain until %s", what)
			}
		}
	}
	becomes("it is seen to stand", func() bool { return p.standstill.since.Load() != 0 })
	stands := func(span time.Duration) { p.standstill.since.Store(time.Now().Add(-span).UnixNano()) }
	becomes("the metric alone shows it", func() bool {
		stands(stallLimit + time.Second)
		return p.Stalled() && p.Ready() == nil
	})
	becomes("it is not ready", func() bool {
		stands(unreadyStall + time.Second)
		err := p.Ready()
		return p.Stalled() && err != nil && strings.Contains(err.Error(), "makes no progress")
	})
	ahead.Store(int64(unreadyStall + time.Second)) // since when the log has not answered
	if err := p.Ready(); err == nil || !strings.Contains(err.Error(), "has not answered") {
		t.Errorf("the log is silent: %v", err)
	}
	becomes("it waits for the log", func() bool { return p.standstill.since.Load() == 0 })
	ahead.Store(0)
	release.Do(func() { close(leave) })
	becomes("it goes on", func() bool { return p.standstill.since.Load() == 0 && p.Ready() == nil })
}

func TestStandstill(t *testing.T) {
	now := time.Unix(1000, 0)
	var s standstill
	for _, step := range []struct {
		what         string
		folded, last uint64
		after        time.Duration
		stalled      bool
	}{
		{"nothing there", 0, 0, 0, false},
		{"quiet for long", 0, 0, time.Hour, false},
		{"a message came", 0, 1, time.Second, false},
		{"it is folded late", 1, 1, stallLimit - time.Second, false},
		{"behind, and moving", 2, 50, stallLimit, false},
		{"behind, and moving", 3, 90, stallLimit, false},
		{"behind", 3, 91, time.Second, false},
		{"it stands", 3, 92, stallLimit, true},
		{"it stands", 3, 95, time.Second, true},
		{"it moves", 4, 95, time.Second, false},
		{"it stands again", 4, 95, stallLimit, false},
		{"for long", 4, 95, stallLimit, true},
		{"all is folded", 95, 95, time.Second, false},
	} {
		now = now.Add(step.after)
		s.look(step.folded, step.last, now)
		if err := s.check(now, stallLimit); (err != nil) != step.stalled {
			t.Errorf("%s (%d of %d): %v", step.what, step.folded, step.last, err)
		}
	}
}
