package readmodel

import (
	"bytes"
	"fmt"

	"github.com/google/btree"
)

// Base is where rows lie that were checkpointed: an ordered store of bytes at
// one checkpoint's version. A Base never changes; the next checkpoint yields
// another.
type Base interface {
	// Get returns the value of a key, nil if there is none. The caller may keep it.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for the keys with the prefix in ascending order, beginning
	// at from (which has the prefix), until fn returns false. The slices are
	// fn's for the time of the call only.
	Scan(prefix, from []byte, fn func(key, value []byte) bool) error
	// Release is called by every reader of the Base when done; Acquire before.
	// Acquire returns false where the Base has been retired: take a newer one.
	Acquire() bool
	Release()
}

// row is one entry of the layer above the Base; a nil value is a deletion.
type row struct {
	key   []byte
	value []byte
}

func rowLess(a, b row) bool { return bytes.Compare(a.key, b.key) < 0 }

// rowsDegree is the fan-out of the trees: nodes of a few cache lines.
const rowsDegree = 32

// Rows keeps everything that is not worth memory for ever: comments, jobs,
// notifications, blocks, outcomes, the audit. It is one ordered map in layers:
// what changed since the last checkpoint, what the running checkpoint is
// writing, and the Base below.
//
// The fold is the only writer. At the end of a record batch it publishes an
// immutable view; readers never wait.
type Rows struct {
	active *btree.BTreeG[row]
	frozen *btree.BTreeG[row] // nil when no checkpoint runs
	base   Base               // nil before the first checkpoint
	digest uint64
	bytes  int // keys and values in active
	// last is what was read or written last: most often it is written next. Its
	// value is nil where there is no such row.
	last row
}

// RowsFailure is what the fold panics with when a row cannot be read back from
// the checkpoint: it comes before anything is changed, and whoever drives the
// fold recovers it. Going on would count anew what is only unreadable.
type RowsFailure struct{ Err error }

// GuardRows runs fn, and returns the error of a row that it could not read.
func GuardRows(fn func()) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			failure, ok := fault.(RowsFailure)
			if !ok {
				panic(fault)
			}
			err = failure.Err
		}
	}()
	fn()
	return nil
}

func newRows() *Rows { return &Rows{active: newLayer()} }

func newLayer() *btree.BTreeG[row] { return btree.NewG(rowsDegree, rowLess) }

// View is the rows as of one position.
type View struct {
	active, frozen *btree.BTreeG[row]
	base           Base
}

// setBase puts a checkpoint below the rows, and holds it: the fold reads from
// it until the next one takes its place.
func (r *Rows) setBase(b Base) {
	if !b.Acquire() {
		panic("readmodel: a checkpoint was retired before it was used")
	}
	r.base = b
}

// view returns the present rows, to be read while the fold goes on.
func (r *Rows) view() View { return View{active: r.active.Clone(), frozen: r.frozen, base: r.base} }

// get reads a row, or panics with a RowsFailure. It keeps the key.
func (r *Rows) get(key []byte) []byte {
	if r.last.key == nil || !bytes.Equal(r.last.key, key) {
		r.last = row{key, r.find(key)}
	}
	return r.last.value
}

func (r *Rows) find(key []byte) []byte {
	if found, ok := r.active.Get(row{key: key}); ok {
		return found.value
	}
	if r.frozen != nil {
		if found, ok := r.frozen.Get(row{key: key}); ok {
			return found.value
		}
	}
	if r.base == nil {
		return nil
	}
	value, err := r.base.Get(key)
	if err != nil {
		panic(RowsFailure{fmt.Errorf("read row from the checkpoint: %w", err)})
	}
	return value
}

// put writes a row; a nil value deletes it. It keeps both slices.
func (r *Rows) put(key, value []byte) {
	if old := r.get(key); old != nil {
		r.digest -= rowDigest(key, old)
	}
	r.add(key, value)
}

// add writes a row of which it is known that there is none. It keeps both slices.
func (r *Rows) add(key, value []byte) {
	if value != nil {
		r.digest += rowDigest(key, value)
	}
	r.last = row{key, value}
	replaced, had := r.active.ReplaceOrInsert(r.last)
	if had {
		r.bytes -= len(replaced.key) + len(replaced.value)
	}
	r.bytes += len(key) + len(value)
}

func rowDigest(key, value []byte) uint64 {
	return digestStart(tableRows).bytes(key).bytes(value).sum()
}

// scan calls fn for the rows with the prefix, in order, from the key on, or
// panics with a RowsFailure.
func (r *Rows) scan(prefix, from []byte, fn func(key, value []byte) bool) {
	v := View{active: r.active, frozen: r.frozen, base: r.base}
	if err := v.scan(prefix, from, fn); err != nil {
		panic(RowsFailure{err})
	}
}

// Get reads a row of the view; nil if there is none.
func (v View) get(key []byte) ([]byte, error) {
	if found, ok := v.active.Get(row{key: key}); ok {
		return found.value, nil
	}
	if v.frozen != nil {
		if found, ok := v.frozen.Get(row{key: key}); ok {
			return found.value, nil
		}
	}
	if v.base == nil {
		return nil, nil
	}
	value, err := v.base.Get(key)
	if err != nil {
		return nil, fmt.Errorf("read row from the checkpoint: %w", err)
	}
	return value, nil
}

// scan merges the layers: for each key the uppermost layer that has it counts.
func (v View) scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	if from == nil {
		from = prefix
	}
	upper := overlay{newLayerCursor(v.active, prefix, from), newLayerCursor(v.frozen, prefix, from)}
	more := true
	emit := func(key, value []byte) bool {
		if value != nil {
			more = fn(key, value)
		}
		return more
	}
	if v.base != nil {
		err := v.base.Scan(prefix, from, func(key, value []byte) bool {
			for more {
				top, ok := upper.peek()
				if !ok || bytes.Compare(top.key, key) > 0 {
					more = fn(key, value)
					return more
				}
				upper.next()
				emit(top.key, top.value)
				if bytes.Equal(top.key, key) {
					return more
				}
			}
			return false
		})
		if err != nil {
			return fmt.Errorf("scan rows of the checkpoint: %w", err)
		}
	}
	for more {
		top, ok := upper.peek()
		if !ok {
			break
		}
		upper.next()
		emit(top.key, top.value)
	}
	return nil
}

// overlay walks the two layers in memory as one.
type overlay struct{ active, frozen *layerCursor }

// peek returns the next row of the two layers, of the upper one where both have it.
func (o overlay) peek() (row, bool) {
	a, okA := o.active.peek()
	f, okF := o.frozen.peek()
	switch {
	case !okA:
		return f, okF
	case !okF, bytes.Compare(a.key, f.key) <= 0:
		return a, true
	}
	return f, true
}

// next moves past the row that peek returned, in both layers.
func (o overlay) next() {
	top, _ := o.peek()
	for _, c := range [...]*layerCursor{o.active, o.frozen} {
		if r, ok := c.peek(); ok && bytes.Equal(r.key, top.key) {
			c.drop()
		}
	}
}

// layerCursor reads a tree forward in small runs, since the tree can only be
// walked by callback.
type layerCursor struct {
	tree    *btree.BTreeG[row]
	prefix  []byte
	run     []row
	done    bool
	lastKey []byte
}

const cursorRun = 64

func newLayerCursor(tree *btree.BTreeG[row], prefix, from []byte) *layerCursor {
	c := &layerCursor{tree: tree, prefix: prefix, done: tree == nil}
	if !c.done {
		c.fill(from, false)
	}
	return c
}

func (c *layerCursor) fill(from []byte, after bool) {
	c.run = c.run[:0]
	c.done = true
	c.tree.AscendGreaterOrEqual(row{key: from}, func(r row) bool {
		if after && bytes.Equal(r.key, from) {
			return true
		}
		if !bytes.HasPrefix(r.key, c.prefix) {
			return false
		}
		c.run = append(c.run, r)
		c.done = len(c.run) < cursorRun
		return c.done
	})
}

func (c *layerCursor) peek() (row, bool) {
	if len(c.run) == 0 {
		if c.done {
			return row{}, false
		}
		c.fill(c.lastKey, true)
		if len(c.run) == 0 {
			return row{}, false
		}
	}
	return c.run[0], true
}

func (c *layerCursor) drop() {
	c.lastKey = c.run[0].key
	c.run = c.run[1:]
}
