package readmodel

import (
	"math"
	"math/bits"
)

// identityFilter says of an identity that it may be in a set, or is certainly
// not: it is wrong once in 256 times, at 9.3 bits an identity. It is a binary
// fuse filter (Graf and Lemire, 2022): three cells of a byte for each identity,
// in neighbouring segments, whose exclusive or is the identity's fingerprint.
//
// The empty filter lets everything through.
type identityFilter struct {
	cells   []byte
	seed    uint64
	segment uint32 // cells in one; a power of two
	starts  uint32 // cells that may be the first of three: all but two segments
}

// filterAttempts is how many seeds are tried; one in some hundred fails.
const filterAttempts = 64

// filterSizes returns the cells of a segment and of the whole filter, by the
// formulas of the paper.
func filterSizes(n int) (segment, cells uint32) {
	size := float64(max(n, 2))
	segment = 1 << min(uint(math.Log(size)/math.Log(3.33)+2.25), 18)
	capacity := uint32(size * max(1.125, 0.875+0.25*math.Log(1e6)/math.Log(size)))
	return segment, max((capacity+segment-1)/segment, 3) * segment
}

// hash mixes both words with the seed, so that no two identities meet under all seeds.
func (f *identityFilter) hash(id identity) uint64 {
	hi, lo := bits.Mul64(id.hi^f.seed, id.lo^0x9e3779b97f4a7c15)
	return hi ^ lo ^ bits.RotateLeft64(id.hi+id.lo, 23)*0xff51afd7ed558ccd
}

func (f *identityFilter) places(hash uint64) (a, b, c uint32) {
	first, _ := bits.Mul64(hash, uint64(f.starts))
	a = uint32(first)
	b = (a + f.segment) ^ uint32(hash>>18)&(f.segment-1)
	c = (a + 2*f.segment) ^ uint32(hash)&(f.segment-1)
	return a, b, c
}

func fingerprint(hash uint64) byte { return byte(hash ^ hash>>32) }

// mayContain returns false for no identity of the set.
func (f *identityFilter) mayContain(id identity) bool {
	if len(f.cells) == 0 {
		return true
	}
	hash := f.hash(id)
	a, b, c := f.places(hash)
	return f.cells[a]^f.cells[b]^f.cells[c] == fingerprint(hash)
}

// newFilter builds the filter of a set.
func newFilter(ids []identity) identityFilter {
	var f identityFilter
	segment, cells := filterSizes(len(ids))
	b := filterBuilder{
		counts: make([]uint8, cells), hashes: make([]uint64, cells),
		order: make([]filterStep, 0, len(ids)), queue: make([]uint32, 0, cells),
	}
	for attempt := range uint64(filterAttempts) {
		f.setSize(segment, cells, (attempt+1)*0xbf58476d1ce4e5b9)
		if b.peel(&f, ids) {
			f.cells = make([]byte, cells)
			b.assign(&f)
			return f
		}
	}
	return identityFilter{}
}

func (f *identityFilter) setSize(segment, cells uint32, seed uint64) {
	f.segment, f.starts, f.seed = segment, cells-2*segment, seed
}

// filterBuilder finds an order in which every identity has a cell that none
// after it uses, by peeling off those that are alone in a cell.
type filterBuilder struct {
	counts []uint8  // how many identities use the cell
	hashes []uint64 // the exclusive or of their hashes
	order  []filterStep
	queue  []uint32
}

type filterStep struct {
	hash uint64
	cell uint32 // the one that is the identity's alone
}

func (b *filterBuilder) peel(f *identityFilter, ids []identity) bool {
	clear(b.counts)
	clear(b.hashes)
	b.order, b.queue = b.order[:0], b.queue[:0]
	for _, id := range ids {
		hash := f.hash(id)
		x, y, z := f.places(hash)
		for _, cell := range [...]uint32{x, y, z} {
			b.counts[cell]++
			b.hashes[cell] ^= hash
			if b.counts[cell] == math.MaxUint8 {
				return false
			}
		}
	}
	for cell, n := range b.counts {
		if n == 1 {
			b.queue = append(b.queue, uint32(cell))
		}
	}
	for len(b.queue) > 0 {
		cell := b.queue[len(b.queue)-1]
		b.queue = b.queue[:len(b.queue)-1]
		if b.counts[cell] != 1 {
			continue
		}
		hash := b.hashes[cell]
		b.order = append(b.order, filterStep{hash, cell})
		x, y, z := f.places(hash)
		for _, other := range [...]uint32{x, y, z} {
			b.counts[other]--
			b.hashes[other] ^= hash
			if b.counts[other] == 1 {
				b.queue = append(b.queue, other)
			}
		}
	}
	return len(b.order) == len(ids)
}

// assign fills the cells from the last peeled to the first: each sets the one
// that nobody before it has read.
func (b *filterBuilder) assign(f *identityFilter) {
	for i := len(b.order) - 1; i >= 0; i-- {
		s := b.order[i]
		x, y, z := f.places(s.hash)
		f.cells[s.cell] = 0
		f.cells[s.cell] = fingerprint(s.hash) ^ f.cells[x] ^ f.cells[y] ^ f.cells[z]
	}
}
