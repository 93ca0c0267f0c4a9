package replay

import (
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// show fills in what is shown of the entity.
func (t *teller) show(x *Explanation, m *readmodel.Model) error {
	switch s := m.Snapshot(); x.Entity.Kind {
	case KindVideo:
		x.Video = &VideoShown{}
		var slot readmodel.Slot
		if number, ok := m.Videos.Find(x.Entity.ID); ok {
			m.Videos.Read(number, &slot)
		}
		x.Video.Counters, x.Video.Known, x.Video.Deleted = countersOf(slot.Counts), slot.Known(), slot.Deleted()
		if slot.Deleted() && t.visibility != nil {
			at := t.visibility.Position
			x.Video.DeletedBy = &at
		}
	case KindJob:
		j, created, err := s.Job(x.Entity.ID)
		if err != nil {
			return err
		}
		x.Job = &JobShown{Created: created, Progress: int(j.Progress), Attempt: int(j.Attempt)}
		if j.Status != 0 {
			x.Job.Status = j.Status.String()
		}
		if created {
			x.Job.Owner = j.Owner.String()
		}
		x.Job.ResultURL, x.Job.Error = textOf(j.ResultURL), textOf(j.Error)
	case KindUser:
		user := events.UserID(x.Entity.ID)
		unread, err := s.UnreadCount(user)
		if err != nil {
			return err
		}
		counts := m.Retractable([]events.UserID{user}).Counts
		x.User = &UserShown{Counters: countersOf(counts), Blocked: m.Users.Blocked(user), Retracted: m.Users.Retracted(user), Unread: unread}
		x.User.Views = x.Sum().Views // nobody else adds them up by user
	}
	return nil
}

func textOf(b []byte) *string {
	if b == nil {
		return nil
	}
	text := string(b)
	return &text
}
