package query

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"

	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// The parts of an answer around its numbers.
const (
	beforeViews    = `":{"view_count":`
	beforeLikes    = `,"like_count":`
	beforeComments = `,"comment_count":`
	beforeRemixes  = `,"remix_count":`
	beforeGlitches = `,"glitch_count":`
)

// entrySize is what the longest entry takes, with a comma before it and room
// for what appendCount writes past its number.
const entrySize = 2 + idlist.SpellingLen + len(beforeViews+beforeLikes+beforeComments+beforeRemixes+beforeGlitches) +
	int(events.CounterCount)*countSize + 1

// countSize holds any number of 64 bits, and all that a word holds.
const countSize = 20

// appendEntry appends a video's entry, the comma before it included, to dst,
// which has room for it.
func appendEntry(dst []byte, text *idlist.Spelling, n *readmodel.Counts) []byte {
	dst = append(append(dst, ',', '"'), text[:]...)
	return append(appendCounts(dst, beforeViews, n), '}')
}

// appendCounts appends the five counters as members; before introduces the first.
func appendCounts(dst []byte, before string, n *readmodel.Counts) []byte {
	dst = slices.Grow(dst, len(before)+entrySize)
	dst = appendCount(append(dst, before...), n[events.Views])
	dst = appendCount(append(dst, beforeLikes...), n[events.Likes])
	dst = appendCount(append(dst, beforeComments...), n[events.Comments])
	dst = appendCount(append(dst, beforeRemixes...), n[events.Remixes])
	return appendCount(append(dst, beforeGlitches...), n[events.Glitches])
}

// appendCount appends a counter in decimal. Up to eight digits are made in one
// word and stored at once, since how many digits the next counter has is what a
// branch guesses wrong, and an answer for 20 videos has a hundred of them.
func appendCount(dst []byte, value int64) []byte {
	const ones = 0x0101010101010101
	if uint64(value) >= 1e8 || cap(dst)-len(dst) < 8 {
		return strconv.AppendInt(dst, value, 10)
	}
	// Halves of four digits, then quarters of two, then digits: each step
	// divides all lanes by a multiplication that is exact in its range.
	n := uint64(value)
	high := n / 10000
	lanes := high | (n-high*10000)<<32
	high = lanes * 10486 >> 20 & 0x0000007f_0000007f
	lanes = high | (lanes-high*100)<<16
	high = lanes * 103 >> 10 & 0x000f_000f_000f_000f
	lanes = high | (lanes-high*10)<<8
	// The first digit lies in the lowest byte. The last one stays if all are zero.
	leading := bits.TrailingZeros64(lanes|1<<56) &^ 7
	end := len(dst)
	binary.LittleEndian.PutUint64(dst[end:end+8], (lanes|'0'*ones)>>leading)
	return dst[:end+8-leading/8]
}
