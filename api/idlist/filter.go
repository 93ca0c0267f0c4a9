package idlist

import "math/bits"

// shortList is how many entries a list may have for its IDs to be compared one
// by one where the filter cannot tell that one is new.
const shortList = 128

const filterBits = 12

// filter tells of most IDs that are new in a short list that they are, by one
// bit for each that was listed: of a hundred it takes one for a repeated one. Its
// hash has no key, since whoever picks collisions makes a list cost no more
// than a repeated ID does.
type filter [1 << filterBits / 64]uint64

// mayHave reports whether the ID may be listed, and takes it.
func (f *filter) mayHave(hi, lo uint64) bool {
	hash := (hi ^ bits.RotateLeft64(lo, 32)) * 0x9e3779b97f4a7c15 >> (64 - filterBits)
	word, bit := &f[hash/64], uint64(1)<<(hash%64)
	had := *word&bit != 0
	*word |= bit
	return had
}
