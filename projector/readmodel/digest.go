package readmodel

import (
	"encoding/binary"
	"math/bits"
)

// The digest of the state is the sum, modulo 2^64, of a hash of every entry in
// every table: it does not depend on the order in which entries came to be,
// and one entry's change costs one subtraction and one addition. It finds what
// chance does to memory or disk; it is no defence against someone who may
// write the checkpoint.

// Tables begin their entries' hashes with their own number.
const (
	tableVideos = iota + 1
	tableUsers
	tableLikes
	tableSeen
	tableTrending
	tableRows
)

// digestState hashes a short sequence of words by multiply-and-fold, as wyhash
// does, with fixed keys: the digest must be the same in every process.
type digestState uint64

func digestStart(table uint64) digestState {
	return digestState(0x2545f4914f6cdd1d * (2*table + 1))
}

func (d digestState) word(w uint64) digestState {
	hi, lo := bits.Mul64(uint64(d)^0xa0761d6478bd642f, w^0xe7037ed1a0b428db)
	return digestState(hi ^ lo ^ uint64(d)<<1)
}

func (d digestState) bytes(b []byte) digestState {
	d = d.word(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		d = d.word(binary.LittleEndian.Uint64(b))
	}
	if len(b) > 0 {
		var last [8]byte
		copy(last[:], b)
		d = d.word(binary.LittleEndian.Uint64(last[:]))
	}
	return d
}

func (d digestState) sum() uint64 { return uint64(d.word(0x8ebc6af09c88c6e3)) }

// dirtySet remembers which numbered entries changed since the last checkpoint.
type dirtySet struct {
	bits []uint64
	list []uint32
}

// add reports whether the number was not in the set yet.
func (s *dirtySet) add(number uint32) bool {
	word, bit := int(number>>6), uint64(1)<<(number&63)
	for word >= len(s.bits) {
		s.bits = append(s.bits, 0)
	}
	if s.bits[word]&bit != 0 {
		return false
	}
	s.bits[word] |= bit
	s.list = append(s.list, number)
	return true
}

// hand returns the set's bits and empties it. spare, if not nil, takes their
// place: all its bits are zero.
func (s *dirtySet) hand(spare []uint64) []uint64 {
	bits := s.bits
	s.bits, s.list = spare, s.list[:0]
	return bits
}

func (s *dirtySet) clear() {
	for _, number := range s.list {
		s.bits[number>>6] = 0
	}
	s.list = s.list[:0]
}
