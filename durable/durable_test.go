package durable

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFileReplacesWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "CURRENT")
	if err := os.WriteFile(path+".new", []byte("left by a crash, and longer than what follows"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, contents := range []string{"the first", "2nd"} {
		if err := WriteFile(path, []byte(contents)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != contents {
			t.Errorf("read %q, %v; want %q", got, err, contents)
		}
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("files beside it are left: %v %v", names, err)
	}
}

func TestWriteFileThatFailsLeavesTheOldOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "CURRENT")
	if err := WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".new", 0o755); err != nil { // cannot be opened for writing
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new")); err == nil {
		t.Error("nothing was written, and no error said so")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("read %q, %v; want the old contents", got, err)
	}
}

func TestSyncOfWhatIsGone(t *testing.T) {
	if err := Sync(filepath.Join(t.TempDir(), "gone")); err != nil {
		t.Error(err)
	}
}
