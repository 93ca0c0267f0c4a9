package oracle

import "strings"

// Video is what the log has said of a video; its counts are recounted on demand.
type Video struct {
	Known, Deleted bool
	Author         ID
	Items          map[ItemKey]*Item
	// Changed is where the last event lies that changed what readers see, or
	// that deleted or restored the video.
	Changed Pos

	views     []int64 // their times
	likes     map[ID]pair
	baselines map[string][5]int64
	seen      [5]int64 // what readers saw last; valid while visible
	visible   bool
	hidden    bool
}

// ItemKey names a comment, remix or glitch within its video.
type ItemKey struct {
	Kind string // comment, remix, glitch
	ID   ID
}

// Item is a comment, a remix or a glitch.
type Item struct {
	Author           ID
	Created, Deleted bool
}

// pair is the tap of a user on a video that won.
type pair struct {
	time  int64
	liked bool
}

func (s *State) video(id ID) *Video {
	v := s.Videos[id]
	if v == nil {
		v = &Video{Items: map[ItemKey]*Item{}, likes: map[ID]pair{}, baselines: map[string][5]int64{}}
		s.Videos[id] = v
	}
	return v
}

// Counts recounts the five counters: views, likes, comments, remixes, glitches.
func (s *State) Counts(id ID) (counts [5]int64) {
	v := s.Videos[id]
	if v == nil {
		return counts
	}
	counts[0] = int64(len(v.views))
	for user, p := range v.likes {
		if p.liked && !s.Accounts[user].Retracted {
			counts[1]++
		}
	}
	for key, item := range v.Items {
		if item.Created && !item.Deleted && !s.Accounts[item.Author].Retracted {
			counts[map[string]int{"comment": 2, "remix": 3, "glitch": 4}[key.Kind]]++
		}
	}
	for _, values := range v.baselines {
		for c := range counts {
			counts[c] += values[c]
		}
	}
	return counts
}

// noteChanges looks whether readers see another video after the event.
func (s *State) noteChanges(e *Event, at Pos) {
	for id, v := range s.Videos {
		if id != e.Video && !strings.HasPrefix(e.Type, "account.") {
			continue
		}
		visible, counts := v.Known && !v.Deleted, s.Counts(id)
		if visible != v.visible || visible && counts != v.seen || v.Deleted != v.hidden {
			v.Changed = at
		}
		v.visible, v.hidden, v.seen = visible, v.Deleted, counts
	}
}

func (s *State) publish(e *Event) string {
	v := s.video(e.Video)
	effect := duplicate
	if !v.Known {
		v.Known, effect = true, applied
	}
	switch {
	case e.Author == ID{}:
	case v.Author == ID{}:
		v.Author, effect = e.Author, applied
	case v.Author != e.Author:
		effect = conflict
	}
	return effect
}

// like: the later time wins, at equal times the later in the log. An event that
// has only its time of arrival is later than all before it.
func (s *State) like(e *Event) string {
	v := s.video(e.Video)
	liked := e.Type == "video.liked"
	if liked {
		v.Known = true
	}
	at := e.Time
	if last, had := v.likes[e.User]; had {
		if e.Arrival && last.time > at {
			at = last.time
		}
		if at < last.time {
			return superseded
		}
		if last == (pair{at, liked}) {
			return duplicate
		}
	}
	v.likes[e.User] = pair{at, liked}
	return applied
}

func (s *State) itemOf(e *Event) *Item {
	kind, _, _ := strings.Cut(e.Type, ".")
	key := ItemKey{kind, e.Item}
	v := s.video(e.Video)
	if v.Items[key] == nil {
		v.Items[key] = &Item{}
	}
	return v.Items[key]
}

// createItem: an ID belongs to the author who said it first.
func (s *State) createItem(e *Event) string {
	item := s.itemOf(e)
	if item.Author != (ID{}) && e.Author != (ID{}) && e.Author != item.Author {
		return conflict
	}
	before := *item
	item.Created = true
	if item.Author == (ID{}) {
		item.Author = e.Author
	}
	s.video(e.Video).Known = true
	if *item == before {
		return duplicate
	}
	return applied
}

// deleteItem: deleted wins over created, in whichever order. A caller may
// delete only what was seen, and what is theirs unless they are privileged.
func (s *State) deleteItem(r *run, e *Event) string {
	item := s.itemOf(e)
	if c := r.command; c != nil && c.Kind == "item.delete" {
		if !item.Created && !item.Deleted {
			return notFound
		}
		if !c.Privileged && item.Author != c.Actor {
			return forbidden
		}
	}
	if item.Deleted {
		return duplicate
	}
	item.Deleted = true
	if item.Author == (ID{}) {
		item.Author = e.Author
	}
	return applied
}

func (s *State) hide(r *run, e *Event, at Pos) string {
	v := s.video(e.Video)
	action, deleted := "video.restore", e.Type == "video.deleted"
	if deleted {
		action = "video.delete"
	}
	effect := none
	if v.Deleted != deleted {
		v.Deleted, effect = deleted, applied
	}
	return s.administered(r, e, action, e.Video, at, effect)
}

// greatest is the largest integer that every reader of JSON keeps exactly.
const greatest = 1<<53 - 1

// baseline: of two for the same video and source the later in the log wins;
// sources add up, and what no counter can show is refused.
func (s *State) baseline(e *Event) string {
	old, had := s.video(e.Video).baselines[e.Baseline]
	counts := s.Counts(e.Video)
	for c := range counts {
		if e.Values[c] > old[c] && counts[c] > greatest-(e.Values[c]-old[c]) {
			return poisoned
		}
	}
	v := s.video(e.Video)
	v.Known = true
	if had && old == e.Values {
		return duplicate
	}
	v.baselines[e.Baseline] = e.Values
	return applied
}

// account: the platform blocks and unblocks accounts; with retract, what they
// contributed does not count, before and after.
func (s *State) account(r *run, e *Event, at Pos) string {
	old, next := s.Accounts[e.User], Account{}
	action := "account.unblock"
	if e.Type == "account.blocked" {
		action, next = "account.block", Account{Blocked: true, Retracted: e.Retract}
	}
	s.Accounts[e.User] = next
	effect := applied
	switch {
	case old == next:
		effect = none
	case old.Blocked && next.Blocked:
		effect = updated
	}
	return s.administered(r, e, action, e.User, at, effect)
}
