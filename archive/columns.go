package archive

import "github.com/tidemark-io/tidemark/events"

// columns are the IDs of an event that have columns of their own; zero for none.
type columns struct {
	video, user, other, item, job [16]byte
	// more: the event's data says more than these.
	more bool
}

// columnsOf fails with events.ErrRule where the event's data breaks a rule.
func columnsOf(e *events.Event) (columns, error) {
	switch e.Type {
	case events.TypeVideoPublished:
		d, err := events.Decode[events.VideoPublished](e)
		return columns{video: d.Video, user: d.Author}, err
	case events.TypeVideoViewed:
		d, err := events.Decode[events.VideoViewed](e)
		return columns{video: d.Video, user: d.User}, err
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		d, err := events.Decode[events.VideoLike](e)
		return columns{video: d.Video, user: d.User}, err
	case events.TypeCommentCreated, events.TypeCommentDeleted, events.TypeRemixCreated, events.TypeRemixDeleted,
		events.TypeGlitchCreated, events.TypeGlitchDeleted:
		d, err := events.Decode[events.VideoItem](e)
		return columns{video: d.Video, user: d.Author, item: d.Item}, err
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		d, err := events.Decode[events.VideoVisibility](e)
		return columns{video: d.Video, other: d.Admin, more: true}, err
	case events.TypeJobCreated:
		d, err := events.Decode[events.JobCreated](e)
		return columns{job: d.Job, user: d.Owner}, err
	case events.TypeJobUpdated:
		d, err := events.Decode[events.JobUpdated](e)
		return columns{job: d.Job, more: true}, err
	case events.TypeJobCancelled:
		d, err := events.Decode[events.JobCancelled](e)
		return columns{job: d.Job}, err
	case events.TypeNotificationSent:
		d, err := events.Decode[events.NotificationSent](e)
		return columns{user: d.User, other: d.Actor, item: d.Notification, more: true}, err
	case events.TypeNotificationRead:
		d, err := events.Decode[events.NotificationRead](e)
		return columns{user: d.User, more: true}, err
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		d, err := events.Decode[events.UserBlock](e)
		return columns{user: d.User, other: d.Blocked}, err
	case events.TypeAccountBlocked, events.TypeAccountUnblocked:
		d, err := events.Decode[events.AccountBlock](e)
		return columns{user: d.User, other: d.Admin, more: true}, err
	case events.TypeCounterBaseline:
		d, err := events.Decode[events.CounterBaseline](e)
		return columns{video: d.Video, more: true}, err
	}
	return columns{more: true}, nil // a type of the service's own: its data says it all
}
