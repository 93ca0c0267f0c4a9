package readmodel

import (
	"bytes"
	"hash/maphash"
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

// Rows keeps everything that is not worth memory for ever: comments, jobs,
// notifications, blocks, outcomes, the audit. It is one ordered map in layers:
// what the present record batch writes, what changed since the last checkpoint,
// what the running checkpoint is writing, and the Base below.
//
// The fold is the only writer. At the end of a record batch it adds what that
// wrote to the layer below, and publishes a view of it. It goes on in the same
// layer as long as nobody has read that, and copies on write where somebody has:
// there are a thousand record batches a second and few readers of rows, and to
// copy the nodes around each new row cost four times as much as to write it.
type Rows struct {
	batch  *layer
	active *layer
	hold   *layerHold // of the active layer, since it was shown
	frozen *layer     // nil when no checkpoint runs
	base   Base       // nil before the first checkpoint
	digest uint64
	bytes  int // keys and values in batch and active
	// fresh filters the keys of batch and active, freezing those of frozen.
	fresh, freezing rowFilter
	seed            maphash.Seed // of the filters
	// last is what was read or written last: most often it is written next. Its
	// value is nil where there is no such row.
	last struct{ key, value []byte }
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

func newRows() *Rows {
	return &Rows{batch: newLayer(), active: newLayer(), hold: new(layerHold), seed: maphash.MakeSeed()}
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
func (r *Rows) view() View {
	r.commit()
	return View{layers: [layerCount]*layer{1: r.active, 2: r.frozen}, hold: r.hold, base: r.base}
}

// commit adds what the record batch has written to the active layer.
func (r *Rows) commit() {
	if r.batch.Len() == 0 {
		return
	}
	if !r.hold.leave() {
		r.active = r.active.Clone()
	}
	r.hold = new(layerHold)
	r.batch.Ascend(func(written row) bool {
		if replaced, had := r.active.ReplaceOrInsert(written); had {
			r.bytes -= replaced.size()
		}
		return true
	})
	r.batch.Clear(true)
}

// rollback forgets what the record batch has written.
func (r *Rows) rollback() { r.batch.Clear(true) }

// freeze hands over what changed since the last checkpoint.
func (r *Rows) freeze() *layer {
	r.commit()
	r.frozen, r.active, r.hold, r.bytes = r.active, newLayer(), new(layerHold), 0
	r.fresh, r.freezing = r.freezing, r.fresh
	r.fresh.reset()
	return r.frozen
}

// present is what the fold sees: its own writes too.
func (r *Rows) present() View {
	return View{layers: [layerCount]*layer{r.batch, r.active, r.frozen}, base: r.base}
}

// mayHold is present without the layers that have no row of that key for certain.
func (r *Rows) mayHold(key []byte) View {
	v, at := r.present(), placeInFilter(r.seed, key)
	if r.fresh.lacks(at) {
		v.layers[0], v.layers[1] = nil, nil
	}
	if r.freezing.lacks(at) {
		v.layers[2] = nil
	}
	return v
}

// get reads a row, or panics with a RowsFailure. It keeps the key.
func (r *Rows) get(key []byte) []byte { return r.getKnowing(key, nil) }

// getKnowing is get where somebody has found out that a checkpoint lacks the row;
// nil for none.
func (r *Rows) getKnowing(key []byte, lacking Base) []byte {
	if r.last.key == nil || !bytes.Equal(r.last.key, key) {
		v := r.mayHold(key)
		if lacking != nil && v.base == lacking {
			v.base = nil
		}
		value, err := v.read(key)
		if err != nil {
			panic(RowsFailure{err})
		}
		r.last.key, r.last.value = key, value
	}
	return r.last.value
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
	r.last.key, r.last.value = key, value
	r.fresh.mark(placeInFilter(r.seed, key))
	written := newRow(key, value)
	if replaced, had := r.batch.ReplaceOrInsert(written); had {
		r.bytes -= replaced.size()
	}
	r.bytes += written.size()
}

func rowDigest(key, value []byte) uint64 {
	return digestStart(tableRows).bytes(key).bytes(value).sum()
}

// scan calls fn for the rows with the prefix, in order, from the key on, or
// panics with a RowsFailure. fn must not write rows.
func (r *Rows) scan(prefix, from []byte, fn func(key, value []byte) bool) {
	v := r.present()
	if err := v.walk(prefix, from, fn); err != nil {
		panic(RowsFailure{err})
	}
}
