package blackbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// models are the directories of read models under the service's data directory.
func (s *Service) models(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.Dir, "models"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "model-") {
			names = append(names, e.Name())
		}
	}
	return names
}

// rebuilding is the read model that the status says is rebuilt or waits.
func (w *World) rebuilding() string {
	w.t.Helper()
	name, _ := w.admin().get("/v1/admin/replay/status").want(200).object()["checkpoint"].(obj)["rebuilding"].(string)
	return name
}

func TestWhatIsHeldIsToldAndGivenUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	video := newID()
	for range 3 {
		w.service().views(video)
	}
	w.replay("status").exits(exitFine).says("needed         from message ", "the checkpoint of the model that serves")
	w.replay("rebuild", "--hold", "--reason", "r").exits(exitFine).says("switched       no")
	w.replay("status").exits(exitFine).says("on by model-000002, which waits to be accepted since ")
	if needed := w.metric(`tidemark_log_needed_sequence\{by="held"\}`); needed < 3 { // what was folded of it before
		t.Errorf("by the metric it needs message %v", needed)
	}
	w.replay("rebuild", "--discard", "--reason", "the old count stays", "--idempotency-key", "k-1").exits(exitFine).says("discarded      model-000002", "needed         from message ")
	w.replay("rebuild", "--discard", "--reason", "the old count stays", "--idempotency-key", "k-1").exits(exitFine).says("discarded      model-000002") // the first one's answer
	if names := s.models(t); len(names) != 1 || w.rebuilding() != "" {
		t.Errorf("left: %v, rebuilding %q", names, w.rebuilding())
	}
	w.admin().post("/v1/admin/replay/discard", obj{"reason": "r"}).want(409)
	entries := w.admin().get("/v1/admin/audit?action=replay.discard").want(200).list("entries")
	if len(entries) != 2 || entries[0]["reason"] != "the old count stays" || !strings.Contains(canonical(entries[0]["outcome"]), "model-000002") {
		t.Errorf("audit: %v", entries)
	}
	w.replay("rebuild", "--reason", "r").exits(exitFine)
	w.replay("rebuild", "--discard", "--previous", "--reason", "the new count is right").exits(exitFine).says("discarded      model-000001")
	if names := s.models(t); len(names) != 1 {
		t.Errorf("left: %v", names)
	}
	w.replay("rebuild", "--discard", "--previous", "--reason", "r").exits(exitFault).says("there is no model that served before")
	w.replay("rebuild", "--previous", "--reason", "r").exits(exitUsage).says("does not heed --previous")
	w.wantCounts(video, counts{Views: 3})
}

// A rebuild under way is cancelled, and not discarded.
func TestRebuildUnderWayIsNotDiscarded(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	for range 50 {
		w.service().views(newID())
	}
	id := w.admin().post("/v1/admin/replay/rebuild", obj{"reason": "slowly", "events_per_second": 1}).want(202).object()["run_id"].(string)
	eventually(t, "the rebuild to begin", func() (bool, string) { return w.rebuilding() != "", "" })
	w.replay("status").exits(exitFine).says("from message 1 on by rebuild " + id + " into model-000002, which may read all of the log")
	refused := w.admin().post("/v1/admin/replay/discard", obj{"reason": "r"}).want(409)
	if !strings.Contains(string(refused.Body), id) {
		t.Errorf("%s", refused.Body)
	}
	w.admin().delete("/v1/admin/replay/runs/" + id).want(202)
	w.restful()
	if names := s.models(t); len(names) != 1 {
		t.Errorf("left: %v", names)
	}
}

// Whenever a discard is killed, the model is there as it was, and can be accepted or
// discarded, or nothing of it is.
func TestKilledDiscardLeavesTheModelOrNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	video, views := newID(), 0
	for range 40 {
		w.service().views(video)
		views++
	}
	for cycle := range 6 {
		if w.rebuilding() == "" {
			w.replayFree("rebuild", "--hold", "--reason", "r").exits(exitFine)
		}
		w.admin().post("/v1/admin/replay/discard", obj{"reason": "r"}).want(202)
		for until := time.Now().Add(time.Duration(cycle*3) * time.Millisecond); time.Now().Before(until); {
			w.service().views(video)
			views++
		}
		s.Kill()
		s.Restart(t)
		w.restful()
		held, names := w.rebuilding(), s.models(t)
		if held != "" && len(names) != 2 || held == "" && len(names) != 1 {
			t.Fatalf("cycle %d: %v are there, %q waits", cycle, names, held)
		}
		if got := w.views(video); got != views {
			t.Fatalf("cycle %d: %d views, %d were acknowledged", cycle, got, views)
		}
	}
	if w.rebuilding() == "" {
		w.replayFree("rebuild", "--hold", "--reason", "r").exits(exitFine)
	}
	w.replayFree("rebuild", "--switch", "--reason", "accepted after all").exits(exitFine).says("equal", "switched       generation")
	w.replayFree("verify").exits(exitFine).says("differences    0")
}
