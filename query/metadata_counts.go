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

// label is what stands before a counter in an answer. All of its room is stored,
// and what follows is written over the rest: a store of one size is no call.
type label struct {
	text [labelRoom]byte
	size int
}

const labelRoom = 24

var labels = [events.CounterCount]label{
	events.Views:    newLabel(`"view_count":`),
	events.Likes:    newLabel(`,"like_count":`),
	events.Comments: newLabel(`,"comment_count":`),
	events.Remixes:  newLabel(`,"remix_count":`),
	events.Glitches: newLabel(`,"glitch_count":`),
}

func newLabel(text string) (l label) {
	l.size = copy(l.text[:], text)
	return l
}

// room is where one video is written: more than the longest takes. Places in it
// are masked by placeMask, which changes none, and shows the compiler that
// nothing is written beyond it.
type room [placeMask + 1 + labelRoom]byte

const (
	placeMask = 511
	roomSize  = len(room{})
	// entrySize is what the longest entry takes, with the comma before it.
	entrySize = entryAhead + int(events.CounterCount)*(labelRoom+20) + 1
	// entryAhead is the comma, the ID in quotes, and `:{`.
	entryAhead = 1 + 2 + idlist.SpellingLen + 2
)

// appendEntry appends a video's entry, the comma before it included, to dst,
// which has a room for it.
func appendEntry(dst []byte, text *idlist.Spelling, n *readmodel.Counts) []byte {
	end := len(dst)
	r := (*room)(dst[end : end+roomSize])
	r[0], r[1] = ',', '"'
	*(*idlist.Spelling)(r[2:]) = *text
	r[entryAhead-3], r[entryAhead-2], r[entryAhead-1] = '"', ':', '{'
	return dst[:end+r.counts(entryAhead, n)]
}

// appendCounts appends the five counters as members, and the end of the object.
func appendCounts(dst []byte, n *readmodel.Counts) []byte {
	dst = slices.Grow(dst, roomSize)
	end := len(dst)
	return dst[:end+(*room)(dst[end:end+roomSize]).counts(0, n)]
}

// counts writes the counters as members, and the end of the object, from a place
// on, and returns where they end.
func (r *room) counts(at int, counts *readmodel.Counts) int {
	for c, n := range counts {
		l := &labels[c]
		*(*[labelRoom]byte)(r[at&placeMask:]) = l.text
		at += l.size
		if uint64(n) >= 1e8 {
			at = len(strconv.AppendInt(r[:at&placeMask], n, 10))
			continue
		}
		text, size := decimal(uint64(n))
		binary.LittleEndian.PutUint64(r[at&placeMask:], text)
		at += size
	}
	r[at&placeMask] = '}'
	return at + 1
}

// decimal returns the text of a number below 1e8, the first digit in the lowest
// byte. All digits are made in one word: how many the next counter has is what a
// branch guesses wrong, and an answer for 20 videos has a hundred of them.
func decimal(n uint64) (text uint64, size int) {
	const ones = 0x0101010101010101
	// Halves of four digits, then quarters of two, then digits: each step divides
	// all lanes by a multiplication that is exact in its range, and moves what is
	// left of each lane into its upper half.
	high := n * 109951163 >> 40
	lanes := n<<32 - high*(10000<<32-1)
	high = lanes * 10486 >> 20 & 0x0000007f_0000007f
	lanes = lanes<<16 - high*(100<<16-1)
	high = lanes * 103 >> 10 & 0x000f_000f_000f_000f
	lanes = lanes<<8 - high*(10<<8-1)
	// The last digit stays if all are zero.
	leading := bits.TrailingZeros64(lanes|1<<56) &^ 7
	return (lanes | '0'*ones) >> leading, 8 - leading/8
}
