package replay

import (
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// tell works out what of the event stands, and what it takes the place of.
func (t *teller) tell(e *events.Event, effect readmodel.Effect, r *record, mine bool) {
	if first, repeat := t.repeats.of(&t.message, e.Index, effect, r); repeat {
		r.lose(WhyRepeat, nil)
		r.By = &first
		return
	}
	if e.HasIdentity() && byIdentity(e.Type) {
		k := identityKey{e.Type, e.Time, string(e.Source), string(e.ID)}
		if first, seen := t.identities[k]; seen && effect == readmodel.Duplicate {
			r.lose(WhyDuplicate, nil)
			r.By = &first
			return
		}
		t.identities[k] = r.Position
		t.kept += identityBytes + uint64(len(k.source)+len(k.id))
	}
	r.Counted = effect == readmodel.Applied || effect == readmodel.Updated
	if !r.Counted {
		r.Why = whyOf(effect)
	}
	switch {
	case ofAccount(e.Type):
		t.tellAccount(r)
	case t.named.hasItem:
		t.tellItem(e, effect, r)
	case e.Type == events.TypeVideoPublished:
		t.tellPublished(effect, r)
	case !mine:
	case t.named.hasVideo:
		t.tellVideo(e, r)
	case t.named.hasJob:
		t.tellJob(e, effect, r)
	default:
		t.tellUser(e, effect, r)
	}
}

// whyOf is what an effect says by itself.
func whyOf(effect readmodel.Effect) Why {
	switch effect {
	case readmodel.Duplicate:
		return WhyDuplicate
	case readmodel.Superseded:
		return WhySuperseded
	case readmodel.Conflict:
		return WhyConflict
	case readmodel.NotFound:
		return WhyNotFound
	case readmodel.Forbidden:
		return WhyForbidden
	case readmodel.Suppressed:
		return WhySuppressed
	case readmodel.Poisoned:
		return WhyPoisoned
	}
	return WhyNothing
}

// replace makes r what stands in the place of *standing, if it counts, or says
// what stands there already.
func replace(standing **record, r *record) {
	switch {
	case r.Counted && *standing != nil:
		(*standing).lose(WhySuperseded, r)
		*standing = r
	case r.Counted:
		*standing = r
	default:
		r.lose(r.Why, *standing)
	}
}

func (t *teller) tellAccount(r *record) {
	user := t.named.user
	if !r.Counted {
		return
	}
	for _, before := range t.accounts[user] {
		if before.Counted {
			before.lose(WhySuperseded, r)
		}
	}
}

// tellUser is of events that name users alone.
func (t *teller) tellUser(e *events.Event, effect readmodel.Effect, r *record) {
	n := &t.named
	switch e.Type {
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		k := [2]events.UserID{n.user, n.other}
		standing := t.blocks[k]
		replace(&standing, r)
		t.blocks[k] = standing
	case events.TypeNotificationSent:
		d, _ := events.Decode[events.NotificationSent](e) // it was decoded before
		k := [2][16]byte{d.User, d.Notification}
		if t.sent[k] == nil {
			t.sent[k] = r
		}
		switch effect {
		case readmodel.Duplicate:
			r.lose(WhyDuplicate, t.sent[k])
		case readmodel.Suppressed:
			r.lose(WhySuppressed, t.blocks[[2]events.UserID{d.User, d.Actor}])
		}
	}
}
