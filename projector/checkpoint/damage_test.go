package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// damageSource makes a directory with tables on several levels, value logs,
// deletions, a torn version healed, and, unless closed, write-ahead logs that
// were not yet made tables. It returns the state at each version.
func damageSource(t *testing.T, closed bool) (files []savedFile, states map[uint64]model) {
	t.Helper()
	dir := t.TempDir()
	o := Options{MemTableBytes: minMemTableBytes, ValueThreshold: 32 << 10}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(9, 9))
	states = map[uint64]model{0: {}}
	want := model{}
	for version := uint64(1); version <= 12; version++ {
		n := 1500
		if version >= 11 {
			n = 12_000
		}
		changes := randomChanges(r, n, 12_000, 40_000*int(version%2))
		want = want.with(version, changes)
		write(t, s, version, changes)
		states[version] = want
		if version == 6 {
			commitTorn(t, s, 7, randomChanges(r, 500, 12_000, 0))
		}
		if version == 10 {
			if err := s.db.Flatten(2); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !closed {
		files = saveAsKilled(t, dir)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if closed {
		if files, err = saveFiles(dir); err != nil {
			t.Fatal(err)
		}
	}
	return files, states
}

// saveAsKilled reads an open directory as a kill would leave it: again until
// nothing in it changed meanwhile, since logs become tables in the background.
func saveAsKilled(t *testing.T, dir string) []savedFile {
	t.Helper()
	for {
		before := listing(t, dir)
		files, err := saveFiles(dir)
		if err == nil && listing(t, dir) == before {
			return files
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func listing(t *testing.T, dir string) (all string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range files {
		info, err := e.Info()
		if err != nil {
			return "changing " + e.Name()
		}
		all += fmt.Sprintln(e.Name(), info.Size())
	}
	return all
}

// savedFile is a file without the zeros at its end: logs are made far too large.
type savedFile struct {
	name string
	data []byte
	size int64
}

func (f savedFile) restore(dir string) error {
	path := filepath.Join(dir, f.name)
	return errors.Join(os.WriteFile(path, f.data, 0o644), os.Truncate(path, f.size))
}

func saveFiles(dir string) (files []savedFile, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, savedFile{e.Name(), bytes.Clone(bytes.TrimRight(b, "\x00")), int64(len(b))})
	}
	return files, nil
}

// judge opens a damaged directory. Right are a refusal, an error in reading, and
// the state of the version that the store says it has.
func judge(t *testing.T, dir string, states map[uint64]model) string {
	t.Helper()
	s, err := Open(dir, Options{MemTableBytes: minMemTableBytes, ValueThreshold: 32 << 10})
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Fatalf("open: %v", err)
		}
		return "refused"
	}
	defer s.Close()
	version, _ := s.Latest()
	got, err := readAll(s.View())
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Fatalf("read: %v", err)
		}
		return "unreadable"
	}
	want := states[version]
	if len(got) != len(want) {
		t.Fatalf("WRONG: version %d has %d rows, want %d", version, len(got), len(want))
	}
	for k, w := range want {
		if got[k] != w {
			t.Fatalf("WRONG: version %d, key %x: version %d, want %d", version, k, got[k].version, w.version)
		}
	}
	if version == 12 {
		return "intact"
	}
	return fmt.Sprintf("fell back to %d", version)
}

func kindOf(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i:]
	}
	return name
}

func TestDamageNeverYieldsAWrongValue(t *testing.T) {
	for _, closed := range []bool{true, false} {
		source, states := damageSource(t, closed)
		byKind := map[string][]savedFile{}
		var kinds []string
		for _, f := range source {
			k := kindOf(f.name)
			if byKind[k] == nil {
				kinds = append(kinds, k)
			}
			byKind[k] = append(byKind[k], f)
		}
		outcomes := map[string]int{}
		r := rand.New(rand.NewPCG(13, 13))
		try := func(f savedFile, what string, harm func(path string) error) {
			t.Run(fmt.Sprintf("closed=%v/%s/%s", closed, what, f.name), func(t *testing.T) {
				dir := t.TempDir()
				for _, f := range source {
					if err := f.restore(dir); err != nil {
						t.Fatal(err)
					}
				}
				if err := harm(filepath.Join(dir, f.name)); err != nil {
					t.Fatal(err)
				}
				outcomes[what+" "+kindOf(f.name)+": "+judge(t, dir, states)]++
			})
		}
		for n := range flips {
			files := byKind[kinds[n%len(kinds)]]
			f := files[r.IntN(len(files))]
			try(f, "flip", func(path string) error { return flipByte(path, f, r) })
		}
		for _, k := range kinds {
			f := byKind[k][r.IntN(len(byKind[k]))]
			try(f, "delete", os.Remove)
			try(f, "cut", func(path string) error { return os.Truncate(path, r.Int64N(f.size+1)) })
		}
		for _, f := range byKind[".mem"] {
			try(f, "delete", os.Remove)
		}
		for k, n := range outcomes {
			t.Logf("closed=%v: %3d x %s", closed, n, k)
		}
	}
}

const flips = 28 // for each of the two sources

// flipByte changes one byte of what a file holds; of a log's empty rest none.
func flipByte(path string, f savedFile, r *rand.Rand) error {
	if len(f.data) == 0 {
		return nil
	}
	at := r.IntN(len(f.data))
	out, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = out.WriteAt([]byte{f.data[at] ^ byte(1+r.IntN(255))}, int64(at))
	return errors.Join(err, out.Close())
}
