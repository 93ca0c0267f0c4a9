package blackbox

import (
	"path/filepath"
	"testing"
)

// TestTheStatusOfAStoppedService is read from its data directory: what is not folded
// yet, checkpoints, snapshots, dead letters and the last runs.
func TestTheStatusOfAStoppedService(t *testing.T) {
	t.Parallel()
	s := start(t, "--snapshot-interval", "1ns", "--checkpoint-interval", "1h")
	w := worldOf(t, s)
	video := newID()
	w.service().views(video)
	w.service().views(video)
	w.replay("verify").exits(exitFine) // checkpoints, and so takes a snapshot
	w.hasSnapshot(3)
	w.replay("status").exits(exitFine).says("messages 1 to 4", "snapshots      message ", " bytes, whole 2", "models         model-000001", "verify done")
	w.replay("verify", "--from-snapshot").exits(exitFine)
	w.hasSnapshot(5)
	w.replay("status").exits(exitFine).says(" bytes, whole 2")
	w.replay("verify").exits(exitFine)
	w.hasSnapshot(7)
	w.replay("status").exits(exitFine).says(", compared with the log 2")
	w.service().views(video)
	w.replay("status", "--offline", "--data-dir", s.Dir).exits(exitFault).says("in use")
	run := w.admin().get("/v1/admin/replay/runs").want(200).object()["runs"].([]any)[0].(obj)["run_id"].(string)
	w.replay("cancel", run).exits(exitFine).says("has ended already: done")
	s.Kill() // how the last verification ended, and what was viewed after it, is in no checkpoint
	cli(t, "replay", "status", "--offline", "--data-dir", s.Dir).exits(exitFine).says(
		"messages 1 to 9", "folded         7.0, 7 events", "lag            2 events", "checkpoint     message 7, written 2", "snapshots      message 7, taken 2",
		"dead letters   0", "verify done")
	status := cli(t, "replay", "status", "--offline", "--data-dir", s.Dir, "--json").exits(exitFine).json()
	if folded, runs := status["folded"].(obj), status["runs"].([]any); folded["lag_events"] != 2.0 || len(runs) != 3 {
		t.Errorf("%v", status)
	}
	s.Restart(t)
	w = worldOf(t, s)
	w.wantCounts(video, counts{Views: 3})
	w.replay("runs").exits(exitFine).says("verify done")
}

// TestTheStatusOfALogThatNothingFoldedYet counts what waits in it.
func TestTheStatusOfALogThatNothingFoldedYet(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t))
	w.service().views(newID())
	exported, copied := filepath.Join(t.TempDir(), "exported"), t.TempDir()
	w.replay("export", exported).exits(exitFine)
	cli(t, "replay", "import", exported, "--data-dir", copied).exits(exitFine)
	cli(t, "replay", "status", "--offline", "--data-dir", copied).exits(exitFine).says(
		"lag            1 events", "nothing was checkpointed yet")
}
