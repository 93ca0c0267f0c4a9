package replay

import (
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// record is an event as it will be told, and what it stands for if it counts.
type record struct {
	Explained
	weight readmodel.Counts
	// contributor is whose retraction takes it out of the counters.
	contributor events.UserID
}

// lose says that the event does not count, or no longer does.
func (r *record) lose(why Why, by *record) {
	r.Counted, r.Why = false, why
	if by != nil {
		at := by.Position
		r.By = &at
	}
}

// record describes an event.
func (t *teller) record(e *events.Event, effect readmodel.Effect, reason error) *record {
	r := &record{Explained: Explained{
		Position: events.Position{Seq: t.message.Seq, Index: e.Index},
		Stored:   t.message.Stored.UTC(), Time: e.Time.Std(), Type: e.Type.String(), Effect: effect.String(),
	}}
	if e.HasIdentity() {
		r.Identity = string(e.Source) + " " + string(e.ID)
	}
	if !t.named.user.IsZero() {
		r.User = t.named.user.String()
	}
	r.Detail, r.Actor = detailOf(e)
	if c := t.message.command(e.Index); c != nil {
		r.Command = c.kind.String()
		if !c.actor.IsZero() {
			r.Actor = c.actor.String()
		}
		if c.reason != "" {
			r.Detail = c.reason
		}
	}
	return r
}

// detailOf returns the reason that an administrator's event gives, and who that was.
func detailOf(e *events.Event) (detail, actor string) {
	admin, reason := events.UserID{}, []byte(nil)
	switch e.Type {
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		if d, err := events.Decode[events.VideoVisibility](e); err == nil {
			admin, reason = d.Admin, d.Reason
		}
	case events.TypeAccountBlocked, events.TypeAccountUnblocked:
		if d, err := events.Decode[events.AccountBlock](e); err == nil {
			admin, reason = d.Admin, d.Reason
		}
	}
	if !admin.IsZero() {
		actor = admin.String()
	}
	return string(reason), actor
}

// change notes by how much an event moved the video's counters.
func (t *teller) change(r *record) {
	if t.entity.Kind != KindVideo {
		return
	}
	var slot readmodel.Slot
	if number, ok := t.model.Videos.Find(t.entity.ID); ok {
		t.model.Videos.Read(number, &slot)
	}
	if slot.Counts == t.counts {
		return
	}
	change := countersOf(slot.Counts).Sub(countersOf(t.counts))
	r.Change, t.counts = &change, slot.Counts
}
