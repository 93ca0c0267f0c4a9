package blackbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMistakesAreAnsweredWithWhatToDo: what a first user does wrong.
func TestMistakesAreAnsweredWithWhatToDo(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t))
	address, dir := strings.TrimPrefix(w.s.URL, "http://"), t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cli(t).exits(exitFine).says("Usage: tidemark <command>", "serve", "replay")
	cli(t, "serve", "--data-dir", filepath.Join(dir, "a"), "--listen", address).exits(exitFault).says("give another --listen")
	cli(t, "serve", "--data-dir", filepath.Join(dir, "b"), "--listen", "127.0.0.1:0", "--ops-listen", address).exits(exitFault).says("give another --ops-listen")
	cli(t, "serve", "--data-dir", file, "--listen", "127.0.0.1:0").exits(exitFault).says("give another --data-dir")
	cli(t, "serve", "--data-dir", filepath.Join(file, "c"), "--listen", "127.0.0.1:0").exits(exitFault).says("give another --data-dir")
	cli(t, "replay", "status", "--url", address, "--jwt-secret", secret).exits(exitUsage).says("--url", "such as http://127.0.0.1:8080")
	w.replay("explain", "video", "x").exits(exitUsage).says(`"video x" names nothing: write video, job or user, and then its UUID`)
	refused := w.replay("rebuild", "--from-export", "nowhere", "--reason", "r").exits(exitFault).says("/from_export")
	if n := strings.Count(refused.stderr, "/from_export"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, refused.stderr)
	}
}

// TestNothingIsMadeWhereTheLogIsMissing: the place stays free for the backup
// that is moved there.
func TestNothingIsMadeWhereTheLogIsMissing(t *testing.T) {
	t.Parallel()
	s := start(t)
	w, video := worldOf(t, s), newID()
	w.user().views(video)
	s.Kill()
	log, away := filepath.Join(s.Dir, "jetstream"), filepath.Join(t.TempDir(), "jetstream")
	if err := os.Rename(log, away); err != nil {
		t.Fatal(err)
	}
	cli(t, "serve", "--data-dir", s.Dir, "--listen", "127.0.0.1:0").exits(exitFault).says("is gone", "Put the right log back")
	cli(t, "replay", "log", "adopt", "--data-dir", s.Dir, "--reason", "r").exits(exitFault).says("is gone")
	if err := os.Rename(away, log); err != nil {
		t.Fatalf("the backup is moved back: %v", err)
	}
	s.Restart(t)
	worldOf(t, s).wantCounts(video, counts{Views: 1})
}
