package readmodel

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// A bucket of trending is pairs of the video's number and its score, in the order
// of the videos, in as many values as it takes: a bucket may hold every video,
// and a value of the checkpoint is bounded. The key is the ranking, the window,
// the bucket and the number of the value.
const trendingKeySize = 1 + 1 + 1 + 8 + 4

// trendingScores is how many scores one value holds at most.
const trendingScores = 1 << 14

func trendingKey(r, w int, bucket int64, value uint32) []byte {
	k := binary.BigEndian.AppendUint64([]byte{spaceTrending, byte(r), byte(w)}, uint64(bucket)^1<<63)
	return binary.BigEndian.AppendUint32(k, value)
}

func (t *Trending) freeze(i *Image) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for r := range t.parts {
		for w := range t.parts[r] {
			t.parts[r][w].freeze(i, r, w, &t.spare)
		}
	}
	t.last = [rankingCount]lastBucket{} // of which some bucket may be gone
}

func (p *part) freeze(i *Image, r, w int, spare *moveSorter) {
	for _, d := range p.dropped {
		if b := p.buckets[d.at]; b != nil { // it has come back since
			b.here()
			b.values, b.saved = max(b.values, d.values), false
			continue
		}
		for n := range d.values {
			i.put(trendingKey(r, w, d.at, n), nil)
		}
	}
	p.dropped = nil
	for at, b := range p.buckets {
		b.settle(spare)
		if b.away != nil {
			continue // as it is in the checkpoint before
		}
		if !b.saved || len(b.scores) == 0 {
			b.write(i, r, w, at)
		}
		if len(b.scores) == 0 {
			delete(p.buckets, at)
		}
	}
}

// write puts the bucket's values into the image, and deletes those that the
// checkpoint before has beyond them.
func (b *tally) write(i *Image, r, w int, at int64) {
	n := uint32(0)
	for part := range slices.Chunk(b.scores, trendingScores) {
		i.records = append(i.records, entry{key: trendingKey(r, w, at, n), scores: part})
		n++
	}
	for gone := n; gone < b.values; gone++ {
		i.put(trendingKey(r, w, at, gone), nil)
	}
	b.values, b.saved = n, true
}

func encodeScores(scores []score) []byte {
	value := make(record, 0, 8*len(scores))
	for _, s := range scores {
		value = value.uint32(s.video).uint32(uint32(s.count))
	}
	return value
}

// decodeScores reads one value. It returns false if it is none.
func decodeScores(f fields) ([]score, bool) {
	if len(f)%8 != 0 || len(f) == 0 {
		return nil, false
	}
	scores := make([]score, len(f)/8)
	for i := range scores {
		scores[i] = score{f.uint32(), int32(f.uint32())}
	}
	return scores, true
}

// inOrder reports whether the scores may stand in a bucket.
func inOrder(scores []score) bool {
	for i, s := range scores {
		if s.count == 0 || i > 0 && scores[i-1].video >= s.video {
			return false
		}
	}
	return true
}

// load reads the values of each bucket, which lie side by side, and puts them
// together at their size: grown value by value, a bucket of millions is copied
// over and over.
func (t *Trending) load(src Source) error {
	var (
		bucket *tally
		r, w   byte
		at     int64
		values [][]score
		broken error
	)
	put := func() {
		if bucket == nil {
			return
		}
		bucket.scores, bucket.values, bucket.saved = slices.Concat(values...), uint32(len(values)), true
		if !inOrder(bucket.scores) {
			broken = fmt.Errorf("%w: a bucket of trending is out of order", ErrState)
		}
		if t.lean {
			bucket.sum(partOf(int(r), int(w)), at, &t.spare)
			t.leave(bucket, int(r), int(w), at)
		}
	}
	t.base = src
	err := src.Scan([]byte{spaceTrending}, []byte{spaceTrending}, func(key, value []byte) bool {
		if len(key) != trendingKeySize || key[1] >= byte(rankingCount) || key[2] >= byte(windowCount) {
			broken = fmt.Errorf("%w: a key of trending is cut short", ErrState)
			return false
		}
		f := fields(key[3:])
		n := int64(f.uint64() ^ 1<<63)
		if b := t.parts[key[1]][key[2]].bucket(n); b != bucket {
			put()
			bucket, r, w, at, values = b, key[1], key[2], n, values[:0]
		}
		scores, ok := decodeScores(value)
		if !ok || f.uint32() != uint32(len(values)) {
			broken = fmt.Errorf("%w: a bucket of trending is cut short", ErrState)
		}
		values = append(values, scores)
		return broken == nil
	})
	put()
	return cmp.Or(err, broken)
}
