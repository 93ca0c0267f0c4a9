package crash

import (
	"maps"

	"github.com/tidemark-io/tidemark/events"
)

// totals is a plain recount of the log, written from the contract alone: what
// each counter must be, in maps, one event after the other.
type totals struct {
	views   map[id]int64
	likes   map[pair]tap
	items   map[itemKey]item
	known   map[id]bool
	deleted map[id]bool
	seen    map[string]bool
	unread  map[pair]bool // (user, notification), by whether it is unread
	blocks  map[pair]tap
}

type pair [2]id

// tap is the last state of a pair, by the time that somebody said.
type tap struct {
	on bool
	at events.Time
}

type itemKey struct {
	counter events.Type
	video   id
	item    id
}

type item struct {
	author           id
	created, deleted bool
}

func recount(b *logbook) *totals {
	t := &totals{
		views: map[id]int64{}, likes: map[pair]tap{}, items: map[itemKey]item{}, known: map[id]bool{}, deleted: map[id]bool{},
		seen: map[string]bool{}, unread: map[pair]bool{}, blocks: map[pair]tap{},
	}
	for i := range b.events {
		e := &b.events[i]
		if e.command != nil && !e.command.first || e.identity != "" && t.seen[e.identity] {
			continue
		}
		if e.identity != "" {
			t.seen[e.identity] = true
		}
		t.count(e)
	}
	return t
}

func (t *totals) count(e *logged) {
	switch e.Type {
	case events.TypeVideoPublished:
		t.known[e.A] = true
	case events.TypeVideoViewed:
		t.known[e.A] = true
		t.views[e.A]++
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		if e.Type == events.TypeVideoLiked {
			t.known[e.A] = true
		}
		tapped(t.likes, pair{e.A, e.B}, e, e.Type == events.TypeVideoLiked)
	case events.TypeCommentCreated, events.TypeRemixCreated:
		t.create(e)
	case events.TypeCommentDeleted:
		t.remove(e)
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		t.deleted[e.A] = e.Type == events.TypeVideoDeleted
	case events.TypeNotificationSent:
		if _, sent := t.unread[pair{e.B, e.A}]; !sent {
			t.unread[pair{e.B, e.A}] = true
		}
	case events.TypeNotificationRead:
		t.read(e)
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		tapped(t.blocks, pair{e.A, e.B}, e, e.Type == events.TypeUserBlocked)
	}
}

// tapped lets the later time win, and at equal times the later in the log. What
// was told without a time is later than all before it.
func tapped(taps map[pair]tap, key pair, e *logged, on bool) {
	old, there := taps[key]
	at := e.time
	if there && e.arrival && at < old.at {
		at = old.at
	}
	if !there || at >= old.at {
		taps[key] = tap{on, at}
	}
}

func (t *totals) create(e *logged) {
	key := itemKey{e.Type, e.A, e.B}
	it := t.items[key]
	if it.author != (id{}) && e.author != (id{}) && it.author != e.author {
		return
	}
	if it.author == (id{}) {
		it.author = e.author
	}
	it.created = true
	t.items[key] = it
	t.known[e.A] = true
}

// remove takes a comment away, unless a user said so who may not.
func (t *totals) remove(e *logged) {
	key := itemKey{events.TypeCommentCreated, e.A, e.B}
	it := t.items[key]
	if c := e.command; c != nil && c.kind == events.DeleteItem {
		if !it.created && !it.deleted || !c.privileged && it.author != c.actor {
			return
		}
	}
	it.deleted = true
	t.items[key] = it
}

func (t *totals) read(e *logged) {
	if e.readIDs == nil {
		for key := range t.unread {
			if key[0] == e.A {
				t.unread[key] = false
			}
		}
		return
	}
	for _, n := range e.readIDs {
		if _, sent := t.unread[pair{e.A, n}]; sent {
			t.unread[pair{e.A, n}] = false
		}
	}
}

// videos is the answer to a question for all videos.
func (t *totals) videos() map[string]counts {
	sums := map[id]counts{}
	for video := range t.known {
		sums[video] = counts{Views: t.views[video]}
	}
	for key, like := range t.likes {
		if c := sums[key[0]]; like.on {
			c.Likes++
			sums[key[0]] = c
		}
	}
	for key, it := range t.items {
		if !it.created || it.deleted {
			continue
		}
		c := sums[key.video]
		if key.counter == events.TypeCommentCreated {
			c.Comments++
		} else {
			c.Remixes++
		}
		sums[key.video] = c
	}
	maps.DeleteFunc(sums, func(video id, _ counts) bool { return t.deleted[video] || !t.known[video] })
	answer := map[string]counts{}
	for video, c := range sums {
		answer[video.String()] = c
	}
	return answer
}

// unreadOf is how many notifications the user has not read.
func (t *totals) unreadOf(user id) (n int64) {
	for key, unread := range t.unread {
		if key[0] == user && unread {
			n++
		}
	}
	return n
}

// blockedBy is whom the user blocks.
func (t *totals) blockedBy(user id) map[string]bool {
	list := map[string]bool{}
	for key, b := range t.blocks {
		if key[0] == user && b.on {
			list[key[1].String()] = true
		}
	}
	return list
}
