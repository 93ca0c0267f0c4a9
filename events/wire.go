package events

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrRule is wrapped by every reason why a well-framed event cannot be folded:
// its members break a rule of the vocabulary. Such an event is poison, alone.
var ErrRule = errors.New("event breaks a rule")

var errShort = fmt.Errorf("%w: its data is cut short or too long", ErrRule)

// reader takes fields off the binary form. Reading past the end yields zeros
// and is remembered, so that one check at the end suffices.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.short, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) id(dst *[16]byte) {
	if b := r.take(16); b != nil {
		*dst = [16]byte(b)
	} else {
		*dst = [16]byte{}
	}
}

func (r *reader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) bool() bool { return r.uint8() != 0 }

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text reads a length of two bytes and that many bytes, which alias the input.
func (r *reader) text() []byte { return r.take(int(r.uint16())) }

// end reports whether the fields filled the data exactly.
func (r *reader) end() error {
	if r.short || len(r.rest) != 0 {
		return errShort
	}
	return nil
}

func appendText(b, text []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

func appendUint64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
