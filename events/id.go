package events

import (
	"encoding/binary"
	"errors"
)

// ID is a UUID of any version, typed by what it names: the type parameter
// exists at compile time only, so that a user can never be passed where a
// video belongs.
type ID[K kind] [16]byte

type (
	videoKind        struct{}
	userKind         struct{}
	itemKind         struct{}
	jobKind          struct{}
	notificationKind struct{}
	commandKind      struct{}

	kind interface {
		videoKind | userKind | itemKind | jobKind | notificationKind | commandKind
	}
)

type (
	// VideoID names a video.
	VideoID = ID[videoKind]
	// UserID names an account: an author, a viewer, an owner, an administrator.
	UserID = ID[userKind]
	// ItemID names a comment, a remix or a glitch within its video.
	ItemID = ID[itemKind]
	// JobID names an AI job.
	JobID = ID[jobKind]
	// NotificationID names a notification within its recipient's.
	NotificationID = ID[notificationKind]
	// CommandID names a command: minted at random, or derived from the caller
	// and the Idempotency-Key, so that a repeat has the same ID.
	CommandID = ID[commandKind]
)

// ErrBadID is returned for text that is not a UUID in the 8-4-4-4-12 form.
var ErrBadID = errors.New("is not a UUID in the 8-4-4-4-12 form")

// idLen is the length of the canonical text form (RFC 9562, section 4).
const idLen = 36

// ParseUUID reads the canonical text form, in either case of hex, into dst
// without allocating, and reports whether text had that form: other spellings of
// a UUID (braces, urn:uuid:, no dashes) have not. dst is undefined then.
func ParseUUID[T string | []byte](dst *[16]byte, text T) bool {
	if len(text) != idLen {
		return false
	}
	var copied [idLen]byte
	copy(copied[:], text)
	hi, lo, ok := ParseUUIDWords(&copied)
	binary.BigEndian.PutUint64(dst[:8], hi)
	binary.BigEndian.PutUint64(dst[8:], lo)
	return ok
}

// ParseUUIDWords is ParseUUID for text that has the length already. It returns
// the two halves of the ID as big-endian numbers, which are undefined where
// the text had not the canonical form.
//
// It reads the digits eight at a time, in place of 32 table look-ups an ID, and
// looks once at the end whether all of them were digits.
func ParseUUIDWords(text *[36]byte) (hi, lo uint64, ok bool) {
	a, badA := hexDigits(binary.BigEndian.Uint64(text[0:]))
	b, badB := hexDigits(uint64(binary.BigEndian.Uint32(text[9:]))<<32 | uint64(binary.BigEndian.Uint32(text[14:])))
	c, badC := hexDigits(uint64(binary.BigEndian.Uint32(text[19:]))<<32 | uint64(binary.BigEndian.Uint32(text[24:])))
	d, badD := hexDigits(binary.BigEndian.Uint64(text[28:]))
	bad := (badA | badB | badC | badD) & 0xf0f0f0f0f0f0f0f0
	dashes := (text[8] ^ '-') | (text[13] ^ '-') | (text[18] ^ '-') | (text[23] ^ '-')
	return packDigits(a)<<32 | packDigits(b), packDigits(c)<<32 | packDigits(d), bad|uint64(dashes) == 0
}

// hexDigits reads eight hex digits of either case, each in the byte where it
// stands. If one of the bytes is no hex digit, bad has a bit in the upper half
// of a byte.
func hexDigits(text uint64) (digits, bad uint64) {
	const ones = 0x0101010101010101
	// Letters have bit 6. In lower case they stand 0x27 too high to follow the
	// nine; bytes with the bit are at least 0x60 by then, so nothing is borrowed.
	letter := text >> 6 & ones
	digits = (text | letter<<5) - letter*0x27 ^ '0'*ones
	// What is above fifteen now was no digit, nor was a letter below ten or
	// another character from ten on. Only a byte that is bad already carries.
	return digits, digits | (digits+6*ones^letter<<4)&(0x10*ones)
}

// packDigits joins eight digits, the first in the highest byte, to a number.
func packDigits(digits uint64) uint64 {
	digits = (digits | digits>>4) & 0x00ff00ff00ff00ff
	digits = (digits | digits>>8) & 0x0000ffff0000ffff
	return (digits | digits>>16) & 0xffffffff
}

// AppendTo appends the canonical text form, in lower case.
func (id ID[K]) AppendTo(dst []byte) []byte {
	const digits = "0123456789abcdef"
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[b>>4], digits[b&0x0f])
	}
	return dst
}

// String returns the canonical text form, in lower case.
func (id ID[K]) String() string { return string(id.AppendTo(make([]byte, 0, idLen))) }

// IsZero reports whether the ID is the nil UUID, which stands for "none" where
// an ID is optional.
func (id ID[K]) IsZero() bool { return id == ID[K]{} }
