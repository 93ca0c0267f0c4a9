package readmodel

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
)

// index finds the dense number of a 16-byte key. One goroutine writes, any
// number reads without locks.
//
// It is a fixed number of segments, each an open-addressing table that doubles
// by itself: growth touches one small segment at a time, so that no writer and
// no reader ever waits for the whole. A cell is one word, the number of the
// entry (plus one, so that zero is empty) beside 32 bits of the key's hash, so
// that a probe seldom looks at an entry that is not the one sought.
type index struct {
	segments [segmentCount]atomic.Pointer[segment]
	// The seed differs in each process: who picks keys cannot pick collisions.
	seed [2]uint64
	// key reads the key of an entry. It must be readable before the entry is added.
	key func(number uint32) (hi, lo uint64)
}

type segment struct {
	mask  uint32
	used  uint32 // the writer's alone
	cells []atomic.Uint64
}

const (
	segmentBits  = 12
	segmentCount = 1 << segmentBits
	// firstCells is small, so that an empty index costs little.
	firstCells = 8
)

func newIndex(key func(uint32) (hi, lo uint64)) *index {
	x := &index{seed: [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}, key: key}
	for i := range x.segments {
		x.segments[i].Store(newSegment(firstCells))
	}
	return x
}

func newSegment(cells int) *segment {
	return &segment{mask: uint32(cells - 1), cells: make([]atomic.Uint64, cells)}
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

// The top bits of the hash pick the segment, the bits below them the first
// cell, and the low half is the tag in the cell.
func (x *index) segment(hash uint64) *segment { return x.segments[hash>>(64-segmentBits)].Load() }

func firstCell(hash uint64) uint32 { return uint32(hash >> (32 - segmentBits)) }

func cellOf(hash uint64, number uint32) uint64 { return hash<<32 | uint64(number+1) }

// touch starts loading the cell where the search for the hash begins. The load
// is atomic, so that the compiler keeps it although nobody looks at the result.
func (x *index) touch(hash uint64) {
	s := x.segment(hash)
	s.cells[firstCell(hash)&s.mask].Load()
}

// find returns the number of the key's entry.
func (x *index) find(hash, hi, lo uint64) (uint32, bool) {
	s := x.segment(hash)
	for at := firstCell(hash); ; at++ {
		cell := s.cells[at&s.mask].Load()
		if cell == 0 {
			return 0, false
		}
		if uint32(cell>>32) != uint32(hash) {
			continue
		}
		number := uint32(cell) - 1
		if h, l := x.key(number); h == hi && l == lo {
			return number, true
		}
	}
}

// add enters a key that find does not know. Writer only.
func (x *index) add(hash uint64, number uint32) {
	s := x.segment(hash)
	if s.used >= uint32(len(s.cells))/4*3 {
		s = x.grow(hash, s)
	}
	s.put(hash, number)
}

func (s *segment) put(hash uint64, number uint32) {
	at := firstCell(hash)
	for s.cells[at&s.mask].Load() != 0 {
		at++
	}
	s.cells[at&s.mask].Store(cellOf(hash, number))
	s.used++
}

// grow doubles one segment. Readers go on in the old one until the new one is
// complete; the collector retires it.
func (x *index) grow(hash uint64, old *segment) *segment {
	bigger := newSegment(2 * len(old.cells))
	for i := range old.cells {
		if cell := old.cells[i].Load(); cell != 0 {
			number := uint32(cell) - 1
			bigger.put(x.hash(x.key(number)), number)
		}
	}
	x.segments[hash>>(64-segmentBits)].Store(bigger)
	return bigger
}
