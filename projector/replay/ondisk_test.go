package replay_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// little is so little memory that all that can be let go of is, at every message.
const little = 64 << 10

// onDisk begins folds on disk.
func onDisk(t testing.TB, model readmodel.Config) replay.ScratchFunc {
	cfg := projector.Config{ModelsDir: t.TempDir(), MayWrite: func() error { return nil }, Now: time.Now}
	return func(_ int, o projector.FoldOptions) (*projector.Scratch, error) {
		return projector.OpenScratch(cfg, model, little, o)
	}
}

func TestReportsOnDiskOfARealTraceAreThoseInMemory(t *testing.T) {
	t.Parallel()
	log, _ := realTrace(t)
	ring := map[events.UserID]bool{}
	for _, m := range log { // every seventh message names one of the ring
		b, err := events.ReadBatch(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		var e events.Event
		for cursor := b.Cursor(); m.Seq%7 == 0; {
			if step, _ := cursor.Next(&e); step == events.StepEnd {
				break
			}
			if d, err := events.Decode[events.VideoLike](&e); err == nil && e.Type == events.TypeVideoLiked {
				ring[d.User] = true
			}
		}
	}
	if len(ring) == 0 {
		t.Fatal("nobody is left out")
	}
	for name, q := range map[string]replay.ReportRequest{
		"all of it":    {},
		"until":        {Until: replay.Point{Seq: uint64(len(log)) / 3}},
		"without some": {ExcludeUsers: ring, Limit: 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := replay.Report(testContext(t), log, q, replay.Options{Model: modelConfig()})
			if err != nil {
				t.Fatal(err)
			}
			got, err := replay.Report(testContext(t), log, q, replay.Options{Model: modelConfig(), OnDisk: onDisk(t, modelConfig())})
			if err != nil {
				t.Fatal(err)
			}
			want.Reading, got.Reading = replay.Reading{}, replay.Reading{} // how long it took
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A rebuild that memory does not suffice for is done on disk, interrupted by the
// end of the service, gone on with, and serves from the next start on.
func TestRebuildOnDiskServesFromTheNextStartOn(t *testing.T) {
	s := newService(t)
	s.say(40)
	s.end()
	s.stop()
	s.free, s.onDisk = 240<<20, little
	s.start()
	_, err := s.runs.StartRebuild(testContext(t), replay.RebuildOptions{})
	if !errors.Is(err, replay.ErrMemory) || !strings.Contains(err.Error(), "--on-disk") {
		t.Errorf("in memory: %v", err)
	}
	id, lift := s.halts(100, replay.RebuildOptions{OnDisk: true})
	lift()
	s.goesOn(id)
	r := s.done(id, nil).Result.(*replay.RebuildResult)
	if !r.Equal || r.Switched || !r.NextStart || r.Events >= 200 || r.Digest != r.LiveDigest {
		t.Errorf("%+v", r)
	}
	s.audited("begun", "done: "+r.Model+" serves from the next start on: equal")
	generation := s.p.Snapshot().Generation()
	s.say(3)
	s.recounted("before the next start")
	s.stop()
	s.start()
	s.recounted("from the next start on")
	if s.p.Snapshot().Generation() <= generation {
		t.Error("its generation is not above the one of before")
	}
	if names := models(t, s); !cmp.Equal(names, []string{"model-000001", r.Model}) {
		t.Errorf("models %v", names)
	}
}

func TestVerifyOnDiskNamesWhatDiffers(t *testing.T) {
	s := newService(t)
	s.say(30)
	s.end()
	s.stop()
	s.onDisk = little
	s.start()
	o := replay.VerifyOptions{OnDisk: true}
	if v := s.done(s.runs.StartVerify(testContext(t), o)).Result.(*replay.VerifyResult); v.Differences.Count != 0 || v.Buckets == 0 {
		t.Errorf("%+v", v)
	}
	flipped := numbered[events.VideoID]('v', 3)
	s.inspect(func(m *readmodel.Model) { m.AddView(flipped, 0) })
	v := s.done(s.runs.StartVerify(testContext(t), o)).Result.(*replay.VerifyResult)
	if v.Differences.Count == 0 || v.Differences.Keys[0].ID != flipped.String() {
		t.Errorf("%+v", v.Differences)
	}
	s.say(1) // so that a checkpoint holds it
	s.end()
	r := s.run(s.runs.StartRebuild(testContext(t), replay.RebuildOptions{OnDisk: true}))
	if result := r.Result.(*replay.RebuildResult); !errors.Is(r.Err(), replay.ErrDiffers) || result.Differences.Count == 0 || result.NextStart {
		t.Errorf("%+v, %v", result, r.Err())
	}
	// What waits may be taken in memory as well, at once.
	if result := s.done(s.runs.StartSwitch(testContext(t), replay.SwitchOptions{Accept: true})).Result.(*replay.RebuildResult); !result.Switched {
		t.Errorf("%+v", result)
	}
	s.recounted("accepted")
	mended := s.done(s.runs.StartRepair(testContext(t), replay.RepairOptions{VerifyOptions: o})).Result.(*replay.RepairResult)
	if mended.Repaired != 0 {
		t.Errorf("%+v", mended)
	}
}

// The model of before is loaded on disk where that is asked for, and where memory
// does not suffice: it serves from the next start on, and can be left again.
func TestRollbackOnDiskServesFromTheNextStartOn(t *testing.T) {
	for name, o := range map[string]replay.RollbackOptions{"asked for": {OnDisk: true}, "memory does not suffice": {}} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.say(20)
			forth := s.rebuild(replay.RebuildOptions{})
			s.say(5)
			s.end()
			s.stop()
			s.onDisk = little
			if !o.OnDisk {
				s.free = 240 << 20
			}
			s.start()
			generation := s.p.Snapshot().Generation()
			r := s.done(s.runs.StartRollback(testContext(t), o)).Result.(*replay.RebuildResult)
			if r.Model != "model-000001" || r.Switched || !r.NextStart || !r.Equal || o.OnDisk != (r.OnDiskBecause == "") {
				t.Errorf("%+v", r)
			}
			if last := s.audit[len(s.audit)-1]; last.Kind != replay.KindRollback || !strings.Contains(last.Detail, "model-000001 serves from the next start on") {
				t.Errorf("audit: %+v", last)
			}
			s.say(3)
			s.recounted("before the next start")
			if s.p.Snapshot().Generation() != generation {
				t.Error("it serves at once")
			}
			s.stop()
			s.start()
			s.recounted("from the next start on")
			names, err := projector.ListModels(filepath.Join(s.dir, "models"))
			if err != nil || names.Current != "model-000001" || names.Previous != forth.Model || s.p.Snapshot().Generation() <= generation {
				t.Errorf("%+v at generation %d: %v", names, s.p.Snapshot().Generation(), err)
			}
			s.done(s.runs.StartRollback(testContext(t), replay.RollbackOptions{OnDisk: true}))
			s.stop()
			s.start()
			s.recounted("and forth")
		})
	}
}

// A way back that waits for the next start stays a way back, whatever comes between.
func TestRollbackThatWaitsIsNotRemovedWithWhatReplacesIt(t *testing.T) {
	s := newService(t)
	s.say(20)
	s.rebuild(replay.RebuildOptions{})
	onDisk := func() {
		t.Helper()
		s.done(s.runs.StartRollback(testContext(t), replay.RollbackOptions{OnDisk: true}))
	}
	// Given up, it can be gone back to all the same; at once, no start takes it any more.
	onDisk()
	if d := s.done(s.runs.StartDiscard(testContext(t), replay.DiscardOptions{})).Result.(*replay.DiscardResult); d.Model != "model-000001" || d.Needed.By == projector.NeededByNext {
		t.Errorf("%+v", d)
	}
	onDisk()
	if r := s.done(s.runs.StartRollback(testContext(t), replay.RollbackOptions{})).Result.(*replay.RebuildResult); r.Model != "model-000001" || !r.Switched {
		t.Errorf("%+v", r)
	}
	if _, err := s.p.Unserved(); !errors.Is(err, projector.ErrNothingToDiscard) {
		t.Error(err)
	}
	s.done(s.runs.StartRollback(testContext(t), replay.RollbackOptions{})) // and forth: NEXT must not name what serves no more
	s.stop()
	s.start()
	if names, err := projector.ListModels(filepath.Join(s.dir, "models")); err != nil || names.Current != "model-000002" || names.Previous != "model-000001" {
		t.Errorf("%+v %v", names, err)
	}
	// One that is held waits on while another is gone back to on disk.
	held := s.rebuild(replay.RebuildOptions{Hold: true})
	onDisk()
	if name, err := s.p.Unserved(); err != nil || name != held.Model {
		t.Errorf("%s is held, and %q waits, %v", held.Model, name, err)
	}
	s.stop()
	s.start()
	s.recounted("from the next start on")
	if name, err := s.p.Unserved(); err != nil || name != held.Model {
		t.Errorf("%s is held, and %q waits, %v", held.Model, name, err)
	}
}
