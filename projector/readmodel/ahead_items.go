package readmodel

import (
	"cmp"
	"slices"
)

// itemAhead is the item that an event of a record batch creates or deletes.
type itemAhead struct {
	index uint16 // of the event
	item  Item
	// absent: the checkpoint in which it was looked for has not got it.
	absent bool
}

// LookBelow looks for the items of the record batch that was looked at in the
// checkpoint below the model's rows. Most are new, and to look for what is in none
// of its tables costs the fold more than all else that it does for an item. Any
// goroutine may look, beside the fold. Where it cannot be read, the fold finds out:
// damage that the checkpoint's store panics about as well, which stops the fold there,
// and here would end the process.
func (a *Ahead) LookBelow(m *Model) {
	defer func() {
		if recover() != nil {
			a.base = nil
		}
	}()
	base := m.Snapshot().rows.base
	if base == nil || len(a.items) == 0 {
		return
	}
	for i := range a.items {
		value, err := base.Get(a.items[i].item.key())
		a.items[i].absent = err == nil && value == nil
	}
	a.base = base
}

// lacking returns a checkpoint that is known not to have an item of the present
// event, nil where none is. Since a checkpoint never changes, that holds for as
// long as the rows lie above it.
func (m *Model) lacking(i Item) Base {
	a := m.ahead
	if a == nil || a.base == nil {
		return nil
	}
	at, found := slices.BinarySearchFunc(a.items, m.at.Index, func(e itemAhead, index uint16) int { return cmp.Compare(e.index, index) })
	if !found || a.items[at].item != i || !a.items[at].absent {
		return nil
	}
	return a.base
}
