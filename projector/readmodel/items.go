package readmodel

import (
	"github.com/tidemark-io/tidemark/events"
)

// Item is a comment, a remix or a glitch, by its natural key.
type Item struct {
	Video events.VideoID
	Kind  events.Counter // Comments, Remixes or Glitches
	ID    events.ItemID
}

// ItemState is what the log has said of an item.
type ItemState struct {
	Author  events.UserID // who said it first; zero if nobody said
	Created bool
	Deleted bool // for good: deleted wins over created, in whichever order
}

const (
	itemCreated = 1 << iota
	itemDeleted
)

func (i Item) key() rowKey { return keyOf(rowItem).id(i.Video).byte(byte(i.Kind)).id(i.ID) }

func decodeItem(value []byte) (s ItemState) {
	if value == nil {
		return s
	}
	f := fields(value)
	s.Author = f.id()
	state := f.byte()
	s.Created, s.Deleted = state&itemCreated != 0, state&itemDeleted != 0
	return s
}

func (s ItemState) encode() []byte {
	var state byte
	if s.Created {
		state |= itemCreated
	}
	if s.Deleted {
		state |= itemDeleted
	}
	return record(nil).id(s.Author).byte(state)
}

// Item returns the state of an item; the zero state if it was never seen.
func (s *Snapshot) Item(i Item) (ItemState, error) {
	value, err := s.rows.get(i.key())
	return decodeItem(value), err
}

// ItemState returns the state of an item as the fold has it.
func (m *Model) ItemState(i Item) ItemState {
	return decodeItem(m.rows.getKnowing(i.key(), m.lacking(i)))
}

// CreateItem counts an item once, for its first author.
func (m *Model) CreateItem(i Item, author events.UserID) Effect {
	old := m.ItemState(i)
	next := old
	next.Created = true
	effect := Applied
	switch {
	case old.Author.IsZero():
		next.Author = author
	case !author.IsZero() && author != old.Author:
		effect = Conflict
	}
	if effect == Conflict {
		return effect
	}
	if next == old {
		effect = Duplicate
	}
	m.setItem(i, old, next, slotKnown)
	return effect
}

// DeleteItem takes an item out of the counters, for good, also before it was
// ever seen.
func (m *Model) DeleteItem(i Item, author events.UserID) Effect {
	old := m.ItemState(i)
	next := old
	next.Deleted = true
	if next.Author.IsZero() {
		next.Author = author
	}
	if old.Deleted {
		return Duplicate
	}
	m.setItem(i, old, next, 0)
	return Applied
}

func (m *Model) setItem(i Item, old, next ItemState, flags uint64) {
	number := m.video(i.Video)
	var delta Counts
	delta[i.Kind] = m.itemWeight(next) - m.itemWeight(old)
	m.Videos.change(number, delta, m.Videos.flags(number)|flags, m.at)
	if next == old {
		return
	}
	m.rows.put(i.key(), next.encode())
	if next.Author != old.Author {
		// An author is said once, so there is no such row yet.
		m.rows.add(keyOf(rowItemOf).id(next.Author).id(i.Video).byte(byte(i.Kind)).id(i.ID), []byte{})
	}
}

// itemWeight is what an item counts now: 0 or 1.
func (m *Model) itemWeight(s ItemState) int64 {
	if !s.Created || s.Deleted || !s.Author.IsZero() && m.Users.Retracted(s.Author) {
		return 0
	}
	return 1
}

// itemsOf calls fn for each item that counts unless its author is retracted.
func (m *Model) itemsOf(author events.UserID, fn func(Item)) {
	prefix := keyOf(rowItemOf).id(author)
	var items []Item
	m.rows.scan(prefix, nil, func(key, _ []byte) bool {
		f := fields(key[len(prefix):])
		items = append(items, Item{Video: f.id(), Kind: events.Counter(f.byte()), ID: f.id()})
		return true
	})
	for _, i := range items {
		if s := m.ItemState(i); s.Created && !s.Deleted {
			fn(i)
		}
	}
}
