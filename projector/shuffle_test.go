package projector

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// drawNatural draws events that have natural keys and do not contradict each
// other: whatever the order and however often they are said, the state is one.
func drawNatural(t *rapid.T) (entries []events.Entry) {
	g := &generator{t: t, stored: testTime, logTime: testTime}
	for i := range rapid.IntRange(1, 60).Draw(t, "events") {
		// No two at one time, since ties go by the order of the log.
		m := events.Meta{Time: events.TimeOf(testTime.Add(-time.Duration(i) * time.Second))}
		var d events.Data
		switch g.pick(5, "what") {
		case 0, 1:
			m.Type, d = events.TypeVideoLiked+events.Type(g.pick(2, "like")), events.VideoLike{Video: g.video(), User: g.user()}
		case 2:
			item := g.name('c', 4)
			author := name16("u" + string(item[1:2])) // each has one author
			m.Type = events.TypeCommentCreated + events.Type(g.pick(6, "item"))
			d = events.VideoItem{Video: g.video(), Item: item, Author: author}
		case 3:
			m.Type, d = events.TypeUserBlocked+events.Type(g.pick(2, "block")), events.UserBlock{User: name16("u1"), Blocked: g.name('b', 3)}
		case 4:
			n := g.name('n', 5)
			m.Type, m.Time = events.TypeNotificationSent, events.TimeOf(testTime)
			d = events.NotificationSent{Notification: n, User: g.name('u', 2), Category: []byte("x")}
		}
		entries = append(entries, events.Entry{Bytes: events.AppendEvent(nil, m, d), Events: 1})
	}
	return entries
}

// naturalState is what must not depend on order: counters, who is blocked, how
// many notifications are unread.
func naturalState(t *rapid.T, f *Fold) (state []string) {
	for _, v := range []string{"v1", "v2", "v3", "v4"} {
		state = append(state, showVideo(f.model, name16(v))...)
		state = append(state, "/")
	}
	s := f.model.Snapshot()
	for _, u := range []string{"u1", "u2"} {
		unread, err := s.UnreadCount(name16(u))
		if err != nil {
			t.Fatalf("%v", err)
		}
		state = append(state, spaced(u, unread))
	}
	var blocked []string
	list, err := s.Blocks(name16("u1"), struct {
		CreatedAt events.Time
		At        events.Position
	}{}, 10)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, b := range list {
		blocked = append(blocked, b.User.String())
	}
	slices.Sort(blocked)
	return append(state, blocked...)
}

func TestNaturalKeysMakeOrderAndRepetitionIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawNatural(t)
		mixed := rapid.Permutation(slices.Concat(entries, entries)).Draw(t, "shuffled and doubled")
		// A retraction in the middle, and its end, leave no trace.
		block := func(kind events.Type) events.Entry {
			d := events.AccountBlock{User: name16("u1"), Retract: kind == events.TypeAccountBlocked}
			return events.Entry{Bytes: events.AppendEvent(nil, events.Meta{Type: kind, Time: events.TimeOf(testTime)}, d), Events: 1}
		}
		at := rapid.IntRange(0, len(mixed)).Draw(t, "blocked at")
		mixed = slices.Concat(mixed[:at], []events.Entry{block(events.TypeAccountBlocked)}, mixed[at:], []events.Entry{block(events.TypeAccountUnblocked)})

		ordered, shuffled := newFold(), newFold()
		foldAll(t, ordered, []eventlog.Message{ownMessage(1, testTime, entries...)})
		foldAll(t, shuffled, []eventlog.Message{ownMessage(1, testTime, mixed...)})
		if a, b := naturalState(t, ordered), naturalState(t, shuffled); !slices.Equal(a, b) {
			t.Fatalf("in order %s\nshuffled %s", a, b)
		}
	})
}
