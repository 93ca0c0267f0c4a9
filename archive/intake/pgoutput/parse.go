package pgoutput

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// ErrMalformed is returned for bytes that are no message of the protocol.
var ErrMalformed = errors.New("malformed message of logical replication")

// Parse reads one message. Texts in it alias data.
func Parse(data []byte) (Message, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	r := reader{rest: data[1:]}
	var m Message
	switch data[0] {
	case 'B':
		m = Begin{Final: LSN(r.uint64()), Time: r.time(), XID: r.uint32()}
	case 'C':
		r.byte() // flags, unused
		m = Commit{At: LSN(r.uint64()), End: LSN(r.uint64()), Time: r.time()}
	case 'R':
		m = r.relation()
	case 'I':
		m = Insert{Relation: r.uint32(), New: r.newTuple(r.byte())}
	case 'U':
		m = r.update()
	case 'D':
		m = r.delete()
	case 'T':
		m = r.truncate()
	case 'Y', 'O', 'M':
		return Other{data[0]}, nil
	default:
		return nil, fmt.Errorf("%w: type %q is unknown", ErrMalformed, data[0])
	}
	if r.bad || len(r.rest) > 0 {
		return nil, fmt.Errorf("%w: type %q does not have that form", ErrMalformed, data[0])
	}
	return m, nil
}

// reader takes fields off the front; after a first that is not there, bad holds
// and all others are zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

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

// Epoch is Postgres' own, 2000-01-01, in microseconds of Unix time: what its
// protocols count from.
const Epoch = 946_684_800_000_000

func (r *reader) time() time.Time { return time.UnixMicro(int64(r.uint64()) + Epoch).UTC() }

func (r *reader) text() string {
	end := bytes.IndexByte(r.rest, 0)
	if end < 0 {
		r.bad, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:end])
	r.rest = r.rest[end+1:]
	return s
}

func (r *reader) relation() Relation {
	rel := Relation{ID: r.uint32(), Schema: r.text(), Name: r.text(), Identity: r.byte()}
	for range r.uint16() {
		c := Column{Key: r.byte()&1 != 0, Name: r.text()}
		r.take(8) // type and its modifier: values come as text
		if r.bad {
			break
		}
		rel.Columns = append(rel.Columns, c)
	}
	return rel
}

func (r *reader) newTuple(kind byte) Tuple {
	if kind != 'N' {
		r.bad = true
		return nil
	}
	return r.tuple()
}

func (r *reader) update() Update {
	u := Update{Relation: r.uint32()}
	kind := r.byte()
	if kind == 'K' || kind == 'O' {
		u.Old, u.KeyOnly = r.tuple(), kind == 'K'
		kind = r.byte()
	}
	u.New = r.newTuple(kind)
	return u
}

func (r *reader) delete() Delete {
	d := Delete{Relation: r.uint32()}
	kind := r.byte()
	if kind != 'K' && kind != 'O' {
		r.bad = true
		return d
	}
	d.Old, d.KeyOnly = r.tuple(), kind == 'K'
	return d
}

func (r *reader) tuple() Tuple {
	n := int(r.uint16())
	if n > len(r.rest) { // each value has a byte at least
		r.bad = true
		return nil
	}
	t := make(Tuple, 0, n)
	for range n {
		switch r.byte() {
		case 'n':
			t = append(t, Value{Null: true})
		case 'u':
			t = append(t, Value{Unchanged: true})
		case 't':
			t = append(t, Value{Text: r.take(int(int32(r.uint32())))})
		default:
			r.bad = true
		}
		if r.bad {
			return nil
		}
	}
	return t
}

func (r *reader) truncate() Truncate {
	n := r.uint32()
	r.byte() // options: cascade, restart identity
	var t Truncate
	for range n {
		if r.bad {
			break
		}
		t.Relations = append(t.Relations, r.uint32())
	}
	return t
}

// ParseLSN reads the form that Postgres writes, such as 16/B374D848.
func ParseLSN(text string) (LSN, error) {
	var hi, lo uint32
	var rest string
	if n, err := fmt.Sscanf(text+" .", "%X/%X %s", &hi, &lo, &rest); err != nil || n != 3 || rest != "." {
		return 0, fmt.Errorf("%q is no place in a write-ahead log", text)
	}
	return LSN(hi)<<32 | LSN(lo), nil
}

// String returns the form that Postgres writes.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }
