package replay_test

import (
	"path/filepath"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// snapshotsOf lists what there is, by sequence.
func snapshotsOf(s *service) map[uint64]projector.SnapshotInfo {
	s.t.Helper()
	list, err := projector.ListSnapshots(projector.SnapshotsDir(filepath.Join(s.dir, "models")))
	if err != nil {
		s.t.Fatal(err)
	}
	found := map[uint64]projector.SnapshotInfo{}
	for _, info := range list {
		found[info.Seq] = info
	}
	return found
}

// miscount has the serving model count views that no event says, as a fold that is
// wrong would.
func miscount(s *service, video events.VideoID) {
	s.t.Helper()
	s.end() // nothing is looked up ahead of the fold meanwhile
	s.inspect(func(m *readmodel.Model) {
		for range 1000 {
			m.AddView(video, 0)
		}
		m.SetGeneration(m.Snapshot().Generation())
	})
	s.say(1)
}

// TestSnapshotsOfAModelThatWasWrongAreDistrusted once it is mended or replaced; those
// that were compared before are not, and those taken since are not.
func TestSnapshotsOfAModelThatWasWrongAreDistrusted(t *testing.T) {
	for name, end := range map[string]func(*service){
		"repair": func(s *service) {
			r := s.done(s.runs.StartRepair(testContext(s.t), replay.RepairOptions{})).Result.(*replay.RepairResult)
			if r.Repaired == 0 {
				s.t.Error("nothing was repaired")
			}
		},
		"accepted rebuild": func(s *service) {
			if r := s.rebuild(replay.RebuildOptions{Accept: true}); r.Equal || !r.Switched {
				s.t.Errorf("the rebuild came to %+v", r)
			}
		},
		"accepted rebuild on disk": func(s *service) {
			if r := s.rebuild(replay.RebuildOptions{Accept: true, OnDisk: true}); r.Equal || !r.NextStart {
				s.t.Errorf("the rebuild came to %+v", r)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, func(s *service) { s.snapshots = 10 })
			s.say(30)
			compared := s.snapshot().Seq
			s.done(s.runs.StartVerify(testContext(t), replay.VerifyOptions{}))
			video := numbered[events.VideoID]('v', 3)
			miscount(s, video)
			wrong := s.snapshot().Seq
			at := func(seq uint64) (views int64, snapshot uint64) {
				r := s.done(s.runs.StartAt(testContext(t), replay.Order{}, replay.AtRequest{At: replay.Point{Seq: seq}, Videos: []events.VideoID{video}})).Result.(*replay.CountsAt)
				return r.Videos[0].Views, r.Span.Snapshot
			}
			if views, snapshot := at(wrong); views < 1000 || snapshot != wrong {
				t.Fatalf("%d views from snapshot %d: the damage is not in the snapshot", views, snapshot)
			}
			end(s)
			s.stop() // what is known of them outlives the process
			s.start()
			s.recounted("after the " + name)
			found := snapshotsOf(s)
			if found[wrong].Distrusted == "" || !found[wrong].ComparedAt.IsZero() {
				t.Errorf("snapshot of the wrong model: %+v", found[wrong])
			}
			if found[compared].Distrusted != "" || found[compared].ComparedAt.IsZero() {
				t.Errorf("snapshot that was compared: %+v", found[compared])
			}
			if views, snapshot := at(wrong); views > 100 || snapshot != compared {
				t.Errorf("%d views from snapshot %d, want it from %d", views, snapshot, compared)
			}
			s.say(2)
			fresh := s.snapshot()
			if fresh.Distrusted != "" {
				t.Errorf("the snapshot taken since: %+v", fresh)
			}
			s.done(s.runs.StartVerify(testContext(t), replay.VerifyOptions{}))
			if info := snapshotsOf(s)[fresh.Seq]; info.ComparedAt.IsZero() {
				t.Errorf("the snapshot taken since was not compared: %+v", info)
			}
			if r := s.rebuild(replay.RebuildOptions{FromSnapshot: true}); r.Base.Snapshot != fresh.Seq || !r.Equal {
				t.Errorf("a rebuild begins with %+v, equal: %t", r.Base, r.Equal)
			}
		})
	}
}

// TestASnapshotIsNotComparedWithItself: what begins with a snapshot that was not
// compared says nothing of that.
func TestASnapshotIsNotComparedWithItself(t *testing.T) {
	s := newService(t, func(s *service) { s.snapshots = 10 })
	s.say(10)
	seq := s.snapshot().Seq
	verify := func(o replay.VerifyOptions) {
		if r := s.done(s.runs.StartVerify(testContext(t), o)).Result.(*replay.VerifyResult); r.Differences.Count > 0 {
			t.Error(r.Differences)
		}
	}
	verify(replay.VerifyOptions{FromSnapshot: true})
	if info := snapshotsOf(s)[seq]; !info.ComparedAt.IsZero() {
		t.Errorf("it was compared with itself: %+v", info)
	}
	verify(replay.VerifyOptions{})
	if info := snapshotsOf(s)[seq]; info.ComparedAt.IsZero() {
		t.Errorf("it was not compared: %+v", info)
	}
}

// TestSnapshotsAreTakenAgainWhereNoStartTakesWhatWasAccepted: what was rebuilt on disk
// and accepted is given up, or something else serves before the next start.
func TestSnapshotsAreTakenAgainWhereNoStartTakesWhatWasAccepted(t *testing.T) {
	discard := func(s *service) {
		s.done(s.runs.StartDiscard(testContext(s.t), replay.DiscardOptions{}))
	}
	accepted := func(s *service, onDisk bool) {
		if r := s.rebuild(replay.RebuildOptions{Accept: true, OnDisk: onDisk}); r.Equal || r.NextStart != onDisk {
			s.t.Errorf("the rebuild came to %+v", r)
		}
	}
	for name, end := range map[string]func(*service){
		"given up":            discard,
		"another serves":      func(s *service) { accepted(s, false) },
		"another is given up": func(s *service) { accepted(s, true); discard(s) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, func(s *service) { s.snapshots = 10 })
			s.say(10)
			miscount(s, numbered[events.VideoID]('v', 3))
			accepted(s, true)
			end(s)
			if fresh := s.laterSnapshot(); fresh.Distrusted != "" {
				t.Errorf("the snapshot taken since: %+v", fresh)
			}
		})
	}
}

// TestARollbackTrustsTheSnapshotsOfTheModelThatItGoesBackTo: wrong is what was taken
// since another served.
func TestARollbackTrustsTheSnapshotsOfTheModelThatItGoesBackTo(t *testing.T) {
	for _, onDisk := range []bool{false, true} {
		s := newService(t, func(s *service) { s.snapshots = 100 })
		s.say(10)
		before := s.snapshot().Seq
		s.say(5)
		s.rebuild(replay.RebuildOptions{FromSnapshot: true}) // so that none is compared
		miscount(s, numbered[events.VideoID]('v', 3))
		wrong := s.laterSnapshot().Seq
		if r := s.done(s.runs.StartRollback(testContext(t), replay.RollbackOptions{OnDisk: onDisk})).Result.(*replay.RebuildResult); r.Equal {
			t.Errorf("the rollback came to %+v", r)
		}
		found := snapshotsOf(s)
		if info, there := found[before]; !there || info.Distrusted != "" || !info.ComparedAt.IsZero() {
			t.Errorf("snapshot of the model that it goes back to: %+v", info)
		}
		if found[wrong].Distrusted == "" {
			t.Errorf("snapshot of the model that it leaves: %+v", found[wrong])
		}
	}
}
