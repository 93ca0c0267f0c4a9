package readmodel

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// TestReadersMissNothingWhileTheIndexGrows looks up, while the writer adds
// videos through several splits, what was added before the look-up began.
func TestReadersMissNothingWhileTheIndexGrows(t *testing.T) {
	const videos = 8 * segmentCells
	v := newVideos(nil)
	var added atomic.Uint64
	var group sync.WaitGroup
	for reader := range uint64(2) {
		group.Go(func() {
			ids := make([]events.VideoID, 50)
			slots, found := make([]Slot, len(ids)), make([]bool, len(ids))
			for known := uint64(0); known < videos; {
				known = added.Load()
				for i := range ids { // the newest, and others
					ids[i] = numberedID((known + videos - 1 - uint64(i)*uint64(i)*(1+reader)) % videos)
				}
				v.Lookup(ids, slots, found)
				for i, id := range ids {
					n := (known + videos - 1 - uint64(i)*uint64(i)*(1+reader)) % videos
					if n < known && (!found[i] || slots[i].Counts[0] != int64(n)) {
						t.Errorf("video %d (%v) of %d: found %t, %+v", n, id, known, found[i], slots[i])
						return
					}
				}
			}
		})
	}
	for n := range uint64(videos) {
		v.change(v.intern(numberedID(n)), Counts{int64(n)}, slotKnown, events.Position{Seq: n + 1})
		added.Store(n + 1)
	}
	group.Wait()
	if entries := len(v.index.directory.Load().entries); entries < 8 {
		t.Errorf("%d directory entries: the index has not grown", entries)
	}
	if number, ok := v.Find(numberedID(videos)); ok {
		t.Errorf("a video that was never added is number %d", number)
	}
}

// TestEntriesOfOneTagAreToldApart gives two keys one tag.
func TestEntriesOfOneTagAreToldApart(t *testing.T) {
	keys := [3][2]uint64{{1, 2}, {3, 4}, {5, 6}}
	x := newIndex(nil, func(n uint32) (hi, lo uint64, there bool) { return keys[n][0], keys[n][1], true })
	const hash = 0x12345678_00000000
	x.add(hash, 0)
	x.add(hash|1, 1)
	for n := range uint32(2) {
		if number, ok := x.find(hash, keys[n][0], keys[n][1]); !ok || number != n {
			t.Errorf("key %d: number %d, %t", n, number, ok)
		}
	}
	if number, ok := x.find(hash, 5, 6); ok {
		t.Errorf("a key that was not added is number %d", number)
	}
}

// TestIndexIsFilledAsItWouldHaveGrown fills indexes of sizes around those at
// which the directory doubles, finds all keys, and lets them grow on.
func TestIndexIsFilledAsItWouldHaveGrown(t *testing.T) {
	for _, count := range []uint32{0, 1, segmentFull, segmentFull + 1, 2*segmentFull - 200, 5 * segmentFull, 13 * segmentFull} {
		x := newIndex(nil, func(n uint32) (hi, lo uint64, there bool) {
			hi, lo = words(numberedID(uint64(n)))
			return hi, lo, true
		})
		sizes := newKeyCounts(count)
		for n := range count {
			sizes.note(x.hashOf(n))
		}
		if err := x.fill(count, sizes); err != nil {
			t.Fatal(err)
		}
		for n := range count + 2*segmentFull {
			hi, lo, _ := x.key(n)
			number, ok := x.find(x.hash(hi, lo), hi, lo)
			if ok != (n < count) || ok && number != n {
				t.Fatalf("of %d: key %d is number %d, %t", count, n, number, ok)
			}
			if !ok {
				x.add(x.hash(hi, lo), n)
			}
		}
		for n := range count + 2*segmentFull {
			hi, lo, _ := x.key(n)
			if number, ok := x.find(x.hash(hi, lo), hi, lo); !ok || number != n {
				t.Fatalf("of %d, grown: key %d is number %d, %t", count, n, number, ok)
			}
		}
		used := uint32(0)
		for i, s := range x.segments {
			if i == 0 || s != x.segments[i-1] {
				used += s.used
			}
			if span := len(x.segments) >> s.depth; x.segments[i&^(span-1)] != s || x.directory.Load().entries[i].Load() != s.cells {
				t.Errorf("of %d: entry %d is not of the segment of depth %d", count, i, s.depth)
			}
		}
		if used != count+2*segmentFull {
			t.Errorf("of %d: segments say that they hold %d of %d", count, used, count+2*segmentFull)
		}
	}
}
