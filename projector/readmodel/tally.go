package readmodel

import (
	"math/bits"
	"slices"
)

// tally is one bucket of trending: the score of each video in it, and the moves
// that have not been added to the scores yet.
type tally struct {
	// scores are in the order of the videos, and none is zero. The slice is
	// replaced and never written to: readers keep it.
	scores []score
	moves  []move
	// lent: somebody reads the moves of now beside the fold, which therefore appends to
	// them and changes none.
	lent bool
	// away reads the scores from the checkpoint, where they were left (here).
	away   func() []score
	saved  bool   // as it is, by the last checkpoint
	values uint32 // that the last checkpoint has it in
	summed bool   // digest is of the present scores
	digest uint64
}

type score struct {
	video uint32
	count int32
}

// move is a video's number, shifted left by one, and whether its score goes
// down by one and not up. So moves order by video. (Numbers stay below 2^31:
// that many slots would take 128 GiB.)
type move uint32

func moveOf(video uint32, delta int32) move { return move(video<<1 | uint32(delta)>>31) }

func (m move) video() uint32 { return uint32(m >> 1) }
func (m move) delta() int32  { return 1 - int32(m&1)<<1 }

// movesMin is how many moves wait at least before they are added to the scores:
// sorted together they cost some 8 ns each. As many may wait as there are
// scores, so that adding them costs no more for each than it takes to copy one.
const movesMin = 8192

func (b *tally) touch() { b.saved, b.summed = false, false }

func (b *tally) add(m move, spare *moveSorter) {
	b.touch()
	b.moves = append(b.moves, m)
	if len(b.moves) >= max(movesMin, len(b.scores)) {
		b.settle(spare)
	}
}

// settle adds the moves to the scores.
func (b *tally) settle(spare *moveSorter) {
	if len(b.moves) == 0 {
		return
	}
	b.here()
	moves := b.moves
	if b.moves = b.moves[:0]; b.lent {
		moves, b.moves, b.lent = slices.Clone(moves), nil, false
	}
	b.scores = merge(b.scores, spare.count(moves))
}

// partOf numbers the parts of trending.
func partOf(r, w int) uint64 { return uint64(r)<<8 | uint64(w) }

// sum returns the digest of the settled scores, each with its place.
func (b *tally) sum(part uint64, at int64, spare *moveSorter) uint64 {
	b.settle(spare)
	if b.summed {
		return b.digest
	}
	b.here()
	b.digest, b.summed = 0, true
	if len(b.scores) > 0 {
		d := digestStart(tableTrending).word(part).word(uint64(at))
		for _, s := range b.scores {
			d = d.word(uint64(s.video)<<32 | uint64(uint32(s.count)))
		}
		b.digest = d.sum()
	}
	return b.digest
}

// merge adds up two lists of scores. The result is new, unless one is empty;
// neither is written to.
func merge(a, b []score) []score {
	if len(b) == 0 {
		return a
	}
	merged := make([]score, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].video < b[0].video:
			merged, a = append(merged, a[0]), a[1:]
		case a[0].video > b[0].video:
			merged, b = append(merged, b[0]), b[1:]
		default:
			if count := a[0].count + b[0].count; count != 0 {
				merged = append(merged, score{a[0].video, count})
			}
			a, b = a[1:], b[1:]
		}
	}
	merged = append(append(merged, a...), b...)
	if cap(merged) > len(merged)+len(merged)/4 {
		merged = slices.Clone(merged) // it may stay for a week
	}
	return merged
}

// mergeAll adds up lists of scores, pair by pair.
func mergeAll(lists [][]score) []score {
	if len(lists) == 1 {
		return lists[0]
	}
	half := len(lists) / 2
	return merge(mergeAll(lists[:half]), mergeAll(lists[half:]))
}

// moveSorter sorts moves and adds them up, in memory that is used again.
type moveSorter struct {
	other  []move
	scores []score
}

const (
	sortBits = 11
	sortMask = 1<<sortBits - 1
	// sortFew is below how many moves comparing beats counting.
	sortFew = 256
)

// count returns what the moves add up to. The result is valid until the next
// call; moves are left in any order.
func (s *moveSorter) count(moves []move) []score {
	s.scores = s.scores[:0]
	for moves := s.sort(moves); len(moves) > 0; {
		video, n, sum := moves[0].video(), 0, int32(0)
		for ; n < len(moves) && moves[n].video() == video; n++ {
			sum += moves[n].delta()
		}
		if sum != 0 {
			s.scores = append(s.scores, score{video, sum})
		}
		moves = moves[n:]
	}
	return s.scores
}

// sort returns the moves in order, in their place or in memory of its own: by
// counting, from the lowest digit up, as many digits as the greatest has.
func (s *moveSorter) sort(moves []move) []move {
	if len(moves) < sortFew {
		slices.Sort(moves)
		return moves
	}
	digits := (bits.Len32(uint32(slices.Max(moves))) + sortBits - 1) / sortBits
	s.other = slices.Grow(s.other[:0], len(moves))[:len(moves)]
	from, to := moves, s.other
	for d := range digits {
		shift := d * sortBits
		var starts [1 << sortBits]uint32
		for _, m := range from {
			starts[uint32(m)>>shift&sortMask]++
		}
		next := uint32(0)
		for i, n := range starts {
			starts[i], next = next, next+n
		}
		for _, m := range from {
			at := &starts[uint32(m)>>shift&sortMask]
			to[*at] = m
			*at++
		}
		from, to = to, from
	}
	return from
}

// sums adds up many lists of scores: a number for each video, and a bit for
// each that was added to, so that few videos among many are found again.
type sums struct {
	scores []int32
	added  []uint64
}

func (s *sums) addAll(lists [][]score, moves []move) {
	videos := 0
	for _, list := range lists {
		if len(list) > 0 {
			videos = max(videos, int(list[len(list)-1].video)+1)
		}
	}
	for _, m := range moves {
		videos = max(videos, int(m.video())+1)
	}
	if videos > len(s.scores) {
		s.scores, s.added = make([]int32, videos), make([]uint64, videos/64+1)
	}
	for _, list := range lists {
		for _, c := range list {
			s.add(c.video, c.count)
		}
	}
	for _, m := range moves {
		s.add(m.video(), m.delta())
	}
}

func (s *sums) add(video uint32, delta int32) {
	s.scores[video] += delta
	s.added[video>>6] |= 1 << (video & 63)
}

// drain calls fn for each video with a score above zero, and empties the sums.
func (s *sums) drain(fn func(video uint32, score int32)) {
	for word, set := range s.added {
		for ; set != 0; set &= set - 1 {
			video := uint32(word<<6 + bits.TrailingZeros64(set))
			if sum := s.scores[video]; sum > 0 {
				fn(video, sum)
			}
			s.scores[video] = 0
		}
		s.added[word] = 0
	}
}
