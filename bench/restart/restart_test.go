package restart

import (
	"log/slog"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tidemark-io/tidemark/bench/scenario"
)

func TestAServiceIsReadyAgainWithAllThatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "tidemark")
	build := exec.Command("go", "build", "-o", binary, "./cmd/tidemark")
	build.Dir = "../.." // the product's module
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the service: %v\n%s", err, said)
	}
	env := &scenario.Env{Size: scenario.Smoke, Rounds: 2, GOGC: "100", Dir: dir, Tidemark: binary, Logger: slog.New(slog.DiscardHandler)}
	rows, err := measure(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if len(r.Figures) != 3 {
			t.Errorf("%s has figures %v", r.Subject, r.Figures)
		}
		t.Log(r.Subject, r.Figures)
	}
}
