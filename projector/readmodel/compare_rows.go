package readmodel

import (
	"bytes"
	"slices"
)

// rows compares all rows in one bucket: two views are taken at one position, and
// compared beside the fold, since views do not change.
func (c *Comparison) rows() step {
	done := false
	return func() (func() error, bool) {
		if done {
			return nil, false
		}
		done = true
		live, log := c.live.Snapshot(), c.log.Snapshot()
		// The newest can be held, unless the model was retired.
		held := live.Hold()
		if held && !log.Hold() {
			live.Release()
			held = false
		}
		return func() error {
			if !held {
				return ErrState
			}
			defer live.Release()
			defer log.Release()
			return c.compareRows(live.rows, log.rows)
		}, false
	}
}

// rowsRun is how many rows are read of one view before the other is looked at.
const rowsRun = 4096

func (c *Comparison) compareRows(live, log View) error {
	a, b := &rowReader{view: live}, &rowReader{view: log}
	for {
		x, err := a.peek()
		if err != nil {
			return err
		}
		y, err := b.peek()
		if err != nil {
			return err
		}
		switch {
		case x == nil && y == nil:
			return nil
		case y == nil || x != nil && rowLess(*x, *y):
			c.noteRow(x.key(), x, nil)
			a.drop()
		case x == nil || rowLess(*y, *x):
			c.noteRow(y.key(), nil, y)
			b.drop()
		default:
			if !bytes.Equal(x.value(), y.value()) {
				c.noteRow(x.key(), x, y)
			}
			a.drop()
			b.drop()
		}
	}
}

func (c *Comparison) noteRow(key []byte, live, log *row) {
	key = slices.Clone(key)
	d := Difference{mend: func(live, log *Model) {
		// Both may have changed it since: what the log says now counts.
		if want := log.rows.get(key); !bytes.Equal(live.rows.get(key), want) || want == nil {
			live.rows.put(key, slices.Clone(want))
		}
	}}
	d.Table, d.ID = describeRow(key)
	if live != nil {
		d.Live = describeValue(live.value())
	}
	if log != nil {
		d.Log = describeValue(log.value())
	}
	c.note(d)
}

// rowReader reads a view forward in runs: it can only be walked by callback.
type rowReader struct {
	view View
	run  []row
	last []byte
	done bool
}

// peek returns the next row, nil at the end.
func (r *rowReader) peek() (*row, error) {
	if len(r.run) == 0 && !r.done {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	if len(r.run) == 0 {
		return nil, nil
	}
	return &r.run[0], nil
}

func (r *rowReader) drop() { r.run = r.run[1:] }

func (r *rowReader) fill() error {
	from := r.last
	if from != nil {
		from = append(slices.Clone(from), 0) // the next key there can be
	}
	r.run = r.run[:0]
	err := r.view.scan(nil, from, func(key, value []byte) bool {
		r.run = append(r.run, newRow(key, value))
		return len(r.run) < rowsRun
	})
	if r.done = len(r.run) < rowsRun; len(r.run) > 0 {
		r.last = r.run[len(r.run)-1].key()
	}
	return err
}
