package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func isLocked(err error) bool { return errors.Is(err, ErrLocked) && !errors.Is(err, ErrDamaged) }

func TestHeldViewSeesItsVersionUntilReleased(t *testing.T) {
	s := open(t, t.TempDir(), small)
	r := rand.New(rand.NewPCG(5, 5))
	want := model{}
	var held *View
	var heldWant model
	for version := uint64(1); version <= 30; version++ {
		changes := randomChanges(r, 1500, 2000, 60_000)
		want = want.with(version, changes)
		v := write(t, s, version, changes)
		if version == 5 {
			held, heldWant = v, want
			if !held.Acquire() {
				t.Fatal("latest view was retired")
			}
		}
		if version%10 == 0 {
			if err := s.db.Flatten(2); err != nil {
				t.Fatal(err)
			}
			mustHold(t, held, heldWant)
		}
	}
	if s.floor > held.timestamp {
		t.Fatalf("floor %d passed the held view at %d", s.floor, held.timestamp)
	}
	held.Release()
	write(t, s, 31, nil)
	if held.Acquire() {
		t.Error("released view was not retired")
	}
	if _, err := held.Get([]byte("k")); !errors.Is(err, ErrRetired) {
		t.Errorf("get on retired view: %v", err)
	}
	if s.floor != 30 {
		t.Errorf("floor is %d", s.floor)
	}
	mustHold(t, s.View(), want)
}

func TestViewStaysReadableUntilTwoNewerVersions(t *testing.T) {
	s := open(t, t.TempDir(), small)
	first := write(t, s, 1, map[string][]byte{"a": {1}})
	write(t, s, 2, map[string][]byte{"a": {2}})
	mustHold(t, first, model{"a": {"\x01", 1}})
	commitTorn(t, s, 3, map[string][]byte{"a": {3}})
	mustHold(t, first, model{"a": {"\x01", 1}})
	write(t, s, 3, nil)
	if _, err := first.Get([]byte("a")); !errors.Is(err, ErrRetired) {
		t.Errorf("get: %v", err)
	}
}

// TestReadersAgreeWhileVersionsAreWritten writes one number to every key of a
// version: a reader that holds a view must see one number.
func TestReadersAgreeWhileVersionsAreWritten(t *testing.T) {
	s := open(t, t.TempDir(), small)
	changes := func(version uint64) map[string][]byte {
		c := map[string][]byte{}
		for i := range 3000 {
			c[keyName(i)] = fmt.Append(nil, version)
		}
		return c
	}
	write(t, s, 1, changes(1))
	ctx, stop := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				v := s.View()
				if !v.Acquire() {
					continue
				}
				want, n := fmt.Sprint(v.Version()), 0
				err := v.Scan(nil, nil, func(_, value []byte) bool {
					n++
					return string(value) == want
				})
				if got, _ := v.Get([]byte(keyName(7))); err != nil || n != 3000 || string(got) != want {
					t.Errorf("version %s: %d rows, then %s, %v", want, n, got, err)
				}
				v.Release()
			}
		})
	}
	for version := uint64(2); version <= 12; version++ {
		write(t, s, version, changes(version))
	}
	stop()
	readers.Wait()
}

func TestOpenTellsTroubleFromDamage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, small); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("open a file: %v", err)
	}
	dir := t.TempDir()
	s := open(t, dir, small)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "MANIFEST")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "MANIFEST"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, small); err == nil {
		t.Error("open with a directory for MANIFEST")
	}
}
