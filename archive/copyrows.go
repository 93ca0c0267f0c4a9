package archive

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/tidemark-io/tidemark/events"
)

// copyRows are rows in the binary form of COPY, ready to be sent. They are
// built while the server is busy with those before them, and building one
// allocates nothing: pgx's CopyFrom boxes every value, which took longer than
// the server takes to store it.
type copyRows struct {
	b    []byte
	rows int
}

// copyHeader begins the binary form: its signature, no flags, no extension.
const copyHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// postgresEpoch is 2000-01-01, where the server's time begins, in
// microseconds since the Unix epoch.
const postgresEpoch = 946_684_800_000_000

// reader reads the rows with what stands around them.
func (c *copyRows) reader() io.Reader {
	return io.MultiReader(bytes.NewReader([]byte(copyHeader)), bytes.NewReader(c.b), bytes.NewReader([]byte{0xff, 0xff}))
}

func (c *copyRows) reset() { c.b, c.rows = c.b[:0], 0 }

// row begins a row of that many fields, which follow.
func (c *copyRows) row(fields int) {
	c.b = binary.BigEndian.AppendUint16(c.b, uint16(fields))
	c.rows++
}

func (c *copyRows) size(n int) { c.b = binary.BigEndian.AppendUint32(c.b, uint32(n)) }

func (c *copyRows) null() { c.b = append(c.b, 0xff, 0xff, 0xff, 0xff) }

func (c *copyRows) int2(v int16) {
	c.size(2)
	c.b = binary.BigEndian.AppendUint16(c.b, uint16(v))
}

func (c *copyRows) int8(v int64) {
	c.size(8)
	c.b = binary.BigEndian.AppendUint64(c.b, uint64(v))
}

func (c *copyRows) time(t events.Time) { c.int8(int64(t) - postgresEpoch) }

// uuid appends an ID; the zero one stands for none.
func (c *copyRows) uuid(id [16]byte) {
	if id == [16]byte{} {
		c.null()
		return
	}
	c.key(id)
}

// key appends an ID that has to be there, zero or not.
func (c *copyRows) key(id [16]byte) {
	c.size(16)
	c.b = append(c.b, id[:]...)
}

func (c *copyRows) bytes(b []byte) {
	c.size(len(b))
	c.b = append(c.b, b...)
}

// optionalBytes appends bytes, or null if there are none.
func (c *copyRows) optionalBytes(b []byte) {
	if len(b) == 0 {
		c.null()
		return
	}
	c.bytes(b)
}

// text appends valid UTF-8, save for NUL, which no text of the server can hold.
func (c *copyRows) text(s string) {
	start := len(c.b)
	c.size(len(s))
	c.b = append(c.b, s...)
	if bytes.IndexByte(c.b[start+4:], 0) >= 0 {
		clean := bytes.ReplaceAll(c.b[start+4:], []byte{0}, []byte("\uFFFD"))
		c.b = c.b[:start]
		c.bytes(clean)
	}
}

// optionalText appends text, or null if it is empty.
func (c *copyRows) optionalText(s []byte) {
	if len(s) == 0 {
		c.null()
		return
	}
	c.text(string(s))
}

func (c *copyRows) bool(v bool) {
	c.size(1)
	if v {
		c.b = append(c.b, 1)
	} else {
		c.b = append(c.b, 0)
	}
}

// Types of the elements of arrays.
const (
	oidText = 25
	oidUUID = 2950
)

// array begins an array of n elements, appends each by fn, and closes it.
func (c *copyRows) array(oid uint32, n int, fn func(i int)) {
	start := len(c.b)
	c.size(0) // known at the end
	dimensions := uint32(1)
	if n == 0 {
		dimensions = 0
	}
	for _, word := range []uint32{dimensions, 0, oid} {
		c.b = binary.BigEndian.AppendUint32(c.b, word)
	}
	if n > 0 {
		c.b = binary.BigEndian.AppendUint32(c.b, uint32(n))
		c.b = binary.BigEndian.AppendUint32(c.b, 1) // the first index
	}
	for i := range n {
		fn(i)
	}
	binary.BigEndian.PutUint32(c.b[start:], uint32(len(c.b)-start-4))
}
