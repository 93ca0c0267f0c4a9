package checkpoint

import (
	"context"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"testing"
)

// TestMain lets the test binary run as the process that is killed or that holds
// the lock, if the environment says so.
func TestMain(m *testing.M) {
	switch os.Getenv(childRole) {
	case roleWriter:
		writeUntilKilled()
	case roleHolder:
		holdLock()
	default:
		os.Exit(m.Run())
	}
}

const (
	childRole      = "CHECKPOINT_TEST_ROLE"
	childDirectory = "CHECKPOINT_TEST_DIR"
	childSeed      = "CHECKPOINT_TEST_SEED"
	roleWriter     = "writer"
	roleHolder     = "holder"
)

// small has the smallest memtables, so that little data rotates many.
var small = Options{MemTableBytes: minMemTableBytes}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func write(t testing.TB, s *Store, version uint64, changes map[string][]byte) *View {
	t.Helper()
	v, err := s.Write(context.Background(), version, entries(changes), noteOf(version))
	if err != nil {
		t.Fatalf("write %d: %v", version, err)
	}
	return v
}

func noteOf(version uint64) []byte { return []byte{'n', byte(version), byte(version >> 8)} }

// entries yields the changes with slices that are used again.
func entries(changes map[string][]byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		var key, value []byte
		for k, v := range changes {
			key = append(key[:0], k...)
			if v == nil {
				if !yield(key, nil) {
					return
				}
				continue
			}
			value = append(append(value[:0], v...), 0)
			if !yield(key, value[:len(v)]) {
				return
			}
		}
	}
}

// row is what a model of plain maps says about a key.
type row struct {
	value   string
	version uint64
}

type model map[string]row

func (m model) with(version uint64, changes map[string][]byte) model {
	next := maps.Clone(m)
	if next == nil {
		next = model{}
	}
	for k, v := range changes {
		if v == nil {
			delete(next, k)
		} else {
			next[k] = row{string(v), version}
		}
	}
	return next
}

// readAll reads a view in all three ways, which must agree.
func readAll(v *View) (model, error) {
	got := model{}
	err := v.Scan(nil, nil, func(k, value []byte) bool {
		got[string(k)] = row{value: string(value)}
		return true
	})
	if err != nil {
		return nil, err
	}
	versions := model{}
	err = v.Versions(nil, func(k []byte, version uint64) bool {
		r := got[string(k)]
		versions[string(k)] = row{r.value, version}
		return true
	})
	if err != nil {
		return nil, err
	}
	n := 0
	for k, r := range got {
		if n++; n > 2000 {
			break
		}
		value, err := v.Get([]byte(k))
		if err != nil {
			return nil, err
		}
		if value == nil || string(value) != r.value {
			return nil, damaged("get and scan of %x disagree", k)
		}
	}
	return versions, nil
}

func mustHold(t testing.TB, v *View, want model) {
	t.Helper()
	got, err := readAll(v)
	if err != nil {
		t.Fatalf("read version %d: %v", v.Version(), err)
	}
	if maps.Equal(got, want) {
		return
	}
	shown := 0
	for k, w := range want {
		if g, ok := got[k]; (!ok || g != w) && shown < 5 {
			shown++
			t.Errorf("version %d, key %q: there %v, version %d (%d bytes), want version %d (%d bytes)", v.Version(), k, ok, g.version, len(g.value), w.version, len(w.value))
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok && shown < 10 {
			shown++
			t.Errorf("version %d, key %q should not be there", v.Version(), k)
		}
	}
	t.Fatalf("version %d: %d rows, want %d", v.Version(), len(got), len(want))
}

// randomChanges creates, changes and deletes keys of a small space; some values
// are empty, a few large.
func randomChanges(r *rand.Rand, n, keys, large int) map[string][]byte {
	changes := map[string][]byte{}
	for range n {
		key := keyName(r.IntN(keys))
		size := r.IntN(60)
		switch p := r.IntN(100); {
		case p < 20:
			changes[key] = nil
			continue
		case p == 99 && large > 0:
			size = large + r.IntN(large)
		}
		value := make([]byte, size)
		for i := range value {
			value[i] = byte(r.Uint32())
		}
		changes[key] = value
	}
	return changes
}

func keyName(n int) string {
	return string([]byte{'k', byte(n >> 16), byte(n >> 8), byte(n)})
}
