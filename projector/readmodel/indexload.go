package readmodel

import (
	"math/bits"
	"sync/atomic"
)

// keyCounts counts the keys of an index by the upper bits of their hashes.
type keyCounts []uint32

// newKeyCounts returns counts fine enough for an index of that many keys: at
// that depth a segment is half full at most, and chance fills none.
func newKeyCounts(keys uint32) keyCounts {
	depth := max(1, bits.Len32(keys/(segmentFull/2)))
	return make(keyCounts, 1<<depth)
}

func (c keyCounts) depth() uint8 { return uint8(bits.Len(uint(len(c))) - 1) }

func (c keyCounts) note(hash uint64) { c[hash>>(64-c.depth())]++ }

func (c keyCounts) add(other keyCounts) {
	for i, n := range other {
		c[i] += n
	}
}

func (c keyCounts) sum() (n uint32) {
	for _, k := range c {
		n += k
	}
	return n
}

// fillRange is how many entries one goroutine enters at a time.
const fillRange = 1 << 14

// fill enters the keys of entries 0 to count-1 into an empty index that nobody
// reads yet, by several goroutines. counts says where the keys go, so that
// segments are made at once as growth would have made them, and a cell is taken by
// compare-and-swap.
func (x *index) fill(count uint32, counts keyCounts) error {
	if !x.prepare(counts) {
		for n := range count { // an odd distribution: growth copes with it
			x.add(x.hashOf(n), n)
		}
		return nil
	}
	d := x.directory.Load()
	jobs := (count + fillRange - 1) / fillRange
	return side(x.space, jobs, func(_ *struct{}, job uint32) error {
		var hashes [32]uint64
		var lines [32]uintptr
		first, end := job*fillRange, min(count, (job+1)*fillRange)
		for ; first < end; first += uint32(len(hashes)) {
			group := hashes[:min(uint32(len(hashes)), end-first)]
			for i := range group {
				group[i] = x.hashOf(first + uint32(i))
				lines[i] = d.at(group[i]).line(group[i])
			}
			prefetch(&lines[0], len(group))
			for i, hash := range group {
				d.at(hash).claim(tagOf(hash), first+uint32(i))
			}
		}
		return nil
	}, func(*struct{}) {})
}

// prepare makes the directory and empty segments for keys of those counts. It
// returns false, and changes nothing, if a segment would be too full.
func (x *index) prepare(counts keyCounts) bool {
	deepest := counts.depth()
	segments := make([]*segment, len(counts))
	depth := uint8(1)
	var split func(at keyCounts, first int, d uint8) bool
	split = func(at keyCounts, first int, d uint8) bool {
		if used := at.sum(); used <= segmentFull {
			s := &segment{depth: d, used: used}
			for i := range at {
				segments[first+i] = s
			}
			depth = max(depth, d)
			return true
		}
		half := len(at) / 2
		return d < deepest && split(at[:half], first, d+1) && split(at[half:], first+half, d+1)
	}
	half := len(counts) / 2
	if !split(counts[:half], 0, 1) || !split(counts[half:], half, 1) {
		return false
	}
	x.install(segments, depth)
	return true
}

// install makes a directory of that depth for segments that lie as deep at most.
func (x *index) install(segments []*segment, depth uint8) {
	d := &directory{shift: 64 - depth, entries: make([]atomic.Pointer[cells], 1<<depth)}
	x.segments = make([]*segment, len(d.entries))
	for i := range d.entries {
		s := segments[i*len(segments)/len(d.entries)]
		x.segments[i] = s
		if s.cells == nil {
			s.cells = x.newCells()
		}
		d.entries[i].Store(s.cells)
	}
	x.directory.Store(d)
}

// claim enters a number where others do so too. There is room for it.
func (c *cells) claim(tag, number uint32) {
	for probe := uint32(0); ; probe++ {
		cell := &c[place(tag, probe)]
		if cell.Load() == 0 && cell.CompareAndSwap(0, cellOf(tag, number)) {
			return
		}
	}
}
