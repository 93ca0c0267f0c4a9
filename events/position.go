package events

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Incarnation names one life of the event log. A log that was restored from a
// backup, moved or promoted is another one, although its sequence numbers may
// look alike.
type Incarnation [16]byte

// String returns the incarnation as 32 hex digits.
func (i Incarnation) String() string { return fmt.Sprintf("%x", i[:]) }

// Position is a place in the event log: the stream's sequence number and the
// index of the event in that message's record batch.
type Position struct {
	// Seq is the stream sequence, from 1; 0 is the position before the first event.
	Seq uint64
	// Index is the event's place in its record batch, 0 to MaxBatchEvents-1.
	Index uint16
}

// Compare returns -1, 0 or +1 as p lies before, at or after q.
func (p Position) Compare(q Position) int {
	a, b := p.Packed(), q.Packed()
	switch {
	case a < b:
		return -1
	case a > b:
		return +1
	}
	return 0
}

// Packed returns the position as one number that orders as positions do.
// Sequences up to 2^50 fit: at ten thousand record batches a second, 3,500 years.
func (p Position) Packed() uint64 { return p.Seq<<indexBits | uint64(p.Index) }

// UnpackPosition is the inverse of Packed.
func UnpackPosition(v uint64) Position {
	return Position{Seq: v >> indexBits, Index: uint16(v & (1<<indexBits - 1))}
}

const (
	// indexBits holds every index of a record batch (MaxBatchEvents is 1,000).
	indexBits = 10
	// sequenceBits hold every sequence that there is a position for.
	sequenceBits = 50
	// MaxSequence is the greatest of them.
	MaxSequence = 1<<sequenceBits - 1
)

// String returns the position as people write it: "sequence.index".
func (p Position) String() string { return fmt.Sprintf("%d.%d", p.Seq, p.Index) }

// MarshalText writes what String does.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what ParsePosition reads.
func (p *Position) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePosition(string(text))
	return err
}

// ErrBadPosition is returned for text that is no position.
var ErrBadPosition = errors.New("is no position: write a sequence and an index, such as 1200.7")

// ParsePosition reads what String writes, or the sequence alone, which stands for
// its first event.
func ParsePosition(text string) (Position, error) {
	digits, index, _ := strings.Cut(text, ".")
	seq, err := strconv.ParseUint(digits, 10, sequenceBits)
	at, indexErr := strconv.ParseUint("0"+index, 10, 16)
	if err != nil || indexErr != nil || at >= MaxBatchEvents {
		return Position{}, fmt.Errorf("%.40q %w", text, ErrBadPosition)
	}
	return Position{Seq: seq, Index: uint16(at)}, nil
}

// Token is what a client holds as Tidemark-Position. It has two bounds,
// because an answer is read while the fold goes on: what changed since must be
// counted from the floor, and reading one's own writes must wait for the ceiling.
type Token struct {
	Incarnation Incarnation
	// Floor was folded before the answer was read.
	Floor Position
	// Ceiling is the highest position that the answer holds; at least Floor.
	Ceiling Position
	// Tag is the first four bytes of the batch ID at Ceiling.Seq (0 if
	// unknown): it tells a position of this log from one of a lost tail whose
	// sequence numbers were used again.
	Tag uint32
	// Generation counts the read models that served under this incarnation;
	// a switch to a rebuilt one raises it.
	Generation uint32
}

// ErrBadToken is returned for text that no server of this kind has issued.
var ErrBadToken = errors.New("is not a position that this service issued")

const (
	tokenVersion = 1
	tokenSum     = 4 // bytes of checksum that tell a typing error from a position
	tokenMax     = 1 + 16 + 4*binary.MaxVarintLen64 + 4 + tokenSum
	tokenTextMax = (tokenMax*8 + 5) / 6
)

// tokenEncoding refuses bits that are set where no byte is left for them.
var tokenEncoding = base64.RawURLEncoding.Strict()

// AppendTo appends the token in its text form, [A-Za-z0-9_-]+.
func (t Token) AppendTo(dst []byte) []byte {
	var raw [tokenMax]byte
	b := append(raw[:0], tokenVersion)
	b = append(b, t.Incarnation[:]...)
	b = binary.AppendUvarint(b, t.Floor.Packed())
	b = binary.AppendUvarint(b, t.Ceiling.Packed()-t.Floor.Packed())
	b = binary.AppendUvarint(b, uint64(t.Generation))
	b = binary.BigEndian.AppendUint32(b, t.Tag)
	b = binary.BigEndian.AppendUint32(b, tokenChecksum(b))
	return tokenEncoding.AppendEncode(dst, b)
}

// String returns the token in its text form.
func (t Token) String() string { return string(t.AppendTo(nil)) }

// ParseToken reads the text form without allocating: each poll for changes
// brings one. It fails with ErrBadToken for anything that AppendTo did not write.
func ParseToken[T string | []byte](text T) (Token, error) {
	var copied [tokenTextMax]byte
	if len(text) > len(copied) {
		return Token{}, ErrBadToken
	}
	var t Token
	if !t.parse(copied[:copy(copied[:], text)]) {
		return Token{}, ErrBadToken
	}
	return t, nil
}

// parse sets t to what text says and reports whether AppendTo writes it so.
func (t *Token) parse(text []byte) bool {
	// The base64 decoder skips line feeds, even when strict. Without one, the
	// length of what it gives follows from that of the text, and in no text of
	// this length can the two agree with one.
	if len(text)%4 == 1 {
		return false
	}
	var raw [tokenMax]byte
	n, err := tokenEncoding.Decode(raw[:], text)
	if err != nil || n != tokenEncoding.DecodedLen(len(text)) || n < 1+16+3+4+tokenSum || raw[0] != tokenVersion {
		return false
	}
	body, sum := raw[:n-tokenSum], binary.BigEndian.Uint32(raw[n-tokenSum:])
	if tokenChecksum(body) != sum {
		return false
	}
	rest := body[1+copy(t.Incarnation[:], body[1:]):]
	var bounds [3]uint64
	for i := range bounds {
		v, n := binary.Uvarint(rest)
		if n <= 0 || n > 1 && rest[n-1] == 0 { // zeros at a varint's end are never written
			return false
		}
		bounds[i], rest = v, rest[n:]
	}
	if len(rest) != 4 || bounds[0]+bounds[1] < bounds[0] || bounds[2] > 1<<32-1 {
		return false
	}
	t.Floor, t.Ceiling = UnpackPosition(bounds[0]), UnpackPosition(bounds[0]+bounds[1])
	t.Generation, t.Tag = uint32(bounds[2]), binary.BigEndian.Uint32(rest)
	return true
}

// tokenChecksum is checksum, byte by byte: a token has some thirty, and what
// is given to the library's functions moves to the heap.
func tokenChecksum(b []byte) uint32 {
	sum := ^uint32(0)
	for _, c := range b {
		sum = castagnoli[byte(sum)^c] ^ sum>>8
	}
	return ^sum
}
