package mapping

import (
	"github.com/tidemark-io/tidemark/events"
)

func (m *maker) videoPresent() error {
	video, err := m.id(videoID)
	if err != nil {
		return err
	}
	author, err := m.optionalID(authorID)
	if err != nil {
		return err
	}
	at, err := m.rowTime()
	if err != nil {
		return err
	}
	m.add(events.TypeVideoPublished, at, "", events.VideoPublished{Video: video, Author: author})
	if m.at.Back {
		m.add(events.TypeVideoRestored, m.at.At, "/restored", events.VideoVisibility{Video: video, Reason: []byte("is there in " + m.plan.mapping.Source)})
	}
	return nil
}

func (m *maker) videoAbsent() error { return m.videoGone(m.at.At) }

// videoHidden has the row's time, so that a repeated import says the same.
func (m *maker) videoHidden() error {
	at, err := m.rowTime()
	if err != nil {
		return err
	}
	return m.videoGone(at)
}

func (m *maker) videoGone(at events.Time) error {
	video, err := m.id(videoID)
	if err != nil {
		return err
	}
	m.add(events.TypeVideoDeleted, at, "", events.VideoVisibility{Video: video, Reason: []byte("gone from " + m.plan.mapping.Source)})
	return nil
}

// viewPresent names the view by its own key, not by the moment: an import and a
// change may both bring it.
func (m *maker) viewPresent() error {
	video, err := m.id(videoID)
	if err != nil {
		return err
	}
	user, err := m.optionalID(userID)
	if err != nil {
		return err
	}
	key, err := m.need(viewID)
	if err != nil {
		return err
	}
	if len(key) > maxViewKeyBytes {
		return &Unfit{viewID, "is too long"}
	}
	at, err := m.statedTime()
	if err != nil {
		return err
	}
	m.at.Name = "view/" + key
	m.add(events.TypeVideoViewed, at, "", events.VideoViewed{Video: video, User: user})
	return nil
}

// maxViewKeyBytes keeps a view's identity within the 256 bytes of one.
const maxViewKeyBytes = 200

func (m *maker) likePresent() error { return m.like(events.TypeVideoLiked) }
func (m *maker) likeAbsent() error  { return m.like(events.TypeVideoUnliked) }

func (m *maker) like(t events.Type) error {
	video, err := m.id(videoID)
	if err != nil {
		return err
	}
	user, err := m.id(userID)
	if err != nil {
		return err
	}
	at, err := m.version()
	if err != nil {
		return err
	}
	m.add(t, at, "", events.VideoLike{Video: video, User: user})
	return nil
}

// itemTypes holds the created type of each kind of item; the deleted one follows it.
var itemTypes = map[string]events.Type{
	commentID: events.TypeCommentCreated, remixID: events.TypeRemixCreated, glitchID: events.TypeGlitchCreated,
}

func (m *maker) itemPresent() error { return m.item(0) }
func (m *maker) itemAbsent() error  { return m.item(1) }

func (m *maker) item(deleted events.Type) error {
	member := m.plan.Entry.kind.key[1]
	video, err := m.id(videoID)
	if err != nil {
		return err
	}
	item, err := m.id(member)
	if err != nil {
		return err
	}
	author, err := m.optionalID(authorID)
	if err != nil {
		return err
	}
	at := m.at.At
	if deleted == 0 {
		if at, err = m.rowTime(); err != nil {
			return err
		}
	}
	m.add(itemTypes[member]+deleted, at, "", events.VideoItem{Video: video, Item: item, Author: author})
	return nil
}

func (m *maker) jobPresent() error {
	job, err := m.id(jobID)
	if err != nil {
		return err
	}
	owner, err := m.id(ownerID)
	if err != nil {
		return err
	}
	created, err := m.rowTime()
	if err != nil {
		return err
	}
	update, err := m.jobUpdate(job)
	if err != nil {
		return err
	}
	m.add(events.TypeJobCreated, created, "", events.JobCreated{Job: job, Owner: owner})
	if update.Has != 0 {
		m.add(events.TypeJobUpdated, m.at.At, "/updated", update)
	}
	return nil
}

func (m *maker) jobUpdate(job [16]byte) (u events.JobUpdated, err error) {
	u = events.JobUpdated{Job: job, Attempt: 1}
	if n, ok, err := m.number(attempt, 1, events.MaxAttempt); err != nil {
		return u, err
	} else if ok {
		u.Attempt = uint32(n)
	}
	if text, ok := m.text(status); ok {
		if u.Status, ok = events.ParseJobStatus(text); !ok {
			return u, &Unfit{status, "is none of queued, processing, completed, failed; translate it"}
		}
		u.Has |= events.JobHasStatus
	}
	n, ok, err := m.number(progress, 0, events.MaxProgress)
	if err != nil {
		return u, err
	}
	if ok {
		u.Progress, u.Has = uint8(n), u.Has|events.JobHasProgress
	}
	for member, into := range map[string]struct {
		text *[]byte
		has  uint8
		most int
	}{
		resultURL:   {&u.ResultURL, events.JobHasResultURL, events.MaxResultURLBytes},
		errorMember: {&u.Error, events.JobHasError, events.MaxJobErrorBytes},
	} {
		if text, ok := m.text(member); ok {
			if len(text) > into.most {
				return u, &Unfit{member, "is too long"}
			}
			*into.text, u.Has = []byte(text), u.Has|into.has
		}
	}
	return u, nil
}

func (m *maker) notificationPresent() error {
	notification, err := m.id(notificationID)
	if err != nil {
		return err
	}
	user, err := m.id(userID)
	if err != nil {
		return err
	}
	actor, err := m.optionalID(actorID)
	if err != nil {
		return err
	}
	name, err := m.need(category)
	if err != nil {
		return err
	}
	if !events.ValidCategory([]byte(name)) {
		return &Unfit{category, "is not 1 to 64 of a-z 0-9 _ . -; translate it"}
	}
	at, err := m.rowTime()
	if err != nil {
		return err
	}
	body, _ := m.text(payload)
	if len(body) > events.MaxPayloadBytes {
		return &Unfit{payload, "is too long"}
	}
	m.add(events.TypeNotificationSent, at, "", events.NotificationSent{
		Notification: notification, User: user, Actor: actor, Category: []byte(name), Payload: []byte(body),
	})
	if text, ok := m.text(readMember); ok && truth(text) {
		m.add(events.TypeNotificationRead, m.at.At, "/read", events.NotificationRead{User: user, Scope: events.ReadByID, IDs: notification[:]})
	}
	return nil
}

func (m *maker) blockPresent() error { return m.block(events.TypeUserBlocked) }
func (m *maker) blockAbsent() error  { return m.block(events.TypeUserUnblocked) }

func (m *maker) block(t events.Type) error {
	user, err := m.id(userID)
	if err != nil {
		return err
	}
	blocked, err := m.id(blockedID)
	if err != nil {
		return err
	}
	if user == blocked {
		return &Unfit{blockedID, "is the user who blocks"}
	}
	at, err := m.version()
	if err != nil {
		return err
	}
	m.add(t, at, "", events.UserBlock{User: user, Blocked: blocked})
	return nil
}

func (m *maker) baselinePresent() error { return m.baseline(true) }
func (m *maker) baselineAbsent() error  { return m.baseline(false) }

// baseline gives the start values of the counters that have a column; a null,
// or a row that is gone, is zero.
func (m *maker) baseline(there bool) error {
	video, err := m.id(videoID)
	if err != nil {
		return err
	}
	d := events.CounterBaseline{Video: video, Source: []byte(m.plan.mapping.Source + "/" + m.plan.Entry.baselineSource())}
	for c, member := range [events.CounterCount]string{viewCount, likeCount, commentCount, remixCount, glitchCount} {
		if m.plan.Entry.Columns[member] == "" {
			continue
		}
		d.Set |= 1 << c
		if !there {
			continue
		}
		if d.Values[c], _, err = m.number(member, 0, events.MaxBaseline); err != nil {
			return err
		}
	}
	m.add(events.TypeCounterBaseline, m.at.At, "", d)
	return nil
}
