package events

import "errors"

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

// ParseID reads the canonical text form in either case of hex. Other
// spellings of a UUID (braces, urn:uuid:, no dashes) are refused with ErrBadID.
func ParseID[K kind](s string) (ID[K], error) {
	var id ID[K]
	if !ParseUUID((*[16]byte)(&id), []byte(s)) {
		return ID[K]{}, ErrBadID
	}
	return id, nil
}

// ParseUUID reads the canonical text form into dst without allocating and
// reports whether text had that form. dst is undefined where it had not.
func ParseUUID[T string | []byte](dst *[16]byte, text T) bool {
	if len(text) != idLen || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return false
	}
	var bad byte
	for i, at := range hexPairs {
		hi, lo := hexValue[text[at]], hexValue[text[at+1]]
		bad |= hi | lo
		dst[i] = hi<<4 | lo&0x0f
	}
	return bad < 16
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

// hexPairs holds where in the text form the two digits of each byte stand.
var hexPairs = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

// hexValue maps a hex digit to its value and every other byte to 0xff.
var hexValue = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	for i := byte(0); i < 10; i++ {
		table['0'+i] = i
	}
	for i := byte(0); i < 6; i++ {
		table['a'+i], table['A'+i] = 10+i, 10+i
	}
	return table
}()
