package readmodel

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
)

// View is the rows as of one position.
type View struct {
	// layers above the base, the uppermost first; nil where there is none.
	layers [layerCount]*layer
	// hold keeps the layers as they are; nil where nobody changes them.
	hold *layerHold
	base Base
}

// layerHold is between the fold, which goes on in the layer that it has shown,
// and who reads that: the fold may change it as long as nobody holds it, and
// nobody may read it any more once the fold has begun to.
type layerHold struct{ state atomic.Int32 }

const (
	layerShown = iota
	layerHeld  // somebody reads it: the fold leaves it as it is and goes on in a copy
	layerTaken // the fold goes on in it
)

// take keeps the layer as it is, for ever. It returns false once the fold has
// gone on in it.
func (h *layerHold) take() bool {
	return h.state.CompareAndSwap(layerShown, layerHeld) || h.state.Load() == layerHeld
}

// leave takes the layer back for the fold. It returns false where somebody holds it.
func (h *layerHold) leave() bool { return h.state.CompareAndSwap(layerShown, layerTaken) }

// errNotHeld is of a reader that is wrong: rows may be read of snapshots that are held.
var errNotHeld = errors.New("rows were read of a snapshot that nobody holds")

// keep makes sure that the view's layers do not change any more. It returns false
// where they have.
func (v *View) keep() bool { return v.hold == nil || v.hold.take() }

// get reads a row of the view; nil if there is none.
func (v *View) get(key []byte) ([]byte, error) {
	if !v.keep() {
		return nil, errNotHeld
	}
	return v.read(key)
}

// read is get for who need not keep the layers: the fold.
func (v *View) read(key []byte) ([]byte, error) {
	sought := soughtRow(key)
	for _, l := range v.layers {
		if l == nil || l.Len() == 0 {
			continue
		}
		if found, ok := l.Get(sought); ok {
			return found.value(), nil
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

// scan calls fn for the rows with the prefix, in order, from the key on, until
// fn returns false.
func (v *View) scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	if !v.keep() {
		return errNotHeld
	}
	return v.walk(prefix, from, fn)
}

// walk is scan for who need not keep the layers.
func (v *View) walk(prefix, from []byte, fn func(key, value []byte) bool) error {
	if from == nil {
		from = prefix
	}
	var upper overlay
	for i, l := range v.layers {
		upper[i] = newLayerCursor(l, prefix, from)
	}
	more := true
	// emit hands over the next row of the layers, which lies in c.
	emit := func(c *layerCursor) {
		top := c.run[0]
		upper.drop(top.key())
		if value := top.value(); value != nil {
			more = fn(top.key(), value)
		}
	}
	if v.base != nil {
		err := v.base.Scan(prefix, from, func(key, value []byte) bool {
			for more {
				top := upper.top()
				if top == nil || bytes.Compare(top.run[0].key(), key) > 0 {
					more = fn(key, value)
					return more
				}
				replaced := bytes.Equal(top.run[0].key(), key)
				emit(top)
				if replaced {
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
		top := upper.top()
		if top == nil {
			break
		}
		emit(top)
	}
	return nil
}
