package blackbox

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAnOperatorLooksBack asks one service all that looks back, and moves its
// log to another machine.
func TestAnOperatorLooksBack(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t))
	video, user, spammer := newID(), w.user(), w.user()
	for range 3 {
		user.post("/v1/videos/"+video+"/views", obj{}).want(202)
	}
	user.put("/v1/videos/"+video+"/like", obj{}).want(202)
	spammer.put("/v1/videos/"+video+"/like", obj{}).want(202)
	end := w.admin().get("/v1/admin/replay/status").want(200).object()["log"].(obj)["last_sequence"].(float64)
	if end != 5 {
		t.Fatalf("the log ends at %v", end)
	}
	x := w.replay("explain", "video", video, "--json").exits(exitFine).json()
	if shown := x["video"].(obj); shown["view_count"] != 3.0 || shown["like_count"] != 2.0 || len(x["events"].([]any)) != 5 {
		t.Errorf("explained as %v", x)
	}
	w.replay("explain", "video", video).exits(exitFine).says("views 3, likes 2", "video.liked", "counts")
	w.replay("at", "--position", "2", "video", video).exits(exitFine).says("after message 2", video)
	w.replay("diff", "--from", "3", "video", video).exits(exitFine).says("from message 3 to message ", "2 (+2)")
	w.replay("diff", "--from", "1", "--by", "views", "--top", "3").exits(exitFine).says("1 videos moved", "3 (+2)")
	list := filepath.Join(t.TempDir(), "spam")
	if err := os.WriteFile(list, []byte(spammer.ID+" # spam\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.replay("rebuild", "--exclude-users", list).exits(exitFine).says("left out       1 events; 1 videos", "1 (-1)")
	w.replay("rebuild", "--until", "2").exits(exitFine).says("views 2, likes 0")
	for _, format := range []string{"messages", "parquet"} {
		dir, data := filepath.Join(t.TempDir(), "export"), filepath.Join(t.TempDir(), "data")
		w.replay("export", dir, "--to", "5", "--format", format).exits(exitFine).says("messages 1 to 5, 5 events")
		cli(t, "replay", "import", dir, "--data-dir", data).exits(exitFine).says("messages 1 to 5, 5 events")
		cli(t, "replay", "import", dir, "--data-dir", data).exits(exitFine) // nothing is left to do
		cli(t, "replay", "explain", "video", video, "--data-dir", data, "--offline").exits(exitFine).says("views 3, likes 2")
	}
	for name, args := range map[string][]string{
		"--time or --position": {"at", "video", video},
		"names nothing":        {"explain", "video", "x"},
		"no position":          {"diff", "--from", "yesterday"},
		"--top is":             {"diff", "--from", "1", "--top", "0"},
		"--views is":           {"explain", "video", video, "--views=-1"},
		"--throttle is":        {"verify", "--throttle=-1"},
		"--limit is":           {"dead-letters", "list", "--limit", "0"},
		"positions name":       {"dead-letters", "drop", "1.0", "--type", "video.viewed", "--reason", "r"},
	} {
		w.replay(args...).exits(exitUsage).says(name)
	}
	w.replay("at", "--position", "1000", "video", video).exits(exitFault).says("behind the end")
	admin := w.admin()
	for path, body := range map[string]obj{
		"explain": {"entity": "video:x"}, "at": {"at": "1"}, "diff": {"from": "x"}, "report": {"limit": 0},
	} {
		admin.post("/v1/admin/replay/"+path, body).want(422)
	}
	admin.get("/v1/admin/replay/export?from=x").want(422)
}
