// Package idlist reads the lists of IDs that batch requests carry, by the rules
// that queries and commands share: IDs are counted as sent, a repeated ID counts
// once, in two spellings too, and each spelling gets its entry in the answer.
package idlist

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"strconv"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// SpellingLen is the length of the text form of a UUID.
const SpellingLen = 36

// Spelling is an ID as a client wrote it: its hex digits may be of either case.
// It is copied out of the request, so nothing here points into a pooled body,
// and it needs no escaping in JSON.
type Spelling [SpellingLen]byte

// List is the IDs of a batch request. A repeated ID counts once, so that one
// answer never holds two states of one thing; each distinct spelling of it is
// an entry of its own, since an answer is keyed by the very string sent.
type List[T ~[16]byte] struct {
	// IDs are the distinct IDs in the order of their first mention.
	IDs []T
	// Entries are the distinct spellings in the order of the request.
	Entries []Entry

	byID hashSet // places in entries, of the first spelling of each ID
	// bySpelling knows spellings other than an ID's first. It is a set of its
	// own so that a thousand spellings of one ID do not cost a thousand squared.
	bySpelling hashSet
	seed       [2]uint64
	spellSeed  maphash.Seed
}

// Entry is one spelling of an ID.
type Entry struct {
	Text Spelling
	ID   uint32 // place in IDs
}

// KeptIDs bounds what a pooled list keeps for the next request.
const KeptIDs = 4 << 10

// Reset empties the list.
func (l *List[T]) Reset() {
	if l.seed[0] == 0 {
		// Whoever picks the IDs must not be able to pick collisions.
		l.spellSeed = maphash.MakeSeed()
		l.seed[0] = maphash.Bytes(l.spellSeed, []byte{0}) | 1
		l.seed[1] = maphash.Bytes(l.spellSeed, []byte{1}) | 1
	}
	l.IDs, l.Entries = l.IDs[:0], l.Entries[:0]
	l.byID.reset()
	l.bySpelling.reset()
}

// Add takes the ID that text spells, unless it has this spelling already. It
// returns false where text is no UUID.
func (l *List[T]) Add(text *Spelling) bool {
	first, last, ok := events.ParseUUIDWords((*[SpellingLen]byte)(text))
	if !ok {
		return false
	}
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], first)
	binary.BigEndian.PutUint64(id[8:], last)
	hi, lo := bits.Mul64(first^l.seed[0], last^l.seed[1])
	hash := uint32((hi ^ lo) * 0x9e3779b97f4a7c15 >> 32)
	cell := l.byID.first(hash)
	for {
		place, match, end := l.byID.at(cell, hash)
		if end {
			break
		}
		if match {
			if e := &l.Entries[place]; l.IDs[e.ID] == T(id) {
				if e.Text != *text {
					l.addSpelling(text, e.ID)
				}
				return true
			}
		}
		cell = l.byID.next(cell)
	}
	l.byID.put(cell, hash, uint32(len(l.Entries)))
	l.Entries = append(l.Entries, Entry{Text: *text, ID: uint32(len(l.IDs))})
	l.IDs = append(l.IDs, T(id))
	return true
}

// addSpelling takes another spelling of an ID that is listed.
func (l *List[T]) addSpelling(text *Spelling, id uint32) {
	hash := uint32(maphash.Bytes(l.spellSeed, text[:]))
	cell := l.bySpelling.first(hash)
	for {
		place, match, end := l.bySpelling.at(cell, hash)
		if end {
			break
		}
		if match && l.Entries[place].Text == *text {
			return
		}
		cell = l.bySpelling.next(cell)
	}
	l.bySpelling.put(cell, hash, uint32(len(l.Entries)))
	l.Entries = append(l.Entries, Entry{Text: *text, ID: id})
}

// NotUUID is what an entry that is no ID is told.
const NotUUID = "is not a UUID in the 8-4-4-4-12 form"

// Scan reads the value that is ready, an array of up to limit IDs, into the
// list and returns how many were sent. What is wrong with it is recorded with
// the scanner.
func (l *List[T]) Scan(s *strictjson.Scanner, limit int) (sent int) {
	if !s.Array() {
		return 0
	}
	// Text that is a UUID has nothing in it that the scanner must look at.
	for text := s.Peek(SpellingLen); text != nil && sent < limit && l.Add((*Spelling)(text)); text = s.Peek(SpellingLen) {
		s.Take()
		sent++
	}
	for s.Element() {
		if sent++; sent > limit {
			continue
		}
		text, ok := s.String()
		if ok && (len(text) != SpellingLen || !l.Add((*Spelling)(text))) {
			s.Fail(NotUUID)
		}
	}
	if sent > limit {
		s.Fail("lists more than " + strconv.Itoa(limit) + " IDs, the most for one request")
	}
	return sent
}

// ScanSome is Scan for commands, which take no empty list.
func (l *List[T]) ScanSome(s *strictjson.Scanner, limit int) {
	l.Reset()
	isArray := s.Kind() == strictjson.Array
	if l.Scan(s, limit) == 0 && isArray {
		s.Fail("must not be empty")
	}
}

// AppendResults appends a "results" object to an answer: for each spelling what
// word gives for the place of its ID.
func (l *List[T]) AppendResults(dst []byte, word func(id int) string) []byte {
	dst = append(dst, `"results":{`...)
	for i := range l.Entries {
		e := &l.Entries[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		// A spelling is hex digits and dashes: nothing in it needs escaping.
		dst = append(append(append(dst, '"'), e.Text[:]...), `":"`...)
		dst = append(append(dst, word(int(e.ID))...), '"')
	}
	return append(dst, '}')
}
