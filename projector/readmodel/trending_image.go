package readmodel

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

// A bucket of trending is one value: pairs of the video's number and its score,
// in the order of the videos. The key is the ranking, the window and the bucket.
const trendingKeySize = 1 + 1 + 1 + 8

func trendingKey(r, w int, bucket int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceTrending, byte(r), byte(w)}, uint64(bucket)^1<<63)
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
	for _, at := range p.dropped {
		if p.buckets[at] == nil { // and has not come back since
			i.put(trendingKey(r, w, at), nil)
		}
	}
	p.dropped = nil
	for at, b := range p.buckets {
		b.settle(spare)
		switch {
		case len(b.scores) == 0:
			i.put(trendingKey(r, w, at), nil)
			delete(p.buckets, at)
		case !b.saved:
			i.put(trendingKey(r, w, at), b.encode())
			b.saved = true
		}
	}
}

func (b *tally) encode() []byte {
	value := make(record, 0, 8*len(b.scores))
	for _, s := range b.scores {
		value = value.uint32(s.video).uint32(uint32(s.count))
	}
	return value
}

func (b *tally) decode(f fields) bool {
	if len(f)%8 != 0 {
		return false
	}
	b.scores = make([]score, 0, len(f)/8)
	for len(f) > 0 {
		s := score{f.uint32(), int32(f.uint32())}
		if n := len(b.scores); s.count == 0 || n > 0 && b.scores[n-1].video >= s.video {
			return false
		}
		b.scores = append(b.scores, s)
	}
	b.saved = true
	return true
}

func (t *Trending) load(src Source) error {
	var broken error
	err := src.Scan([]byte{spaceTrending}, []byte{spaceTrending}, func(key, value []byte) bool {
		b := &tally{}
		if len(key) != trendingKeySize || key[1] >= byte(rankingCount) || key[2] >= byte(windowCount) || !b.decode(value) {
			broken = fmt.Errorf("%w: a bucket of trending is cut short or out of order", ErrState)
			return false
		}
		at := fields(key[3:])
		t.parts[key[1]][key[2]].buckets[int64(at.uint64()^1<<63)] = b
		return true
	})
	return cmp.Or(err, broken)
}
