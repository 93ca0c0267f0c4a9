package idlist

// hashSet is an open-addressing table from hashes to places in a list that the
// caller keeps. Emptying it costs nothing: cells of an earlier epoch count as
// empty, so that a list touches as many cells as it enters, of a table that may
// once have served a thousand.
type hashSet struct {
	cells []hashCell
	epoch uint32
	count int
}

type hashCell struct{ epoch, hash, place uint32 }

// firstHashCells holds 64 entries without growing.
const firstHashCells = 128

// reset empties the set.
func (t *hashSet) reset() {
	t.count = 0
	t.epoch++
	if t.epoch == 0 { // wrapped: old cells would look new
		clear(t.cells)
		t.epoch = 1
	}
}

// first returns where the search for a hash begins. It makes room for one more
// entry before, so the place is good for put after a search that failed.
func (t *hashSet) first(hash uint32) uint32 {
	if t.count*2 >= len(t.cells) {
		t.grow()
	}
	return hash & uint32(len(t.cells)-1)
}

// at returns the place that the cell holds, if it is of the hash; end is true
// where the search is over. Callers go on at the next cell.
func (t *hashSet) at(cell, hash uint32) (place uint32, match, end bool) {
	c := &t.cells[cell]
	if c.epoch != t.epoch {
		return 0, false, true
	}
	return c.place, c.hash == hash, false
}

func (t *hashSet) next(cell uint32) uint32 { return (cell + 1) & uint32(len(t.cells)-1) }

// put fills the cell at which a search has ended.
func (t *hashSet) put(cell, hash, place uint32) {
	t.cells[cell] = hashCell{t.epoch, hash, place}
	t.count++
}

func (t *hashSet) grow() {
	old := t.cells
	t.cells = make([]hashCell, max(firstHashCells, 2*len(old)))
	for i := range old {
		if c := &old[i]; c.epoch == t.epoch {
			cell := c.hash & uint32(len(t.cells)-1)
			for t.cells[cell].epoch == t.epoch {
				cell = t.next(cell)
			}
			t.cells[cell] = *c
		}
	}
}
