package readmodel

import "github.com/tidemark-io/tidemark/events"

// Notification is one entry of a recipient's list.
type Notification struct {
	ID        events.NotificationID
	Actor     events.UserID // zero if nobody
	Category  []byte
	Payload   []byte // JSON; empty if none
	Read      bool
	CreatedAt events.Time
	sent      events.Position
}

// A notification has a record under its place in the recipient's list, a
// pointer from its ID to that place, and while it is unread an entry in the
// list of unread ones: what is not there is read.

func (n *Notification) place(k rowKey) rowKey { return k.newest(n.CreatedAt, n.sent) }

// SendNotification puts a notification before its recipient, unless the
// recipient has blocked the actor: then it is only remembered, so that a
// repeat does not come through later.
func (m *Model) SendNotification(d *events.NotificationSent, at events.Time) Effect {
	pointer := keyOf(rowNotificationID).id(d.User).id(d.Notification)
	if m.rows.get(pointer) != nil {
		return Duplicate
	}
	if !d.Actor.IsZero() && m.blocks(d.User, d.Actor) {
		m.rows.put(pointer, []byte{})
		return Suppressed
	}
	n := Notification{ID: d.Notification, CreatedAt: at, sent: m.at}
	m.rows.put(pointer, record(nil).time(at).position(m.at).text(d.Category))
	// Its place names the event's position, so there are no such rows yet.
	m.rows.add(n.place(keyOf(rowNotification).id(d.User)),
		record(nil).id(d.Notification).id(d.Actor).text(d.Category).text(d.Payload))
	m.rows.add(n.place(keyOf(rowNotificationIn).id(d.User).text(d.Category)), []byte{})
	m.rows.add(n.place(keyOf(rowNotificationUnread).id(d.User)), append([]byte{}, d.Category...))
	m.addUnread(d.User, +1)
	return Applied
}

func (m *Model) addUnread(user events.UserID, delta int64) {
	key := keyOf(rowUnreadCount).id(user)
	m.rows.put(key, record(nil).uint64(uint64(unreadCount(m.rows.get(key))+delta)))
}

func unreadCount(value []byte) int64 {
	if value == nil {
		return 0
	}
	f := fields(value)
	return int64(f.uint64())
}

// MarkedRead is what one notification.read changed.
type MarkedRead struct {
	Marked, AlreadyRead, NotFound int
	// Unread is what is left.
	Unread int64
}

// MarkRead marks the notifications that d names, or all that lie before it.
func (m *Model) MarkRead(d *events.NotificationRead) MarkedRead {
	var result MarkedRead
	if d.Scope == events.ReadByID {
		seen := map[events.NotificationID]bool{}
		for i := range d.IDCount() {
			if id := d.ID(i); !seen[id] {
				seen[id] = true
				m.markOne(d.User, id, &result)
			}
		}
	} else {
		result.Marked = m.markAll(d)
	}
	if result.Marked > 0 {
		m.addUnread(d.User, -int64(result.Marked))
	}
	result.Unread = unreadCount(m.rows.get(keyOf(rowUnreadCount).id(d.User)))
	return result
}

func (m *Model) markOne(user events.UserID, id events.NotificationID, result *MarkedRead) {
	value := m.rows.get(keyOf(rowNotificationID).id(user).id(id))
	if len(value) == 0 {
		result.NotFound++
		return
	}
	n := decodePlace(value)
	unread := n.place(keyOf(rowNotificationUnread).id(user))
	if m.rows.get(unread) == nil {
		result.AlreadyRead++
		return
	}
	m.rows.put(unread, nil)
	result.Marked++
}

func decodePlace(value []byte) Notification {
	f := fields(value)
	return Notification{CreatedAt: f.time(), sent: f.position(), Category: f.text()}
}

func (m *Model) markAll(d *events.NotificationRead) int {
	prefix := keyOf(rowNotificationUnread).id(d.User)
	var keys [][]byte
	m.rows.scan(prefix, nil, func(key, category []byte) bool {
		f := fields(key[len(prefix):])
		late := d.HasBefore && f.newest() > d.Before
		if !late && (d.Scope == events.ReadAll || string(category) == string(d.Category)) {
			keys = append(keys, append([]byte{}, key...))
		}
		return true
	})
	for _, key := range keys {
		m.rows.put(key, nil)
	}
	return len(keys)
}

// UnreadCount returns how many of the user's notifications are unread.
func (s *Snapshot) UnreadCount(user events.UserID) (int64, error) {
	value, err := s.rows.get(keyOf(rowUnreadCount).id(user))
	return unreadCount(value), err
}

// Notification returns one of the user's notifications, without actor and payload.
func (s *Snapshot) Notification(user events.UserID, id events.NotificationID) (n Notification, ok bool, err error) {
	value, err := s.rows.get(keyOf(rowNotificationID).id(user).id(id))
	if len(value) == 0 || err != nil {
		return n, false, err
	}
	n = decodePlace(value)
	n.ID = id
	unread, err := s.rows.get(n.place(keyOf(rowNotificationUnread).id(user)))
	n.Read = unread == nil
	return n, true, err
}

// NotificationPage is a place in a list of notifications; the zero page is the start.
type NotificationPage struct {
	CreatedAt events.Time
	Sent      events.Position
}

// Page is the place right after the notification.
func (n *Notification) Page() NotificationPage { return NotificationPage{n.CreatedAt, n.sent} }

// NotificationFilter narrows a list.
type NotificationFilter struct {
	Unread   bool
	Category []byte // nil for all
}

// Notifications lists the user's notifications, newest first, after the page,
// at most limit of them.
func (s *Snapshot) Notifications(user events.UserID, filter NotificationFilter, after NotificationPage, limit int) ([]Notification, error) {
	var prefix rowKey
	switch {
	case filter.Unread:
		prefix = keyOf(rowNotificationUnread).id(user)
	case filter.Category != nil:
		prefix = keyOf(rowNotificationIn).id(user).text(filter.Category)
	default:
		prefix = keyOf(rowNotification).id(user)
	}
	from := prefix
	if after != (NotificationPage{}) {
		from = append(append(rowKey{}, prefix...).newest(after.CreatedAt, after.Sent), 0)
	}
	var list []Notification
	err := s.rows.scan(prefix, from, func(key, value []byte) bool {
		if filter.Unread && filter.Category != nil && string(value) != string(filter.Category) {
			return true
		}
		f := fields(key[len(prefix):])
		list = append(list, Notification{CreatedAt: f.newest(), sent: events.UnpackPosition(^f.uint64())})
		return len(list) < limit
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := s.fillNotification(user, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *Snapshot) fillNotification(user events.UserID, n *Notification) error {
	value, err := s.rows.get(n.place(keyOf(rowNotification).id(user)))
	if err != nil {
		return err
	}
	f := fields(value)
	n.ID, n.Actor, n.Category, n.Payload = f.id(), f.id(), f.text(), f.text()
	unread, err := s.rows.get(n.place(keyOf(rowNotificationUnread).id(user)))
	n.Read = unread == nil
	return err
}
