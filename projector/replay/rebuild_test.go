package replay_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

func TestRebuildTakesTheServingModelsPlace(t *testing.T) {
	s := newService(t)
	s.say(20)
	s.end()
	before := s.p.Snapshot()
	r := s.rebuild(replay.RebuildOptions{Order: replay.Order{Actor: "somebody", Reason: "views are counted anew"}})
	if !r.Equal || !r.Switched || r.Replaced != "model-000001" || r.Model != "model-000002" || r.Events < 100 || r.Generation <= before.Generation() {
		t.Errorf("%+v", r)
	}
	if s.p.Snapshot().Generation() != r.Generation || s.p.Snapshot().At.Compare(before.At) < 0 {
		t.Errorf("serves generation %d at %v", s.p.Snapshot().Generation(), s.p.Snapshot().At)
	}
	s.audited("begun", "done: "+r.Model+" serves in place of model-000001: equal")
	for _, a := range s.audit {
		if a.Kind != replay.KindRebuild || a.Reason != "views are counted anew" {
			t.Errorf("audit: %+v", a)
		}
	}
	s.say(5)
	s.recounted("after the rebuild")
	s.stop()
	s.start()
	s.recounted("after a restart")

	back := s.done(s.runs.StartRollback(testContext(t), replay.RollbackOptions{})).Result.(*replay.RebuildResult)
	if !back.Equal || !back.Switched || back.Model != "model-000001" || back.Events == 0 || back.Events > 50 {
		t.Errorf("back: %+v", back)
	}
	s.say(5)
	s.recounted("after going back")
}

func TestRebuildThatDiffersWaitsToBeAccepted(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	flipped := numbered[events.VideoID]('v', 3)
	s.inspect(func(m *readmodel.Model) { m.AddView(flipped, 0) }) // no event says so
	ended := s.run(s.runs.StartRebuild(testContext(t), replay.RebuildOptions{}))
	r := ended.Result.(*replay.RebuildResult)
	if ended.State != replay.StateFailed || !errors.Is(ended.Err(), replay.ErrDiffers) || r.Equal || r.Switched {
		t.Fatalf("%s: %s, %+v", ended.State, ended.Error, r)
	}
	s.audited("begun", "failed: "+r.Model+" differs in 1 keys and does not serve; the rebuilt model differs")
	if s.p.Snapshot().Generation() != 1 {
		t.Error("the model that differs serves")
	}
	// Neither a start nor time accepts it.
	s.stop()
	s.start()
	s.say(3)
	if again := s.run(s.runs.StartSwitch(testContext(t), replay.SwitchOptions{})); !errors.Is(again.Err(), replay.ErrDiffers) {
		t.Errorf("%s: %s", again.State, again.Error)
	}
	r = s.done(s.runs.StartSwitch(testContext(t), replay.SwitchOptions{Accept: true})).Result.(*replay.RebuildResult)
	if r.Equal || !r.Switched {
		t.Errorf("%+v", r)
	}
	s.recounted("accepted")
	if _, err := s.runs.StartSwitch(testContext(t), replay.SwitchOptions{}); !errors.Is(err, projector.ErrNoRebuild) {
		t.Error(err)
	}
}

func TestRebuildIsHeldForASwitchByHand(t *testing.T) {
	s := newService(t)
	s.say(10)
	r := s.rebuild(replay.RebuildOptions{Hold: true})
	if !r.Equal || r.Switched {
		t.Errorf("%+v", r)
	}
	s.say(2)
	r = s.done(s.runs.StartSwitch(testContext(t), replay.SwitchOptions{})).Result.(*replay.RebuildResult)
	if !r.Equal || !r.Switched {
		t.Errorf("%+v", r)
	}
	s.recounted("switched")
}

// A rebuild is interrupted by the end of the service; the next start goes on with it by
// itself. One that is cancelled is gone.
func TestInterruptedRebuildIsGoneOnWith(t *testing.T) {
	s := newService(t)
	s.say(40)
	s.end()
	id, lift := s.halts(10, replay.RebuildOptions{Order: replay.Order{Reason: "slowly"}})
	s.goesOn(id)
	resumed, err := s.runs.Status(id)
	if err != nil {
		t.Fatal(err)
	}
	if resumed.Kind != replay.KindRebuild || resumed.Order.Reason != "slowly" {
		t.Errorf("%+v", resumed)
	}
	if err := s.runs.Cancel(testContext(t), resumed.ID, replay.Order{}); err != nil {
		t.Fatal(err)
	}
	s.run(resumed.ID, nil)
	if _, err := s.p.Rebuilding(); !errors.Is(err, projector.ErrNoRebuild) {
		t.Errorf("cancelled, and there is one to go on with: %v", err)
	}

	lift()
	id, lift = s.halts(100, replay.RebuildOptions{})
	lift()
	s.goesOn(id)
	r := s.done(id, nil).Result.(*replay.RebuildResult)
	if !r.Switched || !r.Equal || r.Events >= 200 {
		t.Errorf("%+v", r)
	}
	s.recounted("gone on with")
}

// breaking is a source that cannot be read from a message on, 0 for all that can.
type breaking struct {
	replay.Source
	from *atomic.Uint64
}

func (b breaking) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	return b.Source.Read(ctx, from, to, func(m eventlog.Message) error {
		if broken := b.from.Load(); broken > 0 && m.Seq >= broken {
			return errFull
		}
		return fn(m)
	})
}

// The rebuild of a run that has ended for the audit is gone on with by another, by hand
// or by the next start, and never under the ID of the first.
func TestRebuildIsNotGoneOnWithUnderARunThatHasEnded(t *testing.T) {
	s := newService(t)
	s.say(40)
	s.end()
	source := breaking{s.source, new(atomic.Uint64)}
	s.source = source
	first, lift := s.halts(10, replay.RebuildOptions{Order: replay.Order{Actor: "the first"}})
	lift()
	s.stop()
	s.free = 1 << 20    // so little memory that this start cannot go on with it
	s.retry = time.Hour // and does not before it is gone on with by hand
	s.start()
	s.hears(2)
	s.audited("begun", "cancelled")
	s.free = 1 << 40
	source.from.Store(150)
	second := s.run(s.runs.StartRebuild(testContext(t), replay.RebuildOptions{Order: replay.Order{Actor: "another"}}))
	if needs, err := s.p.Needs(); err != nil || second.State != replay.StateFailed || !strings.Contains(needs[0].Why, string(second.ID)) {
		t.Errorf("%+v %v, needed by %+v", second, err, needs)
	}
	source.from.Store(0)
	s.stop()
	s.retry = 0
	s.start()
	s.hears(6)
	s.audited("begun", "cancelled", "begun", "failed", "begun", "done")
	if third := s.heard()[5]; third.Run == first || third.Run == second.ID || third.Actor != "another" {
		t.Errorf("%+v", third)
	}
	for id, want := range map[replay.RunID]replay.State{first: replay.StateCancelled, second.ID: replay.StateFailed} {
		if run, err := s.runs.Status(id); err != nil || run.State != want {
			t.Errorf("%v %+v", err, run)
		}
	}
}

func TestRebuildIsRefusedWithAReason(t *testing.T) {
	s := newService(t)
	s.say(2)
	s.end()
	if _, err := s.runs.StartRollback(testContext(t), replay.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	if ended := s.run(s.runs.List()[0].ID, nil); !errors.Is(ended.Err(), projector.ErrNoPrevious) {
		t.Errorf("%s: %s", ended.State, ended.Error)
	}
	s.stop()
	s.free = 1 << 20
	s.start()
	if _, err := s.runs.StartRebuild(testContext(t), replay.RebuildOptions{}); !errors.Is(err, replay.ErrMemory) {
		t.Error(err)
	}
	s.stop()
	s.free, s.source = 0, kept(mustRead(t, s.source)[1:]) // its first message was trimmed
	s.start()
	if _, err := s.runs.StartRebuild(testContext(t), replay.RebuildOptions{}); !errors.Is(err, replay.ErrNotCovered) {
		t.Error(err)
	}
}

// A checkpoint of another fold is served on, and rebuilt by itself.
func TestAnotherFoldVersionIsRebuiltByItself(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	s.stop()
	ageFold(t, filepath.Join(s.dir, "models", "model-000001"))
	hear := s.deaf()
	s.start()
	if _, changed := s.p.FoldChanged(); !changed {
		t.Fatal("the checkpoint is not one of another fold")
	}
	hear()
	s.hears(1)
	r := s.done(s.heard()[0].Run, nil).Result.(*replay.RebuildResult)
	if _, changed := s.p.FoldChanged(); changed || !r.Switched || !r.Equal {
		t.Errorf("%+v", r)
	}
	s.recounted("rebuilt")
	if _, err := os.Stat(filepath.Join(s.dir, "models", "model-000001")); err != nil {
		t.Errorf("what was served before is not kept: %v", err)
	}
}

// What keeps a rebuild from being started that a start calls for passes: then it is.
func TestRebuildThatIsCalledForIsTriedUntilItStarts(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	s.stop()
	ageFold(t, filepath.Join(s.dir, "models", "model-000001"))
	refused := 0 // nobody else asks for anything
	s.unaudited = func(a replay.Action) error {
		if a.State == replay.StateRunning && refused < 3 {
			refused++
			return errFull
		}
		return nil
	}
	s.start()
	s.until("the model of this fold serves", func() bool { _, changed := s.p.FoldChanged(); return !changed })
	s.recounted("rebuilt")
}

// The way back can be given up too, also where the next start was to go it: then nothing
// keeps the log for it.
func TestTheWayBackIsGivenUp(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	discard := func() (replay.RunID, error) {
		return s.runs.StartDiscard(testContext(t), replay.DiscardOptions{Order: replay.Order{Actor: "somebody"}, Previous: true})
	}
	if _, err := discard(); !errors.Is(err, projector.ErrNoPrevious) {
		t.Error(err)
	}
	for _, waits := range []bool{false, true} {
		before := models(t, s)
		s.rebuild(replay.RebuildOptions{})
		if waits {
			s.done(s.runs.StartRollback(testContext(t), replay.RollbackOptions{OnDisk: true}))
		}
		s.audit = nil
		result := s.done(discard()).Result.(*replay.DiscardResult)
		if left := models(t, s); len(left) != 1 || result.Model != before[0] || result.Needed.By != projector.NeededByCheckpoint {
			t.Errorf("waits %t: %v are left of %v, %+v", waits, left, before, result)
		}
		if names, err := s.p.Names(); err != nil || names.Previous != "" || names.Next != "" {
			t.Errorf("waits %t: %+v, %v", waits, names, err)
		}
		if last := s.audit[len(s.audit)-1]; !strings.Contains(last.Detail, "and with it the way back") {
			t.Errorf("waits %t: audit %+v", waits, last)
		}
		if ended := s.run(s.runs.StartRollback(testContext(t), replay.RollbackOptions{})); !errors.Is(ended.Err(), projector.ErrNoPrevious) {
			t.Errorf("waits %t: %s: %s", waits, ended.State, ended.Error)
		}
	}
	s.stop()
	s.start()
	s.recounted("afterwards")
}

// A model that differs, one that is held, and one whose rebuild failed can be given
// up: its directory goes, and the log need not be kept for it.
func TestRebuiltModelIsGivenUp(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	discard := func() (replay.RunID, error) {
		return s.runs.StartDiscard(testContext(t), replay.DiscardOptions{Order: replay.Order{Actor: "somebody", Reason: "the old count stays"}})
	}
	if _, err := discard(); !errors.Is(err, projector.ErrNothingToDiscard) {
		t.Error(err)
	}
	flipped := numbered[events.VideoID]('v', 3)
	for name, begin := range map[string]func(){
		"it differs": func() {
			s.inspect(func(m *readmodel.Model) { m.AddView(flipped, 0) })
			s.say(1) // so that a checkpoint holds it
			s.end()
			if ended := s.run(s.runs.StartRebuild(testContext(t), replay.RebuildOptions{})); !errors.Is(ended.Err(), replay.ErrDiffers) || !strings.Contains(ended.Error, "--discard") {
				t.Errorf("%s: %s", ended.State, ended.Error)
			}
			s.done(s.runs.StartRepair(testContext(t), replay.RepairOptions{}))
		},
		"it is held":           func() { s.rebuild(replay.RebuildOptions{Hold: true}) },
		"it was held and kept": func() { s.rebuild(replay.RebuildOptions{Hold: true}); s.stop(); s.start() },
		"the next start was to take it": func() {
			s.rebuild(replay.RebuildOptions{OnDisk: true})
		},
	} {
		s.audit = nil
		begin()
		s.audit = nil
		waited := models(t, s)
		result := s.done(discard()).Result.(*replay.DiscardResult)
		if left := models(t, s); len(left) != 1 || len(waited) != 2 || waited[1] != result.Model || result.Needed.By != projector.NeededByCheckpoint {
			t.Errorf("%s: %v are left of %v, %+v", name, left, waited, result)
		}
		if len(s.audit) != 2 || s.audit[1].Kind != replay.KindDiscard || s.audit[1].Reason != "the old count stays" || !strings.Contains(s.audit[1].Detail, result.Model) {
			t.Errorf("%s: audit %+v", name, s.audit)
		}
		if _, err := discard(); !errors.Is(err, projector.ErrNothingToDiscard) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.recounted("afterwards")
}
