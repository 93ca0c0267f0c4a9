package blackbox

import (
	"fmt"
	"testing"
	"time"
)

// restful waits until no run is under way.
func (w *World) restful() {
	w.t.Helper()
	eventually(w.t, "the runs to end", func() (bool, string) {
		for _, run := range w.admin().get("/v1/admin/replay/runs").want(200).list("runs") {
			if run["state"] == "running" {
				return false, canonical(run)
			}
		}
		return true, ""
	})
}

// midRebuild waits until the rebuild that was begun last has folded something.
func (w *World) midRebuild() {
	w.t.Helper()
	eventually(w.t, "the rebuild to have folded something", func() (bool, string) {
		run := w.admin().get("/v1/admin/replay/runs").want(200).list("runs")[0]
		if run["state"] != "running" {
			w.t.Fatalf("it ended before it could be killed: %s", canonical(run))
		}
		folded, _ := run["progress"].(obj)["events"].(float64)
		return folded > 0, canonical(run)
	})
}

// A rebuild, its switch and a rollback are killed wherever they are. After each
// start what was begun is gone on with, nothing acknowledged is missing, no view
// counts twice, and the next rebuild can be begun.
func TestKilledRebuildsAndRollbacksLeaveAServiceThatIsRight(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.expects = `msg="run failed"` // there may be nothing to go back to
	w := worldOf(t, s)
	video, views := newID(), 0
	for range 40 {
		w.service().views(video)
		views++
	}
	for cycle := range 10 {
		kind, body := "rebuild", obj{"reason": fmt.Sprint("cycle ", cycle)}
		if cycle%3 == 2 {
			kind = "rollback"
		}
		eventually(t, "a run to begin", func() (bool, string) { // the start may just go on with what was begun
			a := w.admin().post("/v1/admin/replay/"+kind, body).wantOneOf(202, 409)
			return a.Status == 202, string(a.Body)
		})
		for until := time.Now().Add(time.Duration(cycle*12) * time.Millisecond); time.Now().Before(until); {
			w.service().views(video)
			views++
		}
		s.Kill()
		s.Restart(t)
		w.restful()
		if got := w.views(video); got != views {
			t.Fatalf("cycle %d: %d views, %d were acknowledged", cycle, got, views)
		}
	}
	w.replayFree("rebuild", "--reason", "the last").exits(exitFine).says("equal", "switched")
	w.replayFree("rebuild", "--rollback", "--reason", "and back").exits(exitFine).says("switched")
	w.replayFree("verify").exits(exitFine).says("differences    0")
	if got := w.views(video); got != views {
		t.Fatalf("%d views, %d were acknowledged", got, views)
	}
}

// A rebuild on disk that is killed half way is gone on with by the next start, and
// serves from the one after that.
func TestKilledRebuildOnDiskIsGoneOnWith(t *testing.T) {
	t.Parallel()
	const views = 80
	s := start(t)
	w := worldOf(t, s)
	video := newID()
	for range views {
		w.service().views(video)
	}
	w.admin().post("/v1/admin/replay/rebuild", obj{"reason": "slowly", "on_disk": true, "events_per_second": 15}).want(202)
	w.midRebuild()
	s.Kill()
	s.Restart(t)
	eventually(t, "what was killed to be gone on with, to its end", func() (bool, string) {
		run := w.admin().get("/v1/admin/replay/runs").want(200).list("runs")[0]
		return run["kind"] == "rebuild" && run["state"] == "done", canonical(run)
	})
	s.Kill()
	s.Restart(t)
	if got := w.views(video); got != views {
		t.Errorf("%d views, %d were acknowledged", got, views)
	}
	w.replayFree("verify", "--on-disk").exits(exitFine).says("differences    0")
}
