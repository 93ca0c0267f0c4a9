package readmodel

import "github.com/tidemark-io/tidemark/events"

// Block is one user's block of another.
type Block struct {
	User      events.UserID // who is blocked
	CreatedAt events.Time
	at        events.Position
}

// blockState is the last state of a (user, blocked) pair with its version.
type blockState struct {
	blocked bool
	time    events.Time // of the fact that won
	since   events.Time // of the block that stands; its place in the list
	at      events.Position
}

func decodeBlock(value []byte) (s blockState, seen bool) {
	if value == nil {
		return s, false
	}
	f := fields(value)
	return blockState{blocked: f.byte() != 0, time: f.time(), since: f.time(), at: f.position()}, true
}

func blockKey(user, blocked events.UserID) rowKey { return keyOf(rowBlock).id(user).id(blocked) }

func (m *Model) blocks(user, blocked events.UserID) bool {
	s, _ := decodeBlock(m.rows.get(blockKey(user, blocked)))
	return s.blocked
}

// SetBlock sets whether a user blocks another, as of a time: the later time
// wins, at equal times the later in the log. None: it was so already.
func (m *Model) SetBlock(d events.UserBlock, when When, blocked bool) Effect {
	key := blockKey(d.User, d.Blocked)
	old, seen := decodeBlock(m.rows.get(key))
	at := when.Time
	if seen {
		at = when.after(old.time)
	}
	switch {
	case seen && old.time > at:
		return Superseded
	case seen && old.time == at && old.blocked == blocked:
		return Duplicate
	}
	next := blockState{blocked: blocked, time: at, since: at, at: m.at}
	effect := Applied
	if old.blocked == blocked {
		// The pair's version moves on; the block that stands is the same.
		effect, next.since, next.at = None, old.since, old.at
	}
	switch {
	case old.blocked && !blocked:
		m.rows.put(old.listKey(d.User), nil)
	case blocked && !old.blocked:
		m.rows.put(next.listKey(d.User), append([]byte{}, d.Blocked[:]...))
	}
	state := byte(0)
	if blocked {
		state = 1
	}
	m.rows.put(key, record(nil).byte(state).time(next.time).time(next.since).position(next.at))
	return effect
}

func (s blockState) listKey(user events.UserID) rowKey {
	return keyOf(rowBlockOf).id(user).newest(s.since, s.at)
}

// BlockPage is a place in a user's list of blocks; the zero page is the start.
type BlockPage struct {
	CreatedAt events.Time
	At        events.Position
}

// Page is the place right after the block.
func (b *Block) Page() BlockPage { return BlockPage{b.CreatedAt, b.at} }

// Blocks lists whom the user blocks, newest first, after the page.
func (s *Snapshot) Blocks(user events.UserID, after BlockPage, limit int) ([]Block, error) {
	prefix := keyOf(rowBlockOf).id(user)
	from := prefix
	if after != (BlockPage{}) {
		from = append(append(rowKey{}, prefix...).newest(after.CreatedAt, after.At), 0)
	}
	var list []Block
	err := s.rows.scan(prefix, from, func(key, value []byte) bool {
		f := fields(key[len(prefix):])
		list = append(list, Block{User: events.UserID(value), CreatedAt: f.newest(), at: events.UnpackPosition(^f.uint64())})
		return len(list) < limit
	})
	return list, err
}
