package projector

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

func TestShadowTakesTheServingModelsPlaceAndIsLeftAgain(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 30)
	w.equal("before")
	first := w.p.Model()
	s := w.begun(w.p.NewShadow(testContext(t), []byte("how"), ShadowOptions{}))
	if note, err := w.p.Rebuilding(); string(note) != "how" || err != nil {
		t.Errorf("note %q: %v", note, err)
	}
	w.catchUp(s, 20)
	w.commits(30, 5)
	if !w.compare(s) {
		t.Error("equal logs gave different digests")
	}
	w.commits(35, 5)
	compared := w.begun(w.p.ComparedShadow(testContext(t), ShadowOptions{})) // stays, whatever takes its place
	before := w.p.Snapshot()
	done := w.switchTo(s)
	w.catchUp(compared, 10)
	_, err := compared.Save()
	w.must(err)
	w.must(compared.Close())
	if w.p.Model() == first || w.p.Snapshot().Generation() <= before.Generation() || w.p.Snapshot().At.Compare(before.At) < 0 {
		t.Errorf("generation %d at %v, before %d at %v", w.p.Snapshot().Generation(), w.p.Snapshot().At, before.Generation(), before.At)
	}
	if got, want := w.named(), (ModelNames{Current: done.Model, Previous: done.Replaced}); got.Current != want.Current || got.Previous != want.Previous || got.Rebuilding != "" {
		t.Errorf("%+v", got)
	}
	w.commits(40, 10)
	w.equal("after the switch")

	w.stop()
	w.start()
	w.equal("after a restart")
	if got := w.p.Snapshot().Generation(); got != done.Generation {
		t.Errorf("generation %d after a restart, %d before", got, done.Generation)
	}
	w.commits(50, 5)

	previous := w.begun(w.p.PreviousShadow(testContext(t), ShadowOptions{Read: w.read}))
	if at := previous.At().Seq; at == 0 || at >= w.end() {
		t.Errorf("the previous model was kept at %d", at)
	}
	if !w.compare(previous) {
		t.Error("the previous model has another digest")
	}
	back := w.switchTo(previous)
	if back.Model != done.Replaced || back.Replaced != done.Model || back.Generation <= done.Generation {
		t.Errorf("back %+v, forth %+v", back, done)
	}
	w.commits(55, 5)
	w.equal("after going back")
	w.stop()
	w.start()
	w.equal("after a restart of what was gone back to")
}

// What is told of each message is told once, whatever is folded beside.
func TestOnlyTheServingFoldJudges(t *testing.T) {
	w := newWorld(t)
	var judged []uint64
	w.judge = func(j *Judgement) { judged = append(judged, j.Seq) }
	w.openLog("log")
	w.start()
	w.commits(0, 10)
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{}))
	w.compare(s)
	w.switchTo(s)
	w.commits(10, 5)
	w.equal("after the switch")
	w.stop()
	for i, seq := range judged {
		if seq != uint64(i+1) {
			t.Fatalf("judged %d", judged)
		}
	}
	if len(judged) != 15 {
		t.Errorf("judged %d", judged)
	}
}

func TestOnlyOneModelIsKeptToGoBackTo(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 5)
	w.equal("before")
	for range 3 {
		s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{}))
		w.compare(s)
		w.switchTo(s)
	}
	names, err := w.p.models.List()
	w.must(err)
	if got := fmt.Sprint(names); got != "[model-000003 model-000004]" {
		t.Errorf("models: %s", got)
	}
	w.equal("afterwards")
}

// A shadow in lockstep is at the serving fold's position, whatever is folded meanwhile.
func TestLockstepUnderWrites(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 10)
	s := w.begun(w.p.ComparedShadow(testContext(t), ShadowOptions{}))
	unfollow := w.p.Follow()
	defer unfollow()
	w.catchUp(s, w.p.Snapshot().At.Seq)
	var writing sync.WaitGroup
	writing.Go(func() { w.commits(10, 100) })
	for end := uint64(0); end < 110; {
		err := w.p.Lockstep(testContext(t), s, func(live, shadow *readmodel.Model) {
			end = live.At().Seq
			if live.Digest() != shadow.Digest() {
				t.Errorf("at %v: %v, the shadow %v", live.At(), live.Digest(), shadow.Digest())
			}
		})
		w.must(err)
	}
	writing.Wait()
	w.must(s.Close())
	w.equal("afterwards")
}

func TestShadowTooFarBehindIsToldSo(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 5)
	w.equal("before")
	s := w.begun(w.p.ComparedShadow(testContext(t), ShadowOptions{}))
	defer s.Close()
	defer w.p.Follow()()
	err := w.p.Lockstep(testContext(t), s, func(_, _ *readmodel.Model) { t.Error("in lockstep") })
	if !errors.Is(err, ErrBehind) {
		t.Error(err)
	}
}

func TestRebuildThatWasKilledIsGoneOnWith(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 20)
	w.equal("before")
	s := w.begun(w.p.NewShadow(testContext(t), []byte("how"), ShadowOptions{}))
	name := s.Name()
	w.catchUp(s, 10)
	_, err := s.Save()
	w.must(err)
	w.catchUp(s, 15) // and what was folded since is lost with the process
	w.must(s.letGo())
	w.crash()

	w.start()
	w.equal("after the crash")
	s = w.begun(w.p.ResumeShadow(testContext(t), ShadowOptions{Read: w.read}))
	if s.Name() != name || s.At().Seq != 10 {
		t.Errorf("goes on with %s at %v", s.Name(), s.At())
	}
	if !w.compare(s) {
		t.Error("another digest")
	}
	w.switchTo(s)
	w.equal("after the switch")
}

func TestRebuildOfAnotherFoldIsNotGoneOnWith(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 5)
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{}))
	s.e.id.Version = foldVersion - 1
	w.catchUp(s, 3)
	path := w.p.models.Path(s.Name())
	w.must(s.Close())
	if _, err := w.p.ResumeShadow(testContext(t), ShadowOptions{Read: w.read}); !errors.Is(err, ErrNoRebuild) {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
}

// Between naming the new model and folding into it the process may end.
func TestCrashBetweenNamingAndSwitching(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 20)
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{}))
	if !w.compare(s) {
		t.Error("another digest")
	}
	before := w.named()
	name, generation := s.Name(), s.Model().Snapshot().Generation()
	w.must(w.p.name(ModelNames{Current: name, Previous: before.Current}))
	w.must(s.letGo())
	w.commits(20, 5)
	w.crash()
	w.start()
	if got := w.named(); got.Current != name || got.Previous != before.Current {
		t.Errorf("%+v", got)
	}
	if got := w.p.Snapshot().Generation(); got != generation {
		t.Errorf("generation %d, want %d", got, generation)
	}
	w.equal("after the crash")
}

// The files that name the models are written one after the other: whichever was
// the last before a crash, no model that serves or served is gone, what serves is not
// taken for what is being rebuilt, and all can be done once more.
func TestCrashBetweenTheFilesThatNameModels(t *testing.T) {
	for _, back := range []bool{false, true} {
		for _, files := range []string{"PREVIOUS", "PREVIOUS and CURRENT"} {
			t.Run(fmt.Sprintf("%s, rollback %t", files, back), func(t *testing.T) {
				w := startWorld(t)
				w.commits(0, 20)
				rebuilt := func() *Shadow {
					s := w.begun(w.p.NewShadow(testContext(t), []byte("how"), ShadowOptions{}))
					if !w.compare(s) {
						t.Error("another digest")
					}
					return s
				}
				w.switchTo(rebuilt())
				var s *Shadow
				if back {
					s = w.begun(w.p.PreviousShadow(testContext(t), ShadowOptions{Read: w.read}))
					w.compare(s)
				} else {
					s = rebuilt()
				}
				want := w.named()
				before, name := want, s.Name()
				w.must(w.p.models.SetPrevious(before.Current))
				if files != "PREVIOUS" {
					w.must(w.p.models.Use(name))
					want.Current, want.Previous = name, before.Current
				}
				w.must(s.letGo())
				w.commits(20, 5)
				w.crash()

				w.start()
				w.equal("after the crash")
				got := w.named()
				if got.Current != want.Current || got.Previous != want.Previous {
					t.Errorf("%s serves, and %q did before; want %s and %s", got.Current, got.Previous, want.Current, want.Previous)
				}
				if waits := !back && files == "PREVIOUS"; waits != (got.Rebuilding == name) {
					t.Errorf("%q is being rebuilt", got.Rebuilding)
				}
				w.must(w.p.AbandonRebuild())
				previous := w.begun(w.p.PreviousShadow(testContext(t), ShadowOptions{Read: w.read}))
				w.must(previous.Close())
				w.switchTo(rebuilt())
				w.equal("after another switch")
			})
		}
	}
}

func TestReadersOfTheOldModelEndInPeace(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 20)
	w.equal("before")
	_, err := w.p.Checkpoint(testContext(t), 20) // so that rows lie in the store
	w.must(err)
	held := w.p.Hold()
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{}))
	w.compare(s)
	w.switchTo(s)
	for range 3 {
		if _, found, err := held.Job(name16("j1")); err != nil || found {
			t.Errorf("row of the old model: %v %v", found, err)
		}
		w.commits(20, 3)
	}
	held.Release()
	w.p.retiring.Wait()
	if held.Hold() {
		t.Error("the old model can still be held")
	}
	w.equal("after the last reader")
}

func TestModelOfAnotherFoldServesOn(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 10)
	w.equal("before")
	var at events.Position
	w.must(w.p.Inspect(testContext(t), func(m *readmodel.Model) {
		w.p.live.id.Version = foldVersion - 1
		at = m.At()
	}))
	w.commits(10, 1)
	w.equal("by another fold")
	w.stop()
	w.start()
	from, changed := w.p.FoldChanged()
	if !changed || from != foldVersion-1 || w.p.Snapshot().At.Compare(at) <= 0 || w.p.Stats().Messages > 0 {
		t.Errorf("from %d (%v), at %v after %d messages", from, changed, w.p.Snapshot().At, w.p.Stats().Messages)
	}
	w.commits(11, 5)
	w.equal("served on")
	w.stop()
	w.start() // its checkpoints stay those of the other fold
	w.equal("after its checkpoint")
	if _, changed := w.p.FoldChanged(); !changed {
		t.Error("a checkpoint made it one of this fold")
	}
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{}))
	if !w.compare(s) {
		t.Error("another digest")
	}
	w.switchTo(s)
	if _, changed := w.p.FoldChanged(); changed {
		t.Error("the rebuilt model is one of another fold")
	}
	w.equal("rebuilt")
}
