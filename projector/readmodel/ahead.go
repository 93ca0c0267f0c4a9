package readmodel

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/tidemark-io/tidemark/events"
)

// Ahead is what can be found out about a record batch before it is folded, on
// another processor than the fold's: the identities of its views, which follow
// from the batch alone, the numbers that its videos and users seem to have, and
// which of its items the checkpoint below the rows lacks (ahead_items.go).
// Numbers are hints, which the fold checks: they are found by a part of a hash,
// somebody may have got one since, and the model may be another one.
type Ahead struct {
	videos     []uint32       // by the event's index; noNumber where it is about none that is known
	users      []uint32       // of likes; empty where there are none
	identities []seenAt       // of views; empty where none has an identity
	items      []itemAhead    // in the order of the events
	base       Base           // in which the items were looked for; nil where they were not
	byVideo    guesses        // while looking
	byUser     guesses        //
	event      events.Glimpse //
}

// seenAt is an identity with its hour.
type seenAt struct {
	hour int64
	id   identity
}

// guesses is a search for the numbers of some keys at a time.
type guesses struct {
	probes
	of [len(probes{}.hashes)]uint16 // the events' indexes
	n  int
}

// Look looks ahead at a record batch. Any goroutine may look, beside the fold.
func (a *Ahead) Look(m *Model, b *events.Batch) {
	a.videos = slices.Grow(a.videos[:0], b.Events)[:b.Events]
	a.users, a.identities, a.items, a.base = a.users[:0], a.identities[:0], a.items[:0], nil
	ofVideos, ofUsers := m.Videos.index.directory.Load(), m.Users.index.directory.Load()
	g := &a.event
	for outline := b.Outline(); outline.Next(g); {
		a.videos[g.Index] = noNumber
		if id := g.Video(); id != nil {
			a.byVideo.add(m.Videos.index, ofVideos, id, g.Index, a.videos)
		}
		if id := g.Liker(); id != nil {
			if len(a.users) == 0 {
				a.users = slices.Grow(a.users, b.Events)[:b.Events]
				for i := range a.users {
					a.users[i] = noNumber
				}
			}
			a.byUser.add(m.Users.index, ofUsers, id, g.Index, a.users)
		}
		if id := g.Item(); id != nil {
			item := Item{Video: events.VideoID(g.Video()), Kind: g.Type.ItemCounter(), ID: events.ItemID(id)}
			a.items = append(a.items, itemAhead{index: g.Index, item: item})
		}
		if g.Type == events.TypeVideoViewed && g.ID != nil {
			if len(a.identities) == 0 {
				a.identities = slices.Grow(a.identities, b.Events)[:b.Events]
				clear(a.identities)
			}
			meta := events.Meta{Type: g.Type, Time: g.Time, Source: g.Source, ID: g.ID}
			a.identities[g.Index] = seenAt{hourOf(g.Time), identityOf(&meta)}
		}
	}
	a.byVideo.settle(a.videos)
	a.byUser.settle(a.users)
}

// Forget lets go of the model's cells, of its checkpoint and of the record batch: who
// keeps it for the next one keeps nothing else.
func (a *Ahead) Forget() {
	a.base = nil
	clear(a.byVideo.where[:])
	clear(a.byUser.where[:])
	a.event = events.Glimpse{}
}

// add begins a search, and ends those before it where there is no room.
func (s *guesses) add(x *index, d *directory, id []byte, of uint16, into []uint32) {
	if s.n == len(s.of) {
		s.settle(into)
	}
	s.aim(s.n, d, x.hash(binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:16])))
	s.of[s.n] = of
	s.n++
}

// settle ends all searches that were begun.
func (s *guesses) settle(into []uint32) {
	prefetch(&s.lines[0], s.n)
	for i := range s.n {
		number, _, ok := s.where[i].candidate(s.hashes[i], 0)
		if !ok {
			number = noNumber
		}
		into[s.of[i]] = number
	}
	s.n = 0
}

// aheadAtOnce is how many events Expect takes at a time.
const aheadAtOnce = 16

// LookedAhead gives the model what was found out about the record batch that
// was begun. The model keeps it until the next is begun.
func (m *Model) LookedAhead(a *Ahead) {
	m.ahead = a
	m.expect(0)
	m.expected = 0
}

// reach is called for each event in turn, so that what it needs was asked for some
// events before.
func (m *Model) reach(index uint16) {
	if int(index) >= m.expected {
		m.expectPairs(m.expected)
		m.expected += aheadAtOnce
		m.expect(m.expected)
	}
}

// expect begins to load what the events from that one on will change: the slots
// of their videos, the entries of their users, the cells of their identities.
func (m *Model) expect(from int) {
	a := m.ahead
	if a == nil {
		return
	}
	var lines [4 * aheadAtOnce]uintptr
	n, end := 0, min(from+aheadAtOnce, len(a.videos))
	for i := from; i < end; i++ {
		if number := a.videos[i]; number < m.Videos.count {
			lines[n] = uintptr(unsafe.Pointer(m.Videos.slot(number)))
			n++
		}
		if len(a.users) > 0 && a.users[i] < m.Users.count {
			// An entry lies in one cache line or two.
			e := uintptr(unsafe.Pointer(m.Users.entry(a.users[i])))
			lines[n], lines[n+1] = e, e+unsafe.Sizeof(user{})-1
			n += 2
		}
		if len(a.identities) > 0 && a.identities[i].id != (identity{}) {
			if line := m.seen.line(&a.identities[i]); line != 0 {
				lines[n] = line
				n++
			}
		}
	}
	prefetch(&lines[0], n)
}

// expectPairs begins to load the cells of the likes from that event on. Those lie
// where the users' entries say, which were asked for before.
func (m *Model) expectPairs(from int) {
	a := m.ahead
	if a == nil || len(a.users) == 0 {
		return
	}
	var lines [aheadAtOnce]uintptr
	n, end := 0, min(from+aheadAtOnce, len(a.users))
	for i := from; i < end; i++ {
		if a.users[i] >= m.Users.count || a.videos[i] == noNumber {
			continue
		}
		if cells := m.Users.entry(a.users[i]).likes.cells; len(cells) > 0 {
			lines[n] = uintptr(unsafe.Pointer(&cells[likeHome(a.videos[i], len(cells))]))
			n++
		}
	}
	prefetch(&lines[0], n)
}

// line returns the address where the search for an identity begins, 0 where its
// hour has none yet.
func (s *Seen) line(at *seenAt) uintptr {
	b := s.bucket(at.hour)
	if b == nil || b.table.parts == nil {
		return 0
	}
	p := b.table.parts[b.table.index(at.id)]
	return uintptr(unsafe.Pointer(&p.cells[p.place(at.id)]))
}

// identity returns the identity of the present event with its hour.
func (m *Model) identity(e *events.Event) seenAt {
	if a := m.ahead; a != nil && int(e.Index) < len(a.identities) && a.identities[e.Index].id != (identity{}) {
		return a.identities[e.Index]
	}
	return seenAt{hourOf(e.Time), identityOf(&e.Meta)}
}

// video returns the number of the present event's video, giving it one if it has none.
func (m *Model) video(id events.VideoID) uint32 {
	if a := m.ahead; a != nil && int(m.at.Index) < len(a.videos) {
		if number := a.videos[m.at.Index]; number < m.Videos.count && m.Videos.slot(number).is(&id) {
			return number
		}
	}
	return m.Videos.intern(id)
}

// liker returns the number of the present like's user, giving one if there is none.
func (m *Model) liker(id events.UserID) uint32 {
	if a := m.ahead; a != nil && int(m.at.Index) < len(a.users) {
		if number := a.users[m.at.Index]; number < m.Users.count && m.Users.entry(number).is(&id) {
			return number
		}
	}
	return m.Users.intern(id)
}

// is reports whether the entry is the user's.
func (e *user) is(id *events.UserID) bool {
	return e.hi == binary.BigEndian.Uint64(id[:8]) && e.lo == binary.BigEndian.Uint64(id[8:])
}
