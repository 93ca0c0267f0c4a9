package readmodel

import (
	"bytes"
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/google/btree"
)

// row is one entry of a layer above the Base: key and value in one piece of
// memory, which never changes, since trees of rows are moved and copied a lot.
type row struct {
	// head is the beginning of the key: most comparisons need no more of it.
	head   uint64
	data   *byte
	keyLen uint32
	valLen uint32 // noValue: the row is deleted
}

const noValue = math.MaxUint32

// newRow copies the key and the value, which is nil for a deletion.
func newRow(key, value []byte) row {
	r := soughtRow(key)
	data := append(append(make([]byte, 0, len(key)+len(value)), key...), value...)
	r.data = unsafe.SliceData(data)
	if r.valLen = uint32(len(value)); value == nil {
		r.valLen = noValue
	}
	return r
}

// soughtRow returns what is compared with the rows of a layer to find the key. It
// keeps the key.
func soughtRow(key []byte) row {
	r := row{data: unsafe.SliceData(key), keyLen: uint32(len(key)), valLen: noValue}
	if len(key) >= 8 {
		r.head = binary.BigEndian.Uint64(key)
	} else {
		var head [8]byte
		copy(head[:], key)
		r.head = binary.BigEndian.Uint64(head[:])
	}
	return r
}

func (r *row) key() []byte { return unsafe.Slice(r.data, r.keyLen) }

// value returns nil for a deletion.
func (r *row) value() []byte {
	if r.valLen == noValue {
		return nil
	}
	return unsafe.Slice(r.data, r.keyLen+r.valLen)[r.keyLen:]
}

// size is how many bytes the row has.
func (r *row) size() int { return int(r.keyLen) + len(r.value()) }

// rowLess orders by key. Where heads differ they order as the keys do: a key that
// ends before eight bytes is filled up with zeros, and nothing is less than those.
func rowLess(a, b row) bool {
	if a.head != b.head {
		return a.head < b.head
	}
	return bytes.Compare(a.key(), b.key()) < 0
}

// layer is an ordered set of rows.
type layer = btree.BTreeG[row]

// rowsDegree is the fan-out of the trees: nodes of a few cache lines.
const rowsDegree = 32

func newLayer() *layer { return btree.NewG(rowsDegree, rowLess) }

// overlay walks layers as one: for each key the uppermost that has it counts.
type overlay [layerCount]layerCursor

// layerCount is of what is written in the present record batch, what was since
// the last checkpoint, and what the running checkpoint is writing.
const layerCount = 3

// top returns the layer that has the next row, nil at the end.
func (o *overlay) top() (top *layerCursor) {
	for i := range o {
		if c := &o[i]; c.more() && (top == nil || rowLess(c.run[0], top.run[0])) {
			top = c
		}
	}
	return top
}

// drop moves past a key in all layers.
func (o *overlay) drop(key []byte) {
	for i := range o {
		if c := &o[i]; c.more() && bytes.Equal(c.run[0].key(), key) {
			c.drop()
		}
	}
}

// layerCursor reads a layer forward in small runs, since a tree can only be
// walked by callback.
type layerCursor struct {
	tree   *layer
	prefix []byte
	run    []row
	done   bool
	last   row
}

const cursorRun = 64

func newLayerCursor(tree *layer, prefix, from []byte) layerCursor {
	c := layerCursor{tree: tree, prefix: prefix, done: tree == nil || tree.Len() == 0}
	if !c.done {
		c.fill(soughtRow(from), false)
	}
	return c
}

func (c *layerCursor) fill(from row, after bool) {
	c.run = c.run[:0]
	c.done = true
	c.tree.AscendGreaterOrEqual(from, func(r row) bool {
		if after && bytes.Equal(r.key(), from.key()) {
			return true
		}
		if !bytes.HasPrefix(r.key(), c.prefix) {
			return false
		}
		c.run = append(c.run, r)
		c.done = len(c.run) < cursorRun
		return c.done
	})
}

// more reports whether there is a next row, the first of the run.
func (c *layerCursor) more() bool {
	if len(c.run) == 0 && !c.done {
		c.fill(c.last, true)
	}
	return len(c.run) > 0
}

func (c *layerCursor) drop() {
	c.last = c.run[0]
	c.run = c.run[1:]
}
