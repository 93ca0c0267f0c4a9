package readmodel

import "github.com/tidemark-io/tidemark/events"

// likeVersion is the state of a (user, video) pair: the time of the tap that
// won, in microseconds, shifted left by one, and in the lowest bit whether the
// user likes the video.
type likeVersion int64

func likeVersionOf(t events.Time, liked bool) likeVersion {
	v := likeVersion(t) << 1
	if liked {
		v |= 1
	}
	return v
}

func (v likeVersion) liked() bool       { return v&1 != 0 }
func (v likeVersion) time() events.Time { return events.Time(v >> 1) }

// likeSet is one user's pairs: an open-addressing table of 12-byte cells that
// begins with four. At seven eighths full it grows by half, so that a pair
// takes 14 to 21 bytes.
type likeSet struct {
	cells []likeCell
	used  uint32
}

// likeCell is a pair; video is the video's number plus one, zero when empty.
type likeCell struct {
	video          uint32
	verHigh, verLo uint32
}

func (c *likeCell) version() likeVersion {
	return likeVersion(uint64(c.verHigh)<<32 | uint64(c.verLo))
}

func (s *likeSet) get(video uint32) (likeVersion, bool) {
	if c := s.cell(video); c != nil && c.video != 0 {
		return c.version(), true
	}
	return 0, false
}

func (s *likeSet) set(space Space, video uint32, v likeVersion) {
	c := s.cell(video)
	if c == nil || c.video == 0 && int(s.used) >= len(s.cells)-len(s.cells)/8-1 {
		s.grow(space)
		c = s.cell(video)
	}
	if c.video == 0 {
		s.used++
	}
	*c = likeCell{video + 1, uint32(uint64(v) >> 32), uint32(v)}
}

// cell returns the cell of the video, or the empty one where it would stand;
// nil if there are no cells at all.
func (s *likeSet) cell(video uint32) *likeCell {
	if len(s.cells) == 0 {
		return nil
	}
	for at := likeHome(video, len(s.cells)); ; {
		c := &s.cells[at]
		if c.video == 0 || c.video == video+1 {
			return c
		}
		if at++; at == len(s.cells) {
			at = 0
		}
	}
}

// remove takes a pair out, if it is there. Those that were pushed behind it move
// up, as far as their home allows.
func (s *likeSet) remove(video uint32) {
	c := s.cell(video)
	if c == nil || c.video == 0 {
		return
	}
	s.used--
	hole := 0
	for &s.cells[hole] != c {
		hole++
	}
	for at := hole; ; {
		if at++; at == len(s.cells) {
			at = 0
		}
		moved := s.cells[at]
		if moved.video == 0 {
			s.cells[hole] = likeCell{}
			return
		}
		if home := likeHome(moved.video-1, len(s.cells)); between(home, hole, at) {
			continue // its home lies behind the hole
		}
		s.cells[hole] = moved
		hole = at
	}
}

// between reports whether a place lies after from and not after to, around the end.
func between(place, from, to int) bool {
	if from < to {
		return from < place && place <= to
	}
	return from < place || place <= to
}

func (s *likeSet) grow(space Space) {
	old := s.cells
	s.cells = alloc[likeCell](space, max(4, len(old)+len(old)/2))
	for i := range old {
		if old[i].video != 0 {
			*s.cell(old[i].video - 1) = old[i]
		}
	}
	release(space, old)
}

// each calls fn for every pair, in the order of the cells, which the history
// of the set determines.
func (s *likeSet) each(fn func(video uint32, v likeVersion)) {
	for i := range s.cells {
		if c := &s.cells[i]; c.video != 0 {
			fn(c.video-1, c.version())
		}
	}
}

// likeHome spreads video numbers, which are dense, over the cells, of which
// there may be any number (Lemire's reduction, arXiv:1805.10941).
func likeHome(video uint32, cells int) int {
	h := video * 0x9e3779b1
	h ^= h >> 15
	h *= 0x85ebca6b
	return int(uint64(h) * uint64(cells) >> 32)
}
