package writing

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

func environment(t *testing.T) *scenario.Env {
	t.Helper()
	// PostgreSQL, which runs as a user of its own, must get through.
	dir, err := os.MkdirTemp("", "writing-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // an error here spoils no result
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	env := &scenario.Env{
		Size: scenario.Smoke, Rounds: 2, GOGC: "100", Dir: dir, Logger: slog.New(slog.DiscardHandler),
		Tidemark: filepath.Join(dir, "tidemark"), Peers: filepath.Join(dir, "peers"),
	}
	for _, build := range []struct{ from, target, binary string }{
		{"../..", "./cmd/tidemark", env.Tidemark}, {"..", "./peers", env.Peers},
	} {
		command := exec.Command("go", "build", "-trimpath", "-o", build.binary, build.target)
		command.Dir, command.Env = build.from, append(os.Environ(), "CGO_ENABLED=0")
		if said, err := command.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", build.target, err, said)
		}
	}
	t.Chdir("..") // where the benchmark runs
	return env
}

func TestWhatIsWrittenIsMeasuredAndThere(t *testing.T) {
	env := environment(t)
	for _, group := range []scenario.Group{Group(), IngestGroup()} {
		for _, s := range group.Scenarios {
			rows, err := s.Run(t.Context(), env)
			if err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
			for _, r := range rows {
				t.Log(s.Name, r.Subject, r.Figures)
			}
			for _, ratio := range result.Judge(s.Goals, rows) {
				t.Log(ratio.What, ratio.Value, ratio.Missing)
			}
		}
		if group.Close != nil {
			if err := group.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Log("missing:", env.Missing())
}
