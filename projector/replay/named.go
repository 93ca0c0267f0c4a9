package replay

import (
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// named is what an event names.
type named struct {
	video events.VideoID
	job   events.JobID
	// user did it, or it was done to them; other is the second user of a pair.
	user, other events.UserID
	item        events.ItemID
	hasVideo    bool
	hasJob      bool
	hasItem     bool
}

// read fills in what the event names. It fails where the event's data cannot be
// decoded: such an event is poison.
func (n *named) read(e *events.Event) error {
	*n = named{}
	switch e.Type {
	case events.TypeVideoViewed:
		d, err := events.Decode[events.VideoViewed](e)
		n.video, n.user, n.hasVideo = d.Video, d.User, true
		return err
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		d, err := events.Decode[events.VideoLike](e)
		n.video, n.user, n.hasVideo = d.Video, d.User, true
		return err
	case events.TypeVideoPublished:
		d, err := events.Decode[events.VideoPublished](e)
		n.video, n.user, n.hasVideo = d.Video, d.Author, true
		return err
	case events.TypeCommentCreated, events.TypeCommentDeleted, events.TypeRemixCreated, events.TypeRemixDeleted,
		events.TypeGlitchCreated, events.TypeGlitchDeleted:
		d, err := events.Decode[events.VideoItem](e)
		n.video, n.user, n.item, n.hasVideo, n.hasItem = d.Video, d.Author, d.Item, true, true
		return err
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		d, err := events.Decode[events.VideoVisibility](e)
		n.video, n.hasVideo = d.Video, true
		return err
	case events.TypeCounterBaseline:
		d, err := events.Decode[events.CounterBaseline](e)
		n.video, n.hasVideo = d.Video, true
		return err
	}
	return n.readRest(e)
}

func (n *named) readRest(e *events.Event) error {
	switch e.Type {
	case events.TypeJobCreated:
		d, err := events.Decode[events.JobCreated](e)
		n.job, n.user, n.hasJob = d.Job, d.Owner, true
		return err
	case events.TypeJobUpdated:
		d, err := events.Decode[events.JobUpdated](e)
		n.job, n.hasJob = d.Job, true
		return err
	case events.TypeJobCancelled:
		d, err := events.Decode[events.JobCancelled](e)
		n.job, n.hasJob = d.Job, true
		return err
	case events.TypeNotificationSent:
		d, err := events.Decode[events.NotificationSent](e)
		n.user, n.other = d.User, d.Actor
		return err
	case events.TypeNotificationRead:
		d, err := events.Decode[events.NotificationRead](e)
		n.user = d.User
		return err
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		d, err := events.Decode[events.UserBlock](e)
		n.user, n.other = d.User, d.Blocked
		return err
	case events.TypeAccountBlocked, events.TypeAccountUnblocked:
		d, err := events.Decode[events.AccountBlock](e)
		n.user = d.User
		return err
	}
	return nil
}

// itemOf is the item that the event names.
func (n *named) itemOf(t events.Type) readmodel.Item {
	return readmodel.Item{Video: n.video, Kind: t.ItemCounter(), ID: n.item}
}

// is reports whether the entity is among what is named.
func (n *named) is(e Entity) bool {
	switch e.Kind {
	case KindVideo:
		return n.hasVideo && n.video == e.ID
	case KindJob:
		return n.hasJob && n.job == e.ID
	}
	return n.user == e.ID || n.other == e.ID
}

// ofAccount reports whether an event takes a user's contributions out of the
// counters, or gives them back.
func ofAccount(t events.Type) bool {
	return t == events.TypeAccountBlocked || t == events.TypeAccountUnblocked
}

// byIdentity reports whether events of the type are told from their repeats by
// the identity alone.
func byIdentity(t events.Type) bool {
	switch t {
	case events.TypeVideoViewed, events.TypeVideoDeleted, events.TypeVideoRestored, events.TypeCounterBaseline,
		events.TypeJobUpdated, events.TypeNotificationRead:
		return true
	}
	return ofAccount(t)
}
