package replay

import (
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// itemStory is what became of a comment, a remix or a glitch.
type itemStory struct {
	created, deleted *record
	named            *record // that said who the author is
	author           events.UserID
}

// publication is what was said of a video's being there.
type publication struct {
	first, author *record
}

func (t *teller) tellVideo(e *events.Event, r *record) {
	n := &t.named
	switch e.Type {
	case events.TypeVideoViewed:
		if r.Counted {
			r.weight[events.Views] = 1
		}
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		k := likeKey{n.video, n.user}
		standing := t.likes[k]
		replace(&standing, r)
		t.likes[k] = standing
		t.contributors[n.user], r.contributor = true, n.user
		if e.Type == events.TypeVideoLiked {
			r.weight[events.Likes] = 1
		}
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		replace(&t.visibility, r)
	case events.TypeCounterBaseline:
		d, _ := events.Decode[events.CounterBaseline](e) // it was decoded before
		standing := t.baselines[string(d.Source)]
		replace(&standing, r)
		t.baselines[string(d.Source)] = standing
		r.weight = d.Values
	}
}

func (t *teller) tellPublished(effect readmodel.Effect, r *record) {
	p := t.publications[t.named.video]
	if p == nil {
		p = &publication{}
		t.publications[t.named.video] = p
	}
	switch {
	case effect == readmodel.Conflict:
		r.lose(WhyConflict, p.author)
	case !r.Counted:
		r.lose(r.Why, p.first)
	case p.author == nil && !t.named.user.IsZero():
		p.author = r
	}
	if p.first == nil {
		p.first = r
	}
}

func (t *teller) tellItem(e *events.Event, effect readmodel.Effect, r *record) {
	item := t.named.itemOf(e.Type)
	s := t.items[item]
	if s == nil {
		s = &itemStory{}
		t.items[item] = s
	}
	if (r.Counted || effect == readmodel.Duplicate) && s.named == nil && !t.named.user.IsZero() {
		s.named, s.author = r, t.named.user
		t.contributors[s.author] = true
		if s.created != nil {
			s.created.contributor = s.author
		}
	}
	if e.Type == events.TypeCommentDeleted || e.Type == events.TypeRemixDeleted || e.Type == events.TypeGlitchDeleted {
		t.tellItemDeleted(s, r)
		return
	}
	switch {
	case effect == readmodel.Conflict:
		r.lose(WhyConflict, s.named)
		return
	case !r.Counted:
		r.lose(r.Why, s.created)
		return
	case s.created != nil && t.entity.Kind == KindUser && t.named.is(t.entity):
		// It was there, by an author whom nobody named: now it is the user's.
		s.created.lose(WhySuperseded, r)
	case s.created != nil:
		r.lose(WhyDuplicate, s.created)
		return
	}
	s.created, r.contributor = r, s.author
	r.weight[item.Kind] = 1
	if s.deleted != nil {
		r.lose(WhyDeleted, s.deleted)
	}
}

func (t *teller) tellItemDeleted(s *itemStory, r *record) {
	switch {
	case !r.Counted:
		r.lose(r.Why, s.deleted)
	case s.created != nil:
		s.created.lose(WhyDeleted, r)
		s.deleted = r
	default:
		s.deleted = r
	}
}
