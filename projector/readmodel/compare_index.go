package readmodel

// What the tables hold is no use to anybody who cannot find it: readers and the fold
// get to an entry by the index, of which no digest tells. So each number that is
// compared must be the one that its key is found under. Whoever reads may look into an
// index beside the fold, and so this costs it nothing.

// lost calls note for each entry from first to before end that cannot be found.
func (x *index) lost(first, end, count uint32, note func(number uint32)) {
	var hashes [32]uint64
	var lines [len(hashes)]uintptr
	d := x.directory.Load()
	for ; first < end; first += uint32(len(hashes)) {
		group := hashes[:min(uint32(len(hashes)), end-first)]
		for i := range group {
			group[i] = x.hashOf(first + uint32(i))
			lines[i] = d.at(group[i]).line(group[i])
		}
		prefetch(&lines[0], len(group))
		for i, hash := range group {
			if number := first + uint32(i); !x.holds(hash, number, count) {
				note(number)
			}
		}
	}
}

// holds reports whether a search for the key of an entry ends at it. There are at least
// count entries: a number from there on is none, which find would not expect.
func (x *index) holds(hash uint64, number, count uint32) bool {
	hi, lo, _ := x.key(number)
	c := x.directory.Load().at(hash)
	for probe := uint32(0); ; {
		found, next, ok := c.candidate(hash, probe)
		switch {
		case !ok:
			return false
		case found == number:
			return true
		case found < count:
			if h, l, _ := x.key(found); h == hi && l == lo {
				return false
			}
		}
		probe = next
	}
}

// reenter makes an entry be found again: in the cell that was damaged, if that is where
// the search for it comes along, else in the first that is free. Writer only.
func (x *index) reenter(number, count uint32) {
	hash := x.hashOf(number)
	if x.holds(hash, number, count) {
		return
	}
	s := x.segments[hash>>x.directory.Load().shift]
	for probe := range uint32(segmentCells) {
		cell := &s.cells[place(tagOf(hash), probe)]
		held := cell.Load()
		if held == 0 {
			break
		}
		if other := uint32(held) - 1; other == number || held>>32 == hash>>32 && !x.owns(hash, other, count) {
			cell.Store(cellOf(tagOf(hash), number))
			return
		}
	}
	x.add(hash, number)
}

// owns reports whether the entry is there whose key has that tag.
func (x *index) owns(hash uint64, number, count uint32) bool {
	return number < count && tagOf(x.hashOf(number)) == tagOf(hash)
}

// lostVideos returns what looks for videos from first to before end in the index of the
// live model, beside the fold.
func (c *Comparison) lostVideos(first, end uint32) func() error {
	live := c.live.Videos
	return func() error {
		live.index.lost(first, end, end, func(number uint32) {
			c.note(lost("video", live.ID(number), func(m *Model) { m.Videos.index.reenter(number, m.Videos.count) }))
		})
		return nil
	}
}

// lostUsers is lostVideos for users.
func (c *Comparison) lostUsers(first, end uint32) func() error {
	live := c.live.Users
	return func() error {
		live.index.lost(first, end, end, func(number uint32) {
			e := live.entry(number)
			c.note(lost("user", bytes16(e.hi, e.lo), func(m *Model) { m.Users.index.reenter(number, m.Users.count) }))
		})
		return nil
	}
}

func lost(table string, id [16]byte, reenter func(live *Model)) Difference {
	return Difference{Table: table, ID: text(id), Live: "is there and not found by its ID", Log: "is found by its ID", mend: func(live, _ *Model) { reenter(live) }}
}
