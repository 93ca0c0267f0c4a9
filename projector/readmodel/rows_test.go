package readmodel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// heldRows is a view that somebody holds, and what it must go on to hold.
type heldRows struct {
	view View
	want map[string]string
}

func (h *heldRows) check(t fataler) {
	got, last := map[string]string{}, ""
	err := h.view.scan(nil, nil, func(key, value []byte) bool {
		if string(key) <= last {
			t.Fatalf("%q after %q", key, last)
		}
		last = string(key)
		got[last] = string(value)
		return true
	})
	if err != nil || !maps.Equal(got, h.want) {
		t.Fatalf("a view holds %v, %v; want %v", got, err, h.want)
	}
	for key, want := range h.want {
		if value, err := h.view.get([]byte(key)); err != nil || string(value) != want {
			t.Fatalf("%q is %q, %v; want %q", key, value, err, want)
		}
	}
}

// TestRowsOfAViewStay writes rows batch by batch, with checkpoints now and then,
// and reads views that were held at some time and others that nobody held.
func TestRowsOfAViewStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, want := newRows(), map[string]string{}
		var held []heldRows
		keys := rapid.SampledFrom([]string{"a", "a\x00", "ab", "abcdefgh", "abcdefgh\x00", "abcdefghi", "abcdefgz", "b", "zzzzzzzzzz"})
		shown := r.view()
		for range rapid.IntRange(1, 40).Draw(t, "batches") {
			if rapid.Bool().Draw(t, "hold") {
				if !shown.keep() {
					t.Fatal("the newest view cannot be held")
				}
				held = append(held, heldRows{shown, maps.Clone(want)})
			}
			old, wrote := shown, false
			for range rapid.IntRange(0, 4).Draw(t, "rows") {
				key := keys.Draw(t, "key")
				if got := r.get([]byte(key)); string(got) != want[key] || (got == nil) == slices.Contains(slices.Collect(maps.Keys(want)), key) {
					t.Fatalf("%q is %q before it is written, want %q", key, got, want[key])
				}
				if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
					r.put([]byte(key), nil)
					delete(want, key)
				} else {
					want[key] = rapid.StringN(0, 3, 9).Draw(t, "value")
					r.put([]byte(key), []byte(want[key]))
				}
				wrote = true
			}
			switch rapid.IntRange(0, 9).Draw(t, "then") {
			case 0: // a checkpoint that never ends: what it writes stays below
				if r.frozen == nil {
					r.freeze()
				}
			case 1:
				r.rollback()
				return // a model that could not be folded on is not folded on
			}
			shown = r.view()
			if was := old.hold.state.Load(); wrote && was == layerShown && old.hold != shown.hold && r.frozen == nil {
				t.Fatal("the fold has left a layer that nobody held")
			}
			if old.hold.state.Load() == layerTaken {
				if _, err := old.get([]byte("a")); !errors.Is(err, errNotHeld) {
					t.Fatalf("a view that nobody held is read: %v", err)
				}
			}
			for i := range held {
				held[i].check(t)
			}
		}
	})
}

// TestRowsAreReadWhileTheFoldWrites has readers hold views of counters that rise
// together, while the fold writes on. The race detector sees the rest.
func TestRowsAreReadWhileTheFoldWrites(t *testing.T) {
	const batches, readers, keys = 2000, 3, 50
	m := New(testConfig())
	put := func(n int) {
		m.Begin(uint64(n+1), testStart)
		for k := range keys {
			m.rows.put(fmt.Appendf(nil, "k%02d", k), fmt.Append(nil, n))
		}
		m.Publish(0)
	}
	put(0)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range readers {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				s := m.Snapshot()
				if !s.Hold() {
					continue
				}
				var values []string
				err := s.rows.scan([]byte("k"), nil, func(_, value []byte) bool {
					values = append(values, string(value))
					return true
				})
				again, errAgain := s.rows.get([]byte("k01"))
				values = append(values, string(again))
				if err != nil || errAgain != nil || len(slices.Compact(values)) != 1 {
					t.Errorf("a view holds %q, %v, %v", values, err, errAgain)
				}
				s.Release()
			}
		})
	}
	for n := range batches {
		put(n + 1)
	}
	close(done)
	wg.Wait()
}
