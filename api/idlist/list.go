// Package idlist reads the lists of IDs that batch requests carry, by the rules
// that queries and commands share: IDs are counted as sent, a repeated ID counts
// once, in two spellings too, and each spelling gets its entry in the answer.
package idlist

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
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

	filter filter
	// byID has the places in Entries of the first spelling of each ID, once
	// there are more entries than shortList.
	byID hashSet
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
	l.filter = filter{}
	l.byID.reset()
	l.bySpelling.reset()
}

// Add takes the ID that text spells, unless it has this spelling already. It
// returns false where text is no UUID.
func (l *List[T]) Add(text *Spelling) bool {
	hi, lo, ok := events.ParseUUIDWords((*[SpellingLen]byte)(text))
	if ok {
		l.add(text, hi, lo)
	}
	return ok
}

func (l *List[T]) add(text *Spelling, hi, lo uint64) {
	if len(l.Entries) >= shortList {
		l.addLong(text, hi, lo)
	} else if !l.filter.mayHave(hi, lo) || !l.repeats(text, hi, lo) {
		l.put(text, hi, lo)
	}
}

// put takes an ID that is not listed.
func (l *List[T]) put(text *Spelling, hi, lo uint64) {
	n, id := len(l.Entries), len(l.IDs)
	if n == cap(l.Entries) || id == cap(l.IDs) {
		l.reserve(1)
	}
	// Written where they stay: a copy by way of the stack would wait for itself.
	l.Entries = l.Entries[:n+1]
	e := &l.Entries[n]
	e.Text, e.ID = *text, uint32(id)
	l.IDs = l.IDs[:id+1]
	binary.BigEndian.PutUint64(l.IDs[id][:8], hi)
	binary.BigEndian.PutUint64(l.IDs[id][8:], lo)
}

// reserve makes room for some more entries.
func (l *List[T]) reserve(more int) {
	l.Entries, l.IDs = slices.Grow(l.Entries, more), slices.Grow(l.IDs, more)
}

// is reports whether the ID at that place is the given one.
func (l *List[T]) is(id int, hi, lo uint64) bool {
	return binary.BigEndian.Uint64(l.IDs[id][:8]) == hi && binary.BigEndian.Uint64(l.IDs[id][8:]) == lo
}

// repeats reports whether a short list has the ID, and takes its spelling then.
func (l *List[T]) repeats(text *Spelling, hi, lo uint64) bool {
	for id := range l.IDs {
		if !l.is(id, hi, lo) {
			continue
		}
		place := id // or later, where other spellings stand between
		for l.Entries[place].ID != uint32(id) {
			place++
		}
		if l.Entries[place].Text != *text {
			l.addSpelling(text, uint32(id))
		}
		return true
	}
	return false
}

// addLong is Add where the list is no short one any more.
func (l *List[T]) addLong(text *Spelling, hi, lo uint64) {
	if l.byID.count == 0 {
		l.index()
	}
	hash := l.hash(hi, lo)
	cell := l.byID.first(hash)
	for {
		place, match, end := l.byID.at(cell, hash)
		if end {
			break
		}
		if match {
			if e := &l.Entries[place]; l.is(int(e.ID), hi, lo) {
				if e.Text != *text {
					l.addSpelling(text, e.ID)
				}
				return
			}
		}
		cell = l.byID.next(cell)
	}
	l.byID.put(cell, hash, uint32(len(l.Entries)))
	l.put(text, hi, lo)
}

// index enters the IDs of a short list.
func (l *List[T]) index() {
	id := 0
	for place := range l.Entries {
		if l.Entries[place].ID != uint32(id) {
			continue // not its first spelling
		}
		hash := l.hash(binary.BigEndian.Uint64(l.IDs[id][:8]), binary.BigEndian.Uint64(l.IDs[id][8:]))
		cell := l.byID.first(hash)
		for _, _, end := l.byID.at(cell, hash); !end; _, _, end = l.byID.at(cell, hash) {
			cell = l.byID.next(cell)
		}
		l.byID.put(cell, hash, uint32(place))
		id++
	}
}

// hash is keyed: whoever picks the IDs must not be able to pick collisions.
func (l *List[T]) hash(hi, lo uint64) uint32 {
	high, low := bits.Mul64(hi^l.seed[0], lo^l.seed[1])
	return uint32((high ^ low) * 0x9e3779b97f4a7c15 >> 32)
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
	sent = l.scanPlain(s, limit)
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

// scanPlain reads the elements up to the first that has anything unusual about
// it. Before an element it takes one space at most. Text that is a UUID has
// nothing in it that the scanner must look at.
func (l *List[T]) scanPlain(s *strictjson.Scanner, limit int) (sent int) {
	const widest = len(`, "`) + SpellingLen + len(`"`)
	ahead := s.Ahead()
	rest := ahead
	for sent < limit && len(rest) >= widest {
		w := rest[:widest]
		if sent > 0 {
			if w[0] != ',' {
				break
			}
			w = w[1:]
		}
		if w[0] == ' ' {
			w = w[1:]
		}
		quoted := (*[SpellingLen + 2]byte)(w)
		text := (*Spelling)(quoted[1:])
		hi, lo, ok := events.ParseUUIDWords((*[SpellingLen]byte)(text))
		if !ok || quoted[0] != '"' || quoted[SpellingLen+1] != '"' {
			break
		}
		l.add(text, hi, lo)
		rest = rest[widest-len(w)+len(quoted):]
		sent++
	}
	if sent > 0 {
		s.Advance(len(ahead)-len(rest), sent)
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
