package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestModelsAreCreatedUsedSetAsideAndRemoved(t *testing.T) {
	m := Models{Dir: filepath.Join(t.TempDir(), "models")}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	current := func(want string) {
		t.Helper()
		name, path, err := m.Current()
		must(err)
		if name != want || (want != "" && path != filepath.Join(m.Dir, want)) {
			t.Fatalf("current is %q at %q, want %q", name, path, want)
		}
	}
	list := func(want ...string) {
		t.Helper()
		names, err := m.List()
		must(err)
		if !slices.Equal(names, want) {
			t.Fatalf("models %q, want %q", names, want)
		}
	}
	create := func(want string) {
		t.Helper()
		name, path, err := m.Create()
		must(err)
		if name != want || path != filepath.Join(m.Dir, want) {
			t.Fatalf("created %q at %q", name, path)
		}
	}
	list()
	current("")
	create("model-000001")
	must(m.Use("model-000001"))
	create("model-000002")
	current("model-000001")
	list("model-000001", "model-000002")
	must(m.Use("model-000002"))
	current("model-000002")
	if err := m.Remove("model-000002"); !errors.Is(err, ErrCurrent) {
		t.Fatalf("remove the current one: %v", err)
	}
	must(m.Remove("model-000001"))
	path, err := m.SetAside("model-000002", "a byte flipped", time.Unix(1_790_000_000, 0))
	must(err)
	if path != filepath.Join(m.Dir, "model-000002.damaged-1790000000") {
		t.Fatalf("set aside at %q", path)
	}
	reason, err := os.ReadFile(filepath.Join(path, "REASON"))
	if err != nil || string(reason) != "a byte flipped\n" {
		t.Fatalf("reason %q, %v", reason, err)
	}
	if _, _, err := m.Current(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("current set aside: %v", err)
	}
	create("model-000003")
	must(m.Use("model-000003"))
	current("model-000003")
	list("model-000003")
}

func TestModelsRefuseOtherNames(t *testing.T) {
	m := Models{Dir: t.TempDir()}
	for _, name := range []string{"", "..", "model-1", "model-0000001", "model-00000x", "model-000001.damaged-5", "CURRENT", "../model-000001"} {
		_, asideErr := m.SetAside(name, "", time.Unix(0, 0))
		for _, err := range []error{m.Use(name), m.Remove(name), asideErr} {
			if !errors.Is(err, ErrModelName) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	if err := m.Use("model-000009"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("use a model that is not there: %v", err)
	}
	if err := os.WriteFile(filepath.Join(m.Dir, "CURRENT"), []byte("../elsewhere\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Current(); !errors.Is(err, ErrDamaged) {
		t.Errorf("current: %v", err)
	}
}

// Several may make a model at the same time, such as a rebuild and a verification.
func TestModelsThatAreMadeAtOnceAreDifferent(t *testing.T) {
	m := Models{Dir: t.TempDir()}
	const makers, each = 8, 10
	names := make(chan string, makers*each)
	var group errgroup.Group
	for range makers {
		group.Go(func() error {
			for range each {
				name, _, err := m.Create()
				if err != nil {
					return err
				}
				names <- name
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	close(names)
	seen := map[string]bool{}
	for name := range names {
		seen[name] = true
	}
	if len(seen) != makers*each {
		t.Errorf("%d names for %d models", len(seen), makers*each)
	}
}
