package readmodel

import (
	"errors"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// unreadable is a checkpoint that cannot be read.
type unreadable struct{ countedBase }

func (*unreadable) Get([]byte) ([]byte, error) { return nil, errors.New("damaged") }

// panicking is a checkpoint whose store panics about damage.
type panicking struct{ countedBase }

func (*panicking) Get([]byte) ([]byte, error) { panic("damaged") }

// lookedBelow returns what is found out of a record batch that creates the items.
func lookedBelow(t *testing.T, m *Model, items ...Item) *Ahead {
	t.Helper()
	var entries []events.Entry
	for _, i := range items {
		data := events.VideoItem{Video: i.Video, Item: i.ID, Author: testID('u', 1)}
		frame := events.AppendEvent(nil, events.Meta{Type: events.TypeCommentCreated, Time: events.TimeOf(testStart)}, data)
		entries = append(entries, events.Entry{Bytes: frame, Events: 1})
	}
	batch, err := events.ReadBatch(events.AppendBatch(nil, events.BatchHeader{Incarnation: m.Incarnation()}, entries))
	if err != nil {
		t.Fatal(err)
	}
	var a Ahead
	a.Look(m, &batch)
	a.LookBelow(m)
	return &a
}

// An item is known to be absent in the checkpoint in which it was looked for, where
// that could be read and has not got it, and for its own event alone.
func TestItemsThatACheckpointLacks(t *testing.T) {
	m := New(testConfig())
	known := Item{Video: testID('v', 1), Kind: events.Comments, ID: testID('c', 1)}
	fresh := Item{Video: testID('v', 1), Kind: events.Comments, ID: testID('c', 2)}
	lacking := func(a *Ahead, seq uint64, index uint16, i Item) Base {
		m.Begin(seq, testStart)
		defer m.Publish(0)
		m.LookedAhead(a)
		m.Step(index)
		return m.lacking(i)
	}
	if a := lookedBelow(t, m, fresh); lacking(a, 1, 0, fresh) != nil {
		t.Error("there is no checkpoint, and the item is absent in one")
	}
	m.Begin(2, testStart)
	m.CreateItem(known, testID('u', 1))
	m.Publish(0)
	c := newMemory(t.TempDir()).save(m)
	a := lookedBelow(t, m, known, fresh)
	for _, q := range []struct {
		index uint16
		item  Item
		want  bool
	}{{0, known, false}, {1, fresh, true}, {1, known, false}, {0, fresh, false}, {2, fresh, false}} {
		if got := lacking(a, 3, q.index, q.item); (got != nil) != q.want || q.want && got != m.rows.base {
			t.Errorf("event %d: %v lacks item %s", q.index, got, q.item.ID)
		}
	}
	m.Begin(4, testStart)
	m.CreateItem(fresh, testID('u', 1))
	m.Publish(0)
	c.save(m)
	if got := lacking(a, 5, 1, fresh); got == nil || got == m.rows.base {
		t.Error("it was looked for in the checkpoint before, and is absent in that of now")
	}
	m.Begin(6, testStart)
	m.LookedAhead(a)
	m.Step(1)
	if !m.ItemState(fresh).Created {
		t.Error("it is in the checkpoint of now, and is not found there")
	}
	m.Publish(0)
	for n, damaged := range []Base{&unreadable{}, &panicking{}} {
		m.rows.setBase(damaged)
		m.publish(0)
		if a := lookedBelow(t, m, fresh); lacking(a, 7+uint64(n), 0, fresh) != nil {
			t.Errorf("%T: the checkpoint could not be read, and the item is absent in it", damaged)
		}
	}
}
