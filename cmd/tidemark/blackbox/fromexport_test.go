package blackbox

import (
	"path/filepath"
	"testing"
)

// A rebuild from an export is killed half way. The start goes on with it, and with
// the export.
func TestKilledRebuildFromAnExportIsGoneOnWith(t *testing.T) {
	t.Parallel()
	const views = 80
	s := start(t)
	w := worldOf(t, s)
	video := newID()
	for range views {
		w.service().views(video)
	}
	w.replay("export", filepath.Join(s.Dir, "exports", "all")).exits(exitFine)
	(&script{w: w}).trim("70")
	w.admin().post("/v1/admin/replay/rebuild", obj{"reason": "slowly", "from_export": []string{"all"}, "events_per_second": 50}).want(202)
	w.midRebuild()
	s.Kill()
	s.Restart(t)
	eventually(t, "the rebuild to switch", func() (bool, string) {
		run := w.admin().get("/v1/admin/replay/runs").want(200).list("runs")[0]
		result, _ := run["result"].(obj)
		return run["state"] == "done" && result["switched"] == true && result["equal"] == true, canonical(run)
	})
	if got := w.views(video); got != views {
		t.Errorf("%d views, %d were acknowledged", got, views)
	}
}
