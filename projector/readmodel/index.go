package readmodel

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"unsafe"
)

// index finds the dense number of a 16-byte key. One goroutine writes, any
// number reads without locks.
//
// It is extendible hashing: a directory of segments of one size, each an
// open-addressing table. A segment that is three quarters full is split in two,
// so growth touches some thousand cells at a time, and no writer and no reader
// ever waits for the whole. Since all segments have one size, a reader needs no
// header of a segment: directory entry, cell, and no third load between them.
//
// A cell is one word, the number of the entry (plus one, so that zero is empty)
// beside the upper half of the key's hash, the tag. The tag's upper bits pick
// the directory entry and its lower bits the first cell, so a split needs
// nothing but cells; what is left of it lets a probe seldom look at an entry
// that is not the one sought.
type index struct {
	directory atomic.Pointer[directory]
	// segments stands beside the directory. The writer's alone.
	segments []*segment
	// spare is made, and not in a segment yet. The writer's alone.
	spare []cells
	// The seed differs in each process: who picks keys cannot pick collisions.
	seed [2]uint64
	// key reads the key of an entry. It must be readable before the entry is added. Where
	// nothing can lie at that number it says so: a cell that was damaged may hold any, and
	// who looks for a key then passes it over.
	key func(number uint32) (hi, lo uint64, there bool)
	// space is where cells lie.
	space Space
}

// directory is where readers begin. Its length is a power of two; the upper
// bits of the hash are the place in it.
type directory struct {
	shift   uint8
	entries []atomic.Pointer[cells]
}

// cells is what readers see of a segment.
type cells [segmentCells]atomic.Uint64

// segment is what the writer knows of one. A segment of depth d stands in all
// directory entries that share d upper bits.
type segment struct {
	cells *cells
	depth uint8
	used  uint32
}

const (
	segmentBits  = 12
	segmentCells = 1 << segmentBits
	// segmentFull is when a segment is split.
	segmentFull = segmentCells / 4 * 3
)

func newIndex(space Space, key func(uint32) (hi, lo uint64, there bool)) *index {
	x := &index{seed: [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}, key: key, space: space}
	first := &segment{cells: &alloc[cells](space, 1)[0]}
	x.segments = []*segment{first, first}
	d := &directory{shift: 63, entries: make([]atomic.Pointer[cells], 2)}
	for i := range d.entries {
		d.entries[i].Store(first.cells)
	}
	x.directory.Store(d)
	return x
}

// words splits a key into the two words that the index works on.
func words(key [16]byte) (hi, lo uint64) {
	return binary.BigEndian.Uint64(key[:8]), binary.BigEndian.Uint64(key[8:])
}

// bytes16 is the inverse of words.
func bytes16(hi, lo uint64) (key [16]byte) {
	binary.BigEndian.PutUint64(key[:8], hi)
	binary.BigEndian.PutUint64(key[8:], lo)
	return key
}

// hash mixes the key with the seed by one wide multiplication (the mixer of wyhash).
func (x *index) hash(hi, lo uint64) uint64 {
	h, l := bits.Mul64(hi^x.seed[0], lo^x.seed[1])
	return (h ^ l) * 0x9e3779b97f4a7c15
}

func tagOf(hash uint64) uint32 { return uint32(hash >> 32) }

// at returns the cells in which the hash is sought.
func (d *directory) at(hash uint64) *cells { return d.entries[hash>>(d.shift&63)].Load() }

func cellOf(tag, number uint32) uint64 { return uint64(tag)<<32 | uint64(number+1) }

// place returns the cell of the n-th probe: those of the first one's cache line
// come first, so that few searches wait for a second line.
func place(tag, probe uint32) uint32 {
	const others = 7 // of a line
	return (tag + probe&^others ^ probe&others) % segmentCells
}

// line is the address where the search for the hash begins.
func (c *cells) line(hash uint64) uintptr {
	return uintptr(unsafe.Pointer(&c[tagOf(hash)%segmentCells]))
}

// candidate returns the number of the first entry from the n-th probe on that
// has the hash's tag, and the probe after it. It looks at no entry.
func (c *cells) candidate(hash uint64, probe uint32) (number, next uint32, ok bool) {
	for ; ; probe++ {
		cell := c[place(tagOf(hash), probe)].Load()
		if cell>>32 == hash>>32 && uint32(cell) != 0 {
			return uint32(cell) - 1, probe + 1, true
		}
		if cell == 0 {
			return 0, 0, false
		}
	}
}

// find returns the number of the key's entry.
func (x *index) find(hash, hi, lo uint64) (uint32, bool) {
	c := x.directory.Load().at(hash)
	for probe := uint32(0); ; {
		number, next, ok := c.candidate(hash, probe)
		if !ok {
			return 0, false
		}
		if h, l, there := x.key(number); there && h == hi && l == lo {
			return number, true
		}
		probe = next
	}
}

// hashOf is the hash of an entry's key.
func (x *index) hashOf(number uint32) uint64 {
	hi, lo, _ := x.key(number)
	return x.hash(hi, lo)
}

// add enters a key that find does not know. Writer only.
func (x *index) add(hash uint64, number uint32) {
	for {
		at := hash >> x.directory.Load().shift
		s := x.segments[at]
		if s.used < segmentFull {
			s.put(tagOf(hash), number)
			return
		}
		x.split(int(at), s)
	}
}

func (s *segment) put(tag, number uint32) {
	probe := uint32(0)
	for s.cells[place(tag, probe)].Load() != 0 {
		probe++
	}
	s.cells[place(tag, probe)].Store(cellOf(tag, number))
	s.used++
}

// split replaces a segment by two, which tell its keys apart by one bit more.
// Readers go on in the old one until the new ones are complete; the collector
// retires it.
func (x *index) split(at int, old *segment) {
	if 1<<old.depth == len(x.segments) {
		x.double()
		at *= 2
	}
	depth := old.depth + 1
	halves := [2]*segment{{cells: x.newCells(), depth: depth}, {cells: x.newCells(), depth: depth}}
	for i := range old.cells {
		if cell := old.cells[i].Load(); cell != 0 {
			tag := uint32(cell >> 32)
			halves[tag>>(32-depth)&1].put(tag, uint32(cell)-1)
		}
	}
	d := x.directory.Load()
	span := len(x.segments) >> depth // entries that share depth bits
	first := at &^ (2*span - 1)
	for i := range 2 * span {
		half := halves[i/span]
		x.segments[first+i] = half
		d.entries[first+i].Store(half.cells)
	}
	release(x.space, unsafe.Slice(old.cells, 1))
}

// cellsAtOnce bounds how many segments are made in one piece, of 16 MiB.
// Segments that are made one after the other are split one after the other, so a
// piece is given back whole.
const cellsAtOnce = 16 << 20 / (8 * segmentCells)

func (x *index) newCells() *cells {
	if x.space != nil {
		return &alloc[cells](x.space, 1)[0] // each is given back by itself
	}
	if len(x.spare) == 0 {
		x.spare = tablePiece[cells](min(cellsAtOnce, 1+len(x.segments)/4))
	}
	c := &x.spare[0]
	x.spare = x.spare[1:]
	return c
}

// double gives the directory one bit more.
func (x *index) double() {
	old := x.directory.Load()
	d := &directory{shift: old.shift - 1, entries: make([]atomic.Pointer[cells], 2*len(old.entries))}
	segments := make([]*segment, len(d.entries))
	for i := range d.entries {
		segments[i] = x.segments[i/2]
		d.entries[i].Store(segments[i].cells)
	}
	x.segments = segments
	x.directory.Store(d)
}
