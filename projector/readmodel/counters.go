package readmodel

import (
	"fmt"

	"github.com/tidemark-io/tidemark/events"
)

// maxCount bounds a counter: JSON readers keep integers up to it exactly.
const maxCount = events.MaxBaseline

// SeenBefore reports whether an outside event was folded before. Events
// without an identity never were.
func (m *Model) SeenBefore(e *events.Event) bool {
	if !e.HasIdentity() {
		return false
	}
	at := m.identity(e)
	return m.seen.contains(at.hour, at.id)
}

// MarkSeen remembers the event that SeenBefore was asked about last, once it
// has been folded: what turns out to be poison is not remembered, so that it
// can be driven again.
func (m *Model) MarkSeen(e *events.Event) {
	if e.HasIdentity() {
		m.seen.add(m.seen.asked.hour, m.seen.asked.id, m.logTime)
	}
}

// PublishVideo makes the video known, and its author if that is said for the
// first time. Another author's claim is a Conflict.
func (m *Model) PublishVideo(video events.VideoID, author events.UserID) Effect {
	number := m.video(video)
	effect := Duplicate
	if flags := m.Videos.flags(number); flags&slotKnown == 0 {
		m.Videos.change(number, Counts{}, flags|slotKnown, m.at)
		effect = Applied
	}
	if author.IsZero() {
		return effect
	}
	key := keyOf(rowVideo).id(video)
	switch old := m.rows.get(key); {
	case old == nil:
		m.rows.put(key, append([]byte{}, author[:]...))
		return Applied
	case events.UserID(old) != author:
		return Conflict
	}
	return effect
}

// Author returns who published the video, if the log says so.
func (s *Snapshot) Author(video events.VideoID) (author events.UserID, known bool, err error) {
	value, err := s.rows.get(keyOf(rowVideo).id(video))
	if value == nil || err != nil {
		return author, false, err
	}
	return events.UserID(value), true, nil
}

// AddView counts one view at its time.
func (m *Model) AddView(video events.VideoID, at events.Time) Effect {
	number := m.video(video)
	m.Videos.change(number, Counts{events.Views: 1}, m.Videos.flags(number)|slotKnown, m.at)
	m.Trending.add(ByViews, number, at, 1)
	return Applied
}

// When says when something happened that has a version by time.
type When struct {
	Time events.Time
	// Arrival: nobody said when it happened, so it is later than all before it,
	// whatever the clocks say.
	Arrival bool
}

// after returns the time of a version that follows one of time last.
func (w When) after(last events.Time) events.Time {
	if w.Arrival {
		return max(w.Time, last)
	}
	return w.Time
}

// SetLike sets whether the user likes the video, as of the time of the tap: the
// later tap wins, at equal times the later in the log.
func (m *Model) SetLike(d events.VideoLike, when When, liked bool) Effect {
	number, who := m.video(d.Video), m.liker(d.User)
	entry := m.Users.entry(who)
	old, had := entry.likes.get(number)
	at := when.Time
	if had {
		at = when.after(old.time())
	}
	next := likeVersionOf(at, liked)
	flags := m.Videos.flags(number)
	if liked {
		flags |= slotKnown
	}
	effect := Applied
	switch {
	case had && old == next:
		effect = Duplicate
	case had && old.time() > at:
		effect = Superseded
	}
	var delta Counts
	if effect == Applied {
		m.Users.setLike(who, number, old, had, next)
		if entry.flags.Load()&userRetracted == 0 {
			delta[events.Likes] = m.moveLike(number, old, had, next)
		}
	}
	m.Videos.change(number, delta, flags, m.at)
	return effect
}

// moveLike takes a pair's old state out of the trending windows, puts the new
// one in, and returns by how much the video's likes change.
func (m *Model) moveLike(video uint32, old likeVersion, had bool, next likeVersion) (delta int64) {
	if had && old.liked() {
		m.Trending.add(ByLikes, video, old.time(), -1)
		delta--
	}
	if next.liked() {
		m.Trending.add(ByLikes, video, next.time(), +1)
		delta++
	}
	return delta
}

// SetDeleted hides a video from all answers, or shows it again. Its counters go
// on underneath.
func (m *Model) SetDeleted(video events.VideoID, deleted bool) Effect {
	number := m.video(video)
	flags := m.Videos.flags(number)
	if (flags&slotDeleted != 0) == deleted {
		return None
	}
	m.Videos.change(number, Counts{}, flags^slotDeleted, m.at)
	return Applied
}

// Deleted reports whether the video is deleted now. Safe for any reader.
func (m *Model) Deleted(video events.VideoID) bool {
	number, ok := m.Videos.Find(video)
	return ok && m.Videos.flags(number)&slotDeleted != 0
}

// SetBaseline sets a source's start values for a video. It replaces what the
// same source said before; sources add up. A value that would overflow a
// counter fails with ErrRule and changes nothing.
func (m *Model) SetBaseline(d events.CounterBaseline) (Effect, error) {
	key := keyOf(rowBaseline).id(d.Video).text(d.Source)
	old := m.rows.get(key)
	var delta Counts
	var counts Slot
	if number, ok := m.Videos.Find(d.Video); ok {
		m.Videos.Read(number, &counts)
	}
	f := fields(old)
	next := make(record, 0, 8*events.CounterCount)
	for c := range delta {
		var before int64
		if old != nil {
			before = int64(f.uint64())
		}
		delta[c] = d.Values[c] - before
		if delta[c] > 0 && counts.Counts[c] > maxCount-delta[c] {
			return Poisoned, fmt.Errorf("%w: with this baseline a counter would pass %d", events.ErrRule, int64(maxCount))
		}
		next = next.uint64(uint64(d.Values[c]))
	}
	number := m.video(d.Video)
	if string(old) == string(next) {
		m.Videos.change(number, Counts{}, m.Videos.flags(number)|slotKnown, m.at)
		return Duplicate, nil
	}
	m.rows.put(key, next)
	m.Videos.change(number, delta, m.Videos.flags(number)|slotKnown, m.at)
	return Applied, nil
}
