package blackbox

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// trail is what the audit has of an action, oldest first: who, why, and what came of it.
func (w *World) trail(action string) (trail []obj) {
	w.t.Helper()
	list := w.admin().get("/v1/admin/audit?action=" + action).want(200).list("entries")
	slices.Reverse(list)
	return list
}

// Who asks for a run, an export or the end of a run is in the audit with what was
// asked for, and so is what came of it. Whoever only looks at runs is not.
func TestReplayCommandsAreAudited(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	video, viewer := newID(), w.user()
	for range 3 {
		viewer.views(video)
	}
	outcome := func(e obj) obj { return e["outcome"].(obj) }
	w.replay("rebuild", "--reason", "why not", "--throttle", "1000000").exits(exitFine)
	list := w.trail("replay.rebuild")
	if len(list) != 2 || outcome(list[0])["state"] != "begun" || canonical(outcome(list[0])["request"]) != `{"events_per_second":1000000}` ||
		outcome(list[1])["state"] != "done" || outcome(list[1])["run_id"] != outcome(list[0])["run_id"] || list[1]["reason"] != "why not" {
		t.Errorf("rebuild: %v", list)
	}
	w.replay("verify").exits(exitFine)
	if list := w.trail("replay.verify"); len(list) != 2 || outcome(list[1])["detail"] == "" {
		t.Errorf("verify: %v", list)
	}
	w.replay("explain", "user", viewer.ID).exits(exitFine)
	list = w.trail("replay.explain")
	if len(list) != 1 || canonical(outcome(list[0])["request"]) != fmt.Sprintf(`{"entity":"user:%s","views":20}`, viewer.ID) || canonical(list[0]["targets"]) != fmt.Sprintf("[%q]", viewer.ID) {
		t.Errorf("explain: %v", list)
	}
	if found := w.admin().get("/v1/admin/audit?target=" + viewer.ID).want(200).list("entries"); len(found) != 1 {
		t.Errorf("who looked at the user: %v", found)
	}
	w.replay("export", filepath.Join(t.TempDir(), "x"), "--from", "2000-01-01T00:00:00Z").exits(exitFine) // a time is looked for in none
	w.admin().get("/v1/admin/replay/export?from=1&to=2").want(200)
	list = w.trail("replay.export")
	if len(list) != 2 || canonical(outcome(list[0])["request"]) != `{"from":1}` && canonical(outcome(list[1])["request"]) != `{"from":1,"to":2}` {
		t.Errorf("export: %v", list)
	}
	run := w.admin().post("/v1/admin/replay/rebuild", obj{"reason": "slowly", "events_per_second": 1}).want(202).text("run_id")
	canceller := w.admin()
	canceller.do("DELETE", "/v1/admin/replay/runs/"+run, nil).want(202)
	w.restful()
	list = w.trail("replay.rebuild")
	last, cancel := list[len(list)-1], w.trail("replay.cancel")
	if outcome(last)["state"] != "cancelled" || outcome(last)["cancelled_by"] != canceller.ID || len(cancel) != 1 || outcome(cancel[0])["run_id"] != run || cancel[0]["actor"] != canceller.ID {
		t.Errorf("cancelled: %v, by %v", last, cancel)
	}
	before := w.admin().get("/v1/position").want(200).text("end")
	w.replay("runs").exits(exitFine)
	w.replay("status").exits(exitFine)
	if after := w.admin().get("/v1/position").want(200).text("end"); after != before {
		t.Error("who looks at runs writes into the log")
	}
}
