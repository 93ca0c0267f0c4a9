package command

import (
	"fmt"
	"strconv"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// sendNotifications puts notifications before their recipients.
func (s *Service) sendNotifications(c *api.Call) error {
	var list []events.NotificationSent
	err := s.readList(c, "notifications", func(j *strictjson.Scanner) { list = append(list, readNotification(j)) })
	if err != nil {
		return err
	}
	return s.accept(c, plan{kind: events.SendNotifications, framed: true, privileged: true, write: func(w *entryWriter) int {
		for i := range list {
			if list[i].Notification.IsZero() {
				list[i].Notification = w.mint()
			}
			w.add(events.TypeNotificationSent, list[i])
		}
		return len(list)
	}})
}

func readNotification(j *strictjson.Scanner) (d events.NotificationSent) {
	if !j.Object() {
		return d
	}
	var hasUser, hasCategory bool
	for {
		name, ok := j.Member()
		if !ok {
			break
		}
		switch string(name) {
		case "notification_id":
			d.Notification, _ = readOptionalID(j)
		case "user_id":
			hasUser = true
			d.User, _ = readID(j)
		case "actor_id":
			d.Actor, _ = readOptionalID(j)
		case "category":
			hasCategory = true
			d.Category = readCategory(j)
		case "payload":
			d.Payload = readPayload(j)
		default:
			j.Unknown()
		}
	}
	if !hasUser {
		j.Missing("user_id")
	}
	if !hasCategory {
		j.Missing("category")
	}
	return d
}

func readCategory(j *strictjson.Scanner) []byte {
	text, ok := j.String()
	if ok && !events.ValidCategory(text) {
		j.Fail(fmt.Sprintf("must have 1 to %d of a-z 0-9 _ . -", events.MaxCategoryBytes))
	}
	return text
}

func readPayload(j *strictjson.Scanner) []byte {
	if j.Null() {
		return nil
	}
	raw := j.Raw()
	if len(raw) > events.MaxPayloadBytes {
		j.Fail(fmt.Sprintf("has %d bytes of JSON, at most %d are taken", len(raw), events.MaxPayloadBytes))
		return nil
	}
	return raw
}

// markRead marks the caller's notifications read: by ID, all, or a category.
func (s *Service) markRead(c *api.Call) error {
	d := events.NotificationRead{User: c.Caller.ID}
	var byID, all, category bool
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		switch name {
		case "notification_ids":
			byID = true
			d.Scope = events.ReadByID
			var list idlist.List[events.NotificationID]
			list.ScanSome(j, s.cfg.MaxBatch)
			for _, id := range list.IDs {
				d.IDs = append(d.IDs, id[:]...)
			}
		case "all":
			all = true
			d.Scope = events.ReadAll
			if yes, ok := j.Bool(); ok && !yes {
				j.Fail("must be true")
			}
		case "category":
			category = true
			d.Scope, d.Category = events.ReadCategory, readCategory(j)
		case "before":
			if !j.Null() {
				d.Before, d.HasBefore = readTime(j)
			}
		default:
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	switch {
	case !byID && !all && !category:
		scan.Fail("needs notification_ids, all or category")
	case byID && (all || category), all && category:
		scan.Fail("takes one of notification_ids, all and category")
	case byID && d.HasBefore:
		scan.Fail("takes before with all or category only")
	}
	if err := finish(c, scan); err != nil {
		return err
	}
	v, err := s.run(c, plan{kind: events.MarkRead, judged: true, write: func(w *entryWriter) int {
		w.add(events.TypeNotificationRead, d)
		return 1
	}})
	if err != nil {
		return err
	}
	return s.answerMarked(c, &v)
}

func (s *Service) answerMarked(c *api.Call, v *verdict) error {
	r := v.outcome.Read
	c.Out = c.Out[:0]
	for _, member := range [...]struct {
		name  string
		value int64
	}{
		{`{"marked_count":`, int64(r.Marked)},
		{`,"success":true,"already_read_count":`, int64(r.AlreadyRead)},
		{`,"not_found_count":`, int64(r.NotFound)},
		{`,"unread_count":`, r.Unread},
	} {
		c.Out = strconv.AppendInt(append(c.Out, member.name...), member.value, 10)
	}
	return closeBatch(c, v)
}
