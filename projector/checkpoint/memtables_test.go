package checkpoint

import (
	"math/rand/v2"
	"os"
	"testing"
)

// A store that crashed with large memtables is opened with small ones: with less
// memory than it was begun with.
func TestLogOfALargeMemTableIsReadWithSmallOnes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	changes := randomChanges(rand.New(rand.NewPCG(1, 2)), 6_000, 6_000, 100_000)
	write(t, s, 1, changes)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil { // as it lies there, with the log
		t.Fatal(err)
	}
	got, err := readAll(open(t, crashed, small).View())
	if err != nil {
		t.Fatal(err)
	}
	want := model(nil).with(1, changes)
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for key, row := range want {
		if got[key].value != row.value {
			t.Fatalf("row %q differs", key)
		}
	}
}
