package replay_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// ageFold makes a checkpoint one of an earlier version of the fold.
func ageFold(t testing.TB, dir string) {
	t.Helper()
	store, err := checkpoint.Open(dir, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	version, data := store.Latest()
	var marker map[string]json.RawMessage
	if err := json.Unmarshal(data, &marker); err != nil {
		t.Fatal(err)
	}
	marker["FoldVersion"] = json.RawMessage("0")
	if data, err = json.Marshal(marker); err != nil {
		t.Fatal(err)
	}
	nothing := func(func(key, value []byte) bool) {}
	if _, err = store.Write(context.Background(), version+1, nothing, data); err != nil {
		t.Fatal(err)
	}
}

// deaf has the audit take no entry, so that no run is begun, until hear is called.
func (s *service) deaf() (hear func()) {
	var hears atomic.Bool
	s.unaudited = func(replay.Action) error {
		if !hears.Load() {
			return errFull
		}
		return nil
	}
	return func() { hears.Store(true) }
}

// TestWhatIsHeldOfAnotherFoldKeepsNoneFromBeingRebuilt: neither it nor what serves is
// what this binary's fold makes.
func TestWhatIsHeldOfAnotherFoldKeepsNoneFromBeingRebuilt(t *testing.T) {
	s := newService(t)
	s.say(10)
	s.end()
	held := s.rebuild(replay.RebuildOptions{Hold: true}).Model
	s.stop()
	s.start() // with the same fold it waits
	if list := s.runs.List(); len(list) != 1 {
		t.Errorf("runs %+v", list)
	}
	s.stop()
	ageFold(t, filepath.Join(s.dir, "models", "model-000001"))
	ageFold(t, filepath.Join(s.dir, "models", held))
	hear := s.deaf()
	s.start()
	if from, changed := s.p.FoldChanged(); !changed || from != 0 {
		t.Errorf("what serves was made by fold %d", from)
	}
	hear()
	s.until("the model of this fold serves", func() bool { _, changed := s.p.FoldChanged(); return !changed })
	s.recounted("rebuilt")
}
