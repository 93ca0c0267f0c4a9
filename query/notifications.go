package query

import (
	"strconv"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// listNotifications answers GET /v1/notifications: the caller's, newest first.
func (s *Service) listNotifications(c *api.Call) error {
	var values [4]param
	if err := readParams(c, values[:], "limit", "cursor", "unread", "category"); err != nil {
		return err
	}
	filter, name, err := readNotificationFilter(values[2], values[3])
	if err != nil {
		return err
	}
	p, err := s.readPage(c, listOfNotifications, name, values[0], values[1])
	if err != nil {
		return err
	}
	snapshot, err := s.settled(c)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	unread, err := snapshot.UnreadCount(c.Caller.ID)
	if err != nil {
		return err
	}
	list, err := snapshot.Notifications(c.Caller.ID, filter, readmodel.NotificationPage{CreatedAt: p.after.time, Sent: p.after.at}, p.limit+1)
	if err != nil {
		return err
	}
	out := appendPage(append(c.Out, '{'), "notifications", list, p.limit, appendNotification)
	out = strconv.AppendInt(append(out, `,"unread_count":`...), unread, 10)
	out = s.appendNextCursor(out, &p, len(list), func(i int) place {
		at := list[i].Page()
		return place{at.CreatedAt, at.Sent}
	})
	c.Out = append(out, '}')
	return c.Answer(c.Out)
}

func readNotificationFilter(unread, category param) (filter readmodel.NotificationFilter, name string, err error) {
	if unread.given {
		switch unread.text {
		case "true":
			filter.Unread, name = true, "unread "
		case "false":
		default:
			return filter, "", badParam("unread", "must be true or false")
		}
	}
	if category.given {
		filter.Category = []byte(category.text)
		if !events.ValidCategory(filter.Category) {
			return filter, "", badParam("category", "must have 1 to 64 of a-z 0-9 _ . -")
		}
		name += category.text
	}
	return filter, name, nil
}

func appendNotification(dst []byte, n *readmodel.Notification) []byte {
	dst = n.ID.AppendTo(append(dst, `{"notification_id":"`...))
	dst = appendString(append(dst, `","category":`...), n.Category)
	dst = append(dst, `,"actor_id":`...)
	if n.Actor.IsZero() {
		dst = append(dst, "null"...)
	} else {
		dst = append(n.Actor.AppendTo(append(dst, '"')), '"')
	}
	dst = append(dst, `,"payload":`...)
	if len(n.Payload) == 0 {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, n.Payload...) // one JSON value, checked before it was stored
	}
	dst = strconv.AppendBool(append(dst, `,"read":`...), n.Read)
	dst = n.CreatedAt.AppendTo(append(dst, `,"created_at":"`...))
	return append(dst, `"}`...)
}

// notificationStatuses answers POST /v1/notifications/batch-status. IDs of
// others are left out like those that do not exist.
func (s *Service) notificationStatuses(c *api.Call) error {
	list, err := readIDs[events.NotificationID](c, "notification_ids", s.maxBatch)
	if err != nil {
		return err
	}
	snapshot, err := s.settled(c)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	unread, err := snapshot.UnreadCount(c.Caller.ID)
	if err != nil {
		return err
	}
	found := make([]*readmodel.Notification, len(list.IDs))
	for i, id := range list.IDs {
		n, ok, err := snapshot.Notification(c.Caller.ID, id)
		if err != nil {
			return err
		}
		if ok {
			found[i] = &n
		}
	}
	out := append(c.Out, `{"notifications":{`...)
	comma := false
	for i := range list.Entries {
		e := &list.Entries[i]
		if n := found[e.ID]; n != nil {
			out = appendKey(out, &comma, &e.Text)
			out = strconv.AppendBool(append(out, `{"read":`...), n.Read)
			out = appendString(append(out, `,"category":`...), n.Category)
			out = n.CreatedAt.AppendTo(append(out, `,"created_at":"`...))
			out = append(out, `"}`...)
		}
	}
	out = strconv.AppendInt(append(out, `},"unread_count":`...), unread, 10)
	c.Out = append(out, '}')
	return c.Answer(c.Out)
}
