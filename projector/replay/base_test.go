package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// trimmed is a service of 30 record batches, with a snapshot of the first 100
// messages, whose source begins behind them.
func trimmed(t *testing.T) *service {
	s := newService(t, func(s *service) { s.snapshots = 5 })
	s.say(20)
	info := s.snapshot()
	s.say(10)
	s.end()
	s.stop()
	s.snapshots = 0
	s.source = replay.Join(kept(mustRead(t, s.source)[info.Seq-1:]), replay.FromLog(s.log))
	s.start()
	return s
}

func TestRebuildAndVerifyBeginWithASnapshotWhereTheLogWasTrimmed(t *testing.T) {
	s := trimmed(t)
	v := s.verify()
	if v.Base == nil || v.Base.Snapshot != 100 || v.First != 101 || v.Events != 50 || v.Differences.Count != 0 {
		t.Errorf("%+v begins with %+v", v, v.Base)
	}
	r := s.rebuild(replay.RebuildOptions{})
	if r.Base == nil || r.Base.Snapshot != 100 || r.Events < 50 || !r.Equal || !r.Switched {
		t.Errorf("%+v begins with %+v", r, r.Base)
	}
	if run := s.runs.List()[0]; run.Progress.Base == nil || run.Progress.Base.Snapshot != 100 {
		t.Errorf("its progress says %+v", run.Progress)
	}
	s.recounted("rebuilt from a snapshot")

	// What happened behind the snapshot is found, and mended.
	s.inspect(func(m *readmodel.Model) { m.AddView(numbered[events.VideoID]('v', 25), 0) })
	if v := s.verify(); v.Differences.Count == 0 {
		t.Error("a view that no event says is not found")
	}
	mended := s.done(s.runs.StartRepair(testContext(t), replay.RepairOptions{})).Result.(*replay.RepairResult)
	if mended.Base == nil || mended.Base.Snapshot != 100 || mended.Repaired == 0 {
		t.Errorf("%+v", mended)
	}
	s.recounted("mended from a snapshot")
}

func TestFromSnapshotIsToldToAndSaysWhichItTook(t *testing.T) {
	s := newService(t)
	s.say(3)
	s.end()
	if _, err := s.runs.StartVerify(testContext(t), replay.VerifyOptions{FromSnapshot: true}); !errors.Is(err, replay.ErrNoSnapshot) {
		t.Errorf("from a snapshot where none is: %v", err)
	}
	s.stop()
	s.snapshots = 5
	s.start()
	s.say(1)
	first := s.snapshot()
	s.say(1)
	second := s.snapshot()
	s.stop()
	s.snapshots = 0 // else what follows takes nearer ones
	s.start()
	s.say(1)
	s.end()
	if v := s.verify(); v.Base == nil || v.Base.Snapshot != 0 || v.First != 1 {
		t.Errorf("not told to: %+v begins with %+v", v, v.Base)
	}
	r := s.rebuild(replay.RebuildOptions{FromSnapshot: true, Hold: true})
	if r.Base == nil || r.Base.Snapshot != second.Seq || r.Events < 5 || r.Events > 6 {
		t.Errorf("%+v begins with %+v", r, r.Base)
	}
	r = s.done(s.runs.StartSwitch(testContext(t), replay.SwitchOptions{})).Result.(*replay.RebuildResult)
	if r.Base == nil || r.Base.Snapshot != second.Seq || !r.Switched {
		t.Errorf("gone on with: %+v began with %+v", r, r.Base)
	}
	// One whose digest does not hold, and one of another fold.
	flipFiles(t, second.Path)
	r = s.rebuild(replay.RebuildOptions{FromSnapshot: true})
	if r.Base == nil || r.Base.Snapshot != first.Seq || len(r.Base.PassedOver) != 1 || !strings.Contains(r.Base.PassedOver[0], "snapshot of message 25") {
		t.Errorf("%+v begins with %+v", r, r.Base)
	}
	flipFiles(t, first.Path)
	if ended := s.run(s.runs.StartVerify(testContext(t), replay.VerifyOptions{FromSnapshot: true})); !errors.Is(ended.Err(), replay.ErrNoSnapshot) {
		t.Errorf("from damaged snapshots: %+v", ended)
	}
	if names := models(t, s); len(names) != 3 { // current, previous, snapshots
		t.Errorf("left behind: %v", names)
	}
}

func TestUncoveredLogIsRefusedWithWhatIsWrongWithEachSnapshot(t *testing.T) {
	s := trimmed(t)
	s.stop()
	s.source = kept(mustRead(t, s.source)[10:])
	s.start()
	_, err := s.runs.StartVerify(testContext(t), replay.VerifyOptions{})
	if !errors.Is(err, replay.ErrNotCovered) || !strings.Contains(err.Error(), "the log goes on at message 110") {
		t.Error(err)
	}
}

// flipFiles changes a bit in each file of a table, and not in the checkpoint's that
// it may be a name of.
func flipFiles(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.flat"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := errors.Join(os.Remove(file), os.WriteFile(file, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// Of a log that was trimmed the beginning lies in the archive, and that is said.
func TestRunsSayWhatTheyReadFromTheArchive(t *testing.T) {
	s := newService(t, func(s *service) { s.snapshots = 5 })
	s.say(4)
	info := s.snapshot()
	s.say(4)
	s.end()
	s.stop()
	s.alone = kept(mustRead(t, s.source)[29:])
	s.snapshots = 0
	s.start()
	says := func(b *replay.Base, want string) {
		t.Helper()
		if b == nil || b.String() != want {
			t.Errorf("begun with %v, want %s", b, want)
		}
	}
	const all = "the archive from its beginning to message 29, and the log behind it"
	says(s.verify().Base, all)
	says(s.rebuild(replay.RebuildOptions{Hold: true}).Base, all)
	says(s.done(s.runs.StartSwitch(testContext(t), replay.SwitchOptions{})).Result.(*replay.RebuildResult).Base, all)
	if info.Seq != 20 {
		t.Fatal(info)
	}
	says(s.rebuild(replay.RebuildOptions{FromSnapshot: true}).Base, "the snapshot of message 20, the archive up to message 29, and the log behind it")
	s.stop()
	s.alone = kept(mustRead(t, s.source)[19:])
	s.start()
	says(s.rebuild(replay.RebuildOptions{FromSnapshot: true}).Base, "the snapshot of message 20, and the log behind it")
}
