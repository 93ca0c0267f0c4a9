package readmodel

import (
	"hash/maphash"
	"math/bits"
)

// rowFilter tells of most keys that are in no row of a layer that they are not: most
// rows that the fold looks for are new, and to find that out in a tree takes a cache
// miss for each of its levels, and one here. It has a fixed size, since what is left
// out of memory by the next checkpoint bounds the layer: with more rows than it is
// made for it only says less often what it could.
type rowFilter struct {
	// words are nil as long as there is no row.
	words []uint64
}

// filterWords is 1 MiB, 16 bits for each of half a million rows.
const filterWords = 1 << 17

// filterPlace is where a filter has a key: four bits of one word.
type filterPlace struct {
	word int
	mask uint64
}

func placeInFilter(seed maphash.Seed, key []byte) filterPlace {
	hash := maphash.Bytes(seed, key)
	word, _ := bits.Mul64(hash, filterWords)
	return filterPlace{int(word), 1<<(hash&63) | 1<<(hash>>6&63) | 1<<(hash>>12&63) | 1<<(hash>>18&63)}
}

func (f *rowFilter) mark(at filterPlace) {
	if f.words == nil {
		f.words = make([]uint64, filterWords)
	}
	f.words[at.word] |= at.mask
}

// lacks reports whether there is certainly no row of that key.
func (f *rowFilter) lacks(at filterPlace) bool {
	return f.words == nil || f.words[at.word]&at.mask != at.mask
}

// reset forgets all rows.
func (f *rowFilter) reset() { clear(f.words) }
