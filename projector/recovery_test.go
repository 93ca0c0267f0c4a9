package projector

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// models returns the names in the models' directory.
func (w *world) models() (current string, names []string) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.path("models"), "CURRENT"))
	if err != nil {
		w.t.Fatal(err)
	}
	entries, err := os.ReadDir(w.path("models"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			stem, _, aside := strings.Cut(e.Name(), ".")
			if aside {
				stem += " aside"
			}
			names = append(names, stem)
		}
	}
	return strings.TrimSpace(string(b)), names
}

// rebuilt checks that a rebuild beside the old model took its place.
func (w *world) rebuilt(what, because string) {
	w.t.Helper()
	w.equal(what)
	if n := w.p.Stats().Rebuilds; n != 1 {
		w.t.Errorf("%s: %d rebuilds", what, n)
	}
	if !strings.Contains(w.p.rebuilt, because) {
		w.t.Errorf("%s: rebuilt because %q", what, w.p.rebuilt)
	}
	if err := w.p.Ready(); err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
	generation := w.p.Snapshot().Generation()
	w.stop()
	current, names := w.models()
	if got := fmt.Sprint(current, names); got != "model-000002[model-000001 aside model-000002]" || generation < 2 {
		w.t.Errorf("%s: models are %s, generation %d", what, got, generation)
	}
	w.start()
	if n := w.p.Stats().Rebuilds; n != 0 || w.p.Snapshot().Generation() != generation {
		w.t.Errorf("%s: %d rebuilds at the next start, generation %d", what, n, w.p.Snapshot().Generation())
	}
	w.equal(what + ", next start")
}

func (w *world) copyLog(from, to string) {
	w.t.Helper()
	if err := errors.Join(os.RemoveAll(w.path(to)), os.CopyFS(w.path(to), os.DirFS(w.path(from)))); err != nil {
		w.t.Fatal(err)
	}
}

// loseTail makes a log whose last messages were checkpointed and are gone.
func loseTail(t *testing.T) *world {
	w := newWorld(t)
	w.openLog("log")
	w.commits(0, 10)
	w.closeLog()
	w.copyLog("log", "old")
	w.openLog("log")
	w.start()
	w.commits(10, 10)
	w.equal("before the loss")
	w.stop()
	w.closeLog()
	w.copyLog("old", "log")
	w.openLog("log")
	return w
}

func TestLostTailIsRebuilt(t *testing.T) {
	w := loseTail(t)
	if err := w.restore(); err != nil {
		t.Fatal(err)
	}
	if err := w.p.Ready(); err == nil || !strings.Contains(err.Error(), "rebuilding from the log because the log has lost its tail") {
		t.Errorf("while rebuilding: %v", err)
	}
	w.run()
	w.rebuilt("lost tail", "the log has lost its tail: it ends at message 10, message 20 was folded")
}

func TestSequenceNumbersUsedAgainAreFound(t *testing.T) {
	w := loseTail(t)
	for range 12 {
		w.commit("video.viewed v9")
	}
	w.start()
	w.rebuilt("numbers used again", "message 20 of the log is not the one that was folded")
}

func TestForeignLogStopsTheStart(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 3)
	w.equal("before")
	w.stop()
	w.closeLog()
	w.openLog("another")
	err := w.restore()
	if !errors.Is(err, ErrForeignLog) || !strings.Contains(err.Error(), "Put the right log back") {
		t.Errorf("foreign log: %v", err)
	}
	w.closeLog()
	w.openLog("log")
	w.start()
	w.equal("with the right log again")
}

func TestDamagedCheckpointIsRebuiltAndSetAside(t *testing.T) {
	damage := func(pattern string, how func([]byte) []byte) func(t *testing.T, model string) {
		return func(t *testing.T, model string) {
			files, err := filepath.Glob(filepath.Join(model, pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("%s: %v %v", pattern, files, err)
			}
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(f, how(b), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 0x10; return b }
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	for name, harm := range map[string]func(t *testing.T, model string){
		"flipped byte in a table":  damage("*.sst", flip),
		"table cut short":          damage("*.sst", cut),
		"flipped byte in MANIFEST": damage("MANIFEST", flip),
	} {
		t.Run(name, func(t *testing.T) {
			w := startWorld(t)
			w.commits(0, 10)
			w.equal("before")
			w.stop()
			harm(t, filepath.Join(w.path("models"), "model-000001"))
			w.start()
			w.rebuilt(name, "damaged")
		})
	}
}

func TestLostModelsAreRebuilt(t *testing.T) {
	for name, harm := range map[string]func(models string) error{
		"all deleted":     os.RemoveAll,
		"model deleted":   func(models string) error { return os.RemoveAll(filepath.Join(models, "model-000001")) },
		"CURRENT deleted": func(models string) error { return os.Remove(filepath.Join(models, "CURRENT")) },
		"CURRENT garbled": func(models string) error { return os.WriteFile(filepath.Join(models, "CURRENT"), []byte("x"), 0o600) },
		"model emptied": func(models string) error {
			return errors.Join(os.RemoveAll(filepath.Join(models, "model-000001")), os.Mkdir(filepath.Join(models, "model-000001"), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := startWorld(t)
			w.commits(0, 10)
			w.equal("before")
			w.stop()
			if err := harm(w.path("models")); err != nil {
				t.Fatal(err)
			}
			w.start()
			w.equal(name)
			w.stop()
			_, names := w.models()
			if strings.HasPrefix(name, "CURRENT") && fmt.Sprint(names) != "[model-000001 aside model-000002]" {
				t.Errorf("models: %s", names)
			}
			w.start()
			w.equal(name + ", next start")
			if n := w.p.Stats().Messages; n != 0 {
				t.Errorf("%d messages were folded again", n)
			}
		})
	}
}

func TestUnfinishedRebuildIsBegunAgain(t *testing.T) {
	w := loseTail(t)
	if err := w.restore(); err != nil { // makes the second model
		t.Fatal(err)
	}
	w.p.Close()
	w.start()
	w.rebuilt("second try", "lost its tail")
}
