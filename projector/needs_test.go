package projector

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

func (w *world) needs() []Need {
	w.t.Helper()
	needs, err := w.p.Needs()
	w.must(err)
	return needs
}

// who is who needs most of the log, and from which message on.
func (w *world) who() (NeededBy, uint64) {
	w.t.Helper()
	needs := w.needs()
	return needs[0].By, needs[0].Seq
}

func TestNeedsNameWhoNeedsTheLogAndFromWhere(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 20)
	w.equal("before")
	_, err := w.p.Checkpoint(testContext(t), 20)
	w.must(err)
	if by, seq := w.who(); by != NeededByCheckpoint || seq != 20 {
		t.Errorf("%s needs the log from message %d on", by, seq)
	}

	s := w.begun(w.p.NewShadow(testContext(t), []byte(`{"run":"r-1","reason":"why"}`), ShadowOptions{}))
	if by, seq := w.who(); by != NeededByRebuild || seq != 1 || !strings.HasPrefix(w.needs()[0].Why, "rebuild r-1 into model-000002") {
		t.Errorf("%+v", w.needs())
	}
	w.catchUp(s, 10)
	_, err = s.Save()
	w.must(err)
	since := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	w.must(s.Hold([]byte(`{"run":"r-1","held":true,"held_since":"2026-11-28T09:00:00Z"}`)))
	held := func(seq uint64) {
		t.Helper()
		if n := w.needs()[0]; n.By != NeededByHeld || n.Seq != seq || !strings.Contains(n.Why, since.Format(time.RFC3339)) {
			t.Errorf("%+v, want from message %d on", n, seq)
		}
	}
	held(10)
	w.catchUp(s, 12)
	w.must(s.Close())
	held(12)
	w.crash() // nothing of it is in memory
	w.start()
	<-w.p.Live()
	held(12)

	s = w.begun(w.p.ResumeShadow(testContext(t), ShadowOptions{Read: w.read}))
	held(12)
	if !w.compare(s) {
		t.Error("another digest")
	}
	w.commits(20, 5)
	w.must(w.p.WaitFor(testContext(t), events.Position{Seq: 25}))
	w.switchTo(s)
	w.p.retiring.Wait()
	w.commits(25, 5)
	w.must(w.p.WaitFor(testContext(t), events.Position{Seq: 30}))
	_, err = w.p.Checkpoint(testContext(t), 30)
	w.must(err)
	if by, seq := w.who(); by != NeededByPrevious || seq != 25 {
		t.Errorf("%+v", w.needs())
	}
	if listed, err := ListNeeds(w.path("models"), 30); err != nil || listed[0] != w.needs()[0] {
		t.Errorf("%+v, %v", listed, err)
	}

	// A directory of before: nobody has written down where the previous one ends.
	w.stop()
	w.must(os.Remove(filepath.Join(w.p.models.Path("model-000001"), keptFile)))
	w.start()
	if by, seq := w.who(); by != NeededByPrevious || seq != 25 {
		t.Errorf("%+v", w.needs())
	}
	w.must(os.Remove(filepath.Join(w.p.models.Path("model-000001"), keptFile)))
	if n := w.needs()[0]; n.By != NeededByPrevious || n.Seq != 1 || !strings.Contains(n.Why, "is not known") {
		t.Errorf("%+v", n)
	}
}

// How far a model served is known of it also when it has been folded on since, to go
// back to it, and that was given up.
func TestHowFarThePreviousModelServedOutlivesThatItIsFoldedOn(t *testing.T) {
	w := startWorld(t)
	served := func(want uint64) {
		t.Helper()
		if before, err := w.p.PreviousServed(); err != nil || before.Seq != want {
			t.Errorf("it served alone before message %d, want %d: %v", before.Seq, want, err)
		}
	}
	served(0)
	w.commits(0, 20)
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{}))
	w.must(w.p.WaitFor(testContext(t), events.Position{Seq: 20}))
	if !w.compare(s) {
		t.Error("another digest")
	}
	_, err := w.p.Checkpoint(testContext(t), 20)
	w.must(err)
	w.switchTo(s)
	served(19)
	w.commits(20, 10)
	back := w.begun(w.p.PreviousShadow(testContext(t), ShadowOptions{Read: w.read}))
	w.catchUp(back, 30)
	w.must(back.Close())
	if needs := w.needs(); !slices.ContainsFunc(needs, func(n Need) bool { return n.By == NeededByPrevious && n.Seq == 30 }) {
		t.Errorf("it was not folded on: %+v", needs)
	}
	served(19)
	s = w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{OnDisk: little}))
	w.compare(s)
	w.must(w.p.ServeNext(s, nil))
	w.stop()
	w.start() // which takes it
	served(29)
}

// Who asks what is needed does not keep others from the models: a rollback opens the
// one of before whenever it likes.
func TestNeedsOpenNoModel(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 10)
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{}))
	w.compare(s)
	stop := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if needs, err := w.p.Needs(); err != nil || len(needs) == 0 {
					t.Error(needs, err)
					return
				}
			}
		}
	})
	w.switchTo(s)
	for range 4 {
		back := w.begun(w.p.PreviousShadow(testContext(t), ShadowOptions{Read: w.read}))
		w.compare(back)
		w.switchTo(back)
	}
	close(stop)
	asking.Wait()
	w.equal("after going back and forth")
}

func TestDiscardRemovesWhatWasRebuiltAndDoesNotServe(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 20)
	w.equal("before")
	if _, err := w.p.Unserved(); !errors.Is(err, ErrNothingToDiscard) {
		t.Error(err)
	}
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{Read: w.read, OnDisk: little}))
	w.catchUp(s, w.end())
	w.compare(s)
	next := s.Name()
	w.must(w.p.ServeNext(s, nil))
	s = w.begun(w.p.NewShadow(testContext(t), []byte(`{}`), ShadowOptions{}))
	w.compare(s)
	held := s.Name()
	w.must(s.Hold([]byte(`{"held":true}`)))
	w.must(s.Close())
	for _, want := range []string{held, next} { // the one that waits first
		name, err := w.p.Unserved()
		if err != nil || name != want {
			t.Fatalf("%s, %v, want %s", name, err, want)
		}
		w.must(w.p.Discard(name))
	}
	if _, err := w.p.Unserved(); !errors.Is(err, ErrNothingToDiscard) {
		t.Error(err)
	}
	if names, err := w.p.models.List(); err != nil || len(names) != 1 {
		t.Errorf("left: %v, %v", names, err)
	}
	if by, _ := w.who(); by != NeededByCheckpoint {
		t.Errorf("%+v", w.needs())
	}
	w.stop()
	w.start()
	w.equal("after a restart")
}

// Killed after any step of it, a discard has left the model as it was, to be
// accepted, or nothing of it.
func TestCrashWithinADiscard(t *testing.T) {
	steps := []struct {
		name  string
		holds bool // the model that was held is still there
		crash func(w *world, name string)
	}{
		{"before the first", true, func(*world, string) {}},
		{"its name was removed", false, func(w *world, _ string) { w.must(w.p.models.EndRebuilding()) }},
		{"its name and half of its files were removed", false, func(w *world, name string) {
			w.must(w.p.models.EndRebuilding())
			files, err := filepath.Glob(filepath.Join(w.p.models.Path(name), "*"))
			w.must(err)
			for _, file := range files[:len(files)/2] {
				w.must(os.Remove(file))
			}
		}},
		{"after the last", false, func(w *world, name string) { w.must(w.p.Discard(name)) }},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			w := startWorld(t)
			w.commits(0, 20)
			s := w.begun(w.p.NewShadow(testContext(t), []byte(`{}`), ShadowOptions{}))
			w.compare(s)
			w.must(s.Hold([]byte(`{"held":true}`)))
			name := s.Name()
			w.must(s.Close())
			step.crash(w, name)
			w.crash()
			w.start()
			w.equal("after the crash")
			switch got, err := w.p.Unserved(); {
			case step.holds && (err != nil || got != name):
				t.Errorf("%s was held, and there is %q, %v", name, got, err)
			case !step.holds && !errors.Is(err, ErrNothingToDiscard):
				t.Errorf("%q is left, %v", got, err)
			}
			if step.holds {
				s := w.begun(w.p.ResumeShadow(testContext(t), ShadowOptions{Read: w.read}))
				w.compare(s)
				w.switchTo(s)
				w.equal("switched to it")
			} else if names, err := w.p.models.List(); err != nil || len(names) != 1 {
				t.Errorf("left: %v, %v", names, err)
			}
		})
	}
}
