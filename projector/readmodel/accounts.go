package readmodel

import "github.com/tidemark-io/tidemark/events"

// BlockAccount keeps an account out; with retract its contributions leave the
// counters too, also those that reach the log later. A second block with
// another retract changes it.
func (m *Model) BlockAccount(user events.UserID, retract bool) Effect {
	number := m.Users.intern(user)
	old := m.Users.entry(number).flags.Load()
	next := uint32(userBlocked)
	if retract {
		next |= userRetracted
	}
	if old == next {
		return None
	}
	m.setAccount(number, user, old, next)
	if old&userBlocked != 0 {
		return Updated
	}
	return Applied
}

// UnblockAccount lets an account in again and gives its contributions back.
func (m *Model) UnblockAccount(user events.UserID) Effect {
	number, ok := m.Users.find(user)
	if !ok || m.Users.entry(number).flags.Load() == 0 {
		return None
	}
	m.setAccount(number, user, m.Users.entry(number).flags.Load(), 0)
	return Applied
}

func (m *Model) setAccount(number uint32, user events.UserID, old, next uint32) {
	m.Users.setFlags(number, next)
	switch {
	case old&userRetracted == next&userRetracted:
	case next&userRetracted != 0:
		m.giveBack(number, user, -1)
	default:
		m.giveBack(number, user, +1)
	}
}

// giveBack adds a user's contributions to the counters sign times. All changes
// of one video are summed first: a slot is written once per position.
func (m *Model) giveBack(number uint32, user events.UserID, sign int64) {
	deltas := map[uint32]*Counts{}
	m.contributions(number, user, func(video uint32, c events.Counter, at events.Time) {
		if deltas[video] == nil {
			deltas[video] = &Counts{}
		}
		deltas[video][c] += sign
		if c == events.Likes {
			m.Trending.add(ByLikes, video, at, int32(sign))
		}
	})
	for video, delta := range deltas {
		m.Videos.change(video, *delta, m.Videos.flags(video), m.at)
	}
}

// contributions calls fn for everything of a user that counts unless retracted.
func (m *Model) contributions(number uint32, user events.UserID, fn func(video uint32, c events.Counter, at events.Time)) {
	m.Users.entry(number).likes.each(func(video uint32, v likeVersion) {
		if v.liked() {
			fn(video, events.Likes, v.time())
		}
	})
	m.itemsOf(user, func(i Item) {
		fn(m.numberOf(i.Video), i.Kind, 0)
	})
}

// numberOf returns the number of a video that has items, and so is in the table.
func (m *Model) numberOf(id events.VideoID) uint32 {
	number, _ := m.Videos.Find(id)
	return number
}

// Contributions is what a retraction takes out of the counters.
type Contributions struct {
	Counts Counts
	// Videos is the number of videos concerned.
	Videos int
}

// Retractable counts what retracting the users now would take out. Fold only.
func (m *Model) Retractable(users []events.UserID) Contributions {
	var sum Contributions
	videos := map[uint32]struct{}{}
	for _, user := range users {
		if m.Users.Retracted(user) {
			continue
		}
		count := func(video uint32, c events.Counter, _ events.Time) {
			sum.Counts[c]++
			videos[video] = struct{}{}
		}
		if number, ok := m.Users.find(user); ok {
			m.contributions(number, user, count)
			continue
		}
		m.itemsOf(user, func(i Item) { count(m.numberOf(i.Video), i.Kind, 0) })
	}
	sum.Videos = len(videos)
	return sum
}
