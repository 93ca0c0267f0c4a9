package checkpoint

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestModelsThatAreKeptBesideTheCurrentOne(t *testing.T) {
	m := Models{Dir: filepath.Join(t.TempDir(), "models")}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		_, _, err := m.Create()
		must(err)
	}
	must(m.Use("model-000001"))
	must(m.SetPrevious("model-000002"))
	must(m.SetRebuilding("model-000003", []byte(`{"how":"so"}`)))
	removed, err := m.Sweep()
	must(err)
	if !slices.Equal(removed, []string{"model-000004"}) {
		t.Errorf("swept %q", removed)
	}
	previous, err := m.Previous()
	must(err)
	rebuilding, note, err := m.Rebuilding()
	must(err)
	if previous != "model-000002" || rebuilding != "model-000003" || string(note) != `{"how":"so"}` {
		t.Errorf("previous %q, rebuilding %q with %q", previous, rebuilding, note)
	}
	must(m.EndRebuilding())
	must(m.EndRebuilding()) // a second time there is nothing to forget
	must(m.SetPrevious(""))
	removed, err = m.Sweep()
	must(err)
	if !slices.Equal(removed, []string{"model-000002", "model-000003"}) {
		t.Errorf("swept %q", removed)
	}
}

// Until Use, the way back is what it was before SetPrevious.
func TestWayBackBetweenThePreviousModelIsNamedAndTheCurrentOne(t *testing.T) {
	m := Models{Dir: filepath.Join(t.TempDir(), "models")}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		_, _, err := m.Create()
		must(err)
	}
	const first, second, third = "model-000001", "model-000002", "model-000003"
	wayBack := func(want string) {
		t.Helper()
		if got, err := m.Previous(); got != want || err != nil {
			t.Errorf("the way back is %q, want %q: %v", got, want, err)
		}
	}
	must(m.Use(first))
	current, before := first, ""
	for _, next := range []string{second, first, third} { // on, back, and on
		must(m.SetPrevious(current))
		wayBack(before)
		must(m.Use(next))
		wayBack(current)
		current, before = next, current
	}
	must(m.Remove(before))
	wayBack("")
}

func TestRolesThatNameNothing(t *testing.T) {
	m := Models{Dir: t.TempDir()}
	for what, contents := range map[string]string{"a model that is gone": "model-000007\n", "no model": "../elsewhere\n", "nothing": ""} {
		if err := os.WriteFile(filepath.Join(m.Dir, previousFile), []byte(contents), 0o644); err != nil {
			t.Fatal(err)
		}
		if name, err := m.Previous(); name != "" || err != nil {
			t.Errorf("%s: %q %v", what, name, err)
		}
	}
	if err := m.SetPrevious("../elsewhere"); err == nil {
		t.Error("a path became a model")
	}
}

func TestGenerationsAreNeverUsedAgain(t *testing.T) {
	m := Models{Dir: filepath.Join(t.TempDir(), "models")}
	next := func(want uint32) {
		t.Helper()
		if got, err := m.NextGeneration(); got != want || err != nil {
			t.Fatalf("generation %d, want %d: %v", got, want, err)
		}
	}
	next(1)
	for range 5 {
		if _, _, err := m.Create(); err != nil {
			t.Fatal(err)
		}
	}
	next(6) // models of a binary that took their number for the generation
	next(7)
	if err := m.Remove("model-000005"); err != nil {
		t.Fatal(err)
	}
	next(8)
}
