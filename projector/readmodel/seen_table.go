package readmodel

import "math/bits"

// identityTable is a set of identities in flat memory that the collector does
// not scan. It is a directory of parts by the first bits of the identity; a
// part that has grown to its limit splits in two by the next bit. So the set
// grows a little at a time: no growth copies more than one part.
//
// A part is an ordered open-addressing table: an identity's place rises with
// its value, and neighbours lie in order. So a search ends at the first greater
// one, cells may be 85 % full, growth is one pass over memory, and a walk over
// the cells yields the set sorted. An identity is half a SHA-256, so places are
// spread; whoever grinds out identities that are not slows down the bucket they
// fall into, and changes no answer.
type identityTable struct {
	parts []*tablePart // by the first depth bits; a part may stand several times
	depth uint
	count int
	bytes int
}

type tablePart struct {
	// cells has home places, and what is pushed past the last of them.
	cells []identity
	home  int
	count int
	depth uint // the bits that all identities of the part share
}

const (
	identitySize = 16
	// partCells is 512 KiB: a part is copied in a tenth of a millisecond or so.
	partCells = 1 << 15
	// firstPartCells is small, since many old hours get a few identities.
	firstPartCells = 8
	// smallPart is up to how many places a part grows by half: 64 KiB.
	smallPart = 4096
	// maxDepth keeps the directory small, whatever the identities.
	maxDepth = 16
)

// full reports whether a part of so many identities needs more places.
func (p *tablePart) full() bool { return p.count*20 >= p.home*17 }

func newPart(home int, depth uint) *tablePart {
	return &tablePart{cells: make([]identity, home+home/64+2), home: home, depth: depth}
}

// place returns where the part would have the identity in an empty table.
func (p *tablePart) place(id identity) int {
	at, _ := bits.Mul64(id.hi<<p.depth, uint64(p.home))
	return int(at)
}

// find returns where the identity is, or where it has to go.
func (p *tablePart) find(id identity) (at int, found bool) {
	at = p.place(id)
	for ; at < len(p.cells); at++ {
		c := &p.cells[at]
		if c.hi >= id.hi {
			if c.hi > id.hi || c.lo > id.lo {
				break
			}
			if c.lo == id.lo {
				return at, true
			}
		}
		if c.hi|c.lo == 0 {
			break
		}
	}
	return at, false
}

// insert puts an identity where find said that it has to go; those behind it
// move up to the next gap.
func (p *tablePart) insert(at int, id identity) {
	gap := at
	for gap < len(p.cells) && p.cells[gap] != (identity{}) {
		gap++
	}
	if gap == len(p.cells) {
		p.cells = append(p.cells, identity{})
	}
	copy(p.cells[at+1:gap+1], p.cells[at:gap])
	p.cells[at] = id
	p.count++
}

// push adds an identity that is greater than all there are.
func (p *tablePart) push(id identity, end int) int {
	at := max(p.place(id), end)
	for at >= len(p.cells) {
		p.cells = append(p.cells, identity{})
	}
	p.cells[at] = id
	p.count++
	return at + 1
}

func (p *tablePart) bytes() int { return cap(p.cells) * identitySize }

// index returns where the directory has the identity's part.
func (t *identityTable) index(id identity) int { return int(id.hi >> 1 >> (63 - t.depth)) }

func (t *identityTable) contains(id identity) bool {
	if t.count == 0 {
		return false
	}
	_, found := t.parts[t.index(id)].find(id)
	return found
}

// find returns where the identity is, or where it has to go: in no part as long
// as the table is empty.
func (t *identityTable) find(id identity) (p *tablePart, at int, found bool) {
	if t.parts == nil {
		return nil, 0, false
	}
	p = t.parts[t.index(id)]
	at, found = p.find(id)
	return p, at, found
}

// add returns false if the identity was there.
func (t *identityTable) add(id identity) bool {
	p, at, found := t.find(id)
	if !found {
		t.insert(p, at, id)
	}
	return !found
}

// insert puts an identity where find said that it has to go.
func (t *identityTable) insert(p *tablePart, at int, id identity) {
	if p == nil {
		p = newPart(firstPartCells, 0)
		t.parts, t.bytes, at = []*tablePart{p}, p.bytes(), p.place(id)
	}
	before := p.bytes()
	p.insert(at, id)
	t.count++
	t.bytes += p.bytes() - before
	if p.full() {
		t.grow(p, t.index(id))
	}
}

// grow gives a part more places, or splits it in two: half of its places more as
// long as it is small, since there may be thousands of hours and each copy is
// memory that was never touched, then a quarter.
func (t *identityTable) grow(p *tablePart, index int) {
	t.bytes -= p.bytes()
	if p.home < partCells || p.depth == maxDepth {
		more := max(p.home/2, firstPartCells)
		if p.home > smallPart {
			more = p.home / 4
		}
		larger := newPart(p.home+more, p.depth)
		end := 0
		p.each(func(id identity) { end = larger.push(id, end) })
		t.replace(index, p, larger, larger)
		t.bytes += larger.bytes()
		return
	}
	if p.depth == t.depth {
		t.double()
		index *= 2
	}
	half := p.home * 5 / 8 // a quarter more than half
	low, high := newPart(half, p.depth+1), newPart(half, p.depth+1)
	lowEnd, highEnd := 0, 0
	p.each(func(id identity) {
		if id.hi<<p.depth>>63 == 0 {
			lowEnd = low.push(id, lowEnd)
		} else {
			highEnd = high.push(id, highEnd)
		}
	})
	t.replace(index, p, low, high)
	t.bytes += low.bytes() + high.bytes()
}

// double lists every part twice.
func (t *identityTable) double() {
	parts := make([]*tablePart, 0, 2*len(t.parts))
	for _, p := range t.parts {
		parts = append(parts, p, p)
	}
	t.parts, t.depth = parts, t.depth+1
}

// replace puts two parts in the place of one, in each half of where it stands.
func (t *identityTable) replace(index int, p, low, high *tablePart) {
	span := 1 << (t.depth - p.depth)
	first := index &^ (span - 1)
	for i := range span {
		if i < max(span/2, 1) {
			t.parts[first+i] = low
		} else {
			t.parts[first+i] = high
		}
	}
}

func (p *tablePart) each(fn func(identity)) {
	for _, id := range p.cells {
		if id != (identity{}) {
			fn(id)
		}
	}
}

// sorted yields all identities in ascending order.
func (t *identityTable) sorted(yield func(identity) bool) {
	for i, p := range t.parts {
		if i > 0 && t.parts[i-1] == p {
			continue
		}
		for _, id := range p.cells {
			if id != (identity{}) && !yield(id) {
				return
			}
		}
	}
}
