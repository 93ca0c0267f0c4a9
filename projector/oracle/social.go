package oracle

import "slices"

// Notification is one that was sent.
type Notification struct {
	// Suppressed: it was kept from the recipient, who had blocked the actor.
	Suppressed        bool
	Actor             ID
	Category, Payload string
	CreatedAt         int64
	Sent              Pos
	Read              bool
}

// Marking is what one notification.read did.
type Marking struct{ Marked, Already, NotFound, Unread int }

// Block is the last state of a user and whom they block.
type Block struct {
	Blocked bool
	// Since and By are of the block that stands.
	Since int64
	By    Pos
	time  int64
}

func (s *State) send(e *Event, at Pos) string {
	if s.Notifications[e.User] == nil {
		s.Notifications[e.User] = map[ID]*Notification{}
	}
	if s.Notifications[e.User][e.Notification] != nil {
		return duplicate
	}
	n := &Notification{Actor: e.Actor, Category: e.Category, Payload: e.Payload, CreatedAt: e.Time, Sent: at}
	s.Notifications[e.User][e.Notification] = n
	if b := s.Blocks[e.User][e.Actor]; e.Actor != (ID{}) && b != nil && b.Blocked {
		n.Suppressed = true
		return suppressed
	}
	return applied
}

func (s *State) read(r *run, e *Event) string {
	var result Marking
	mine := s.Notifications[e.User]
	named := map[ID]bool{}
	for _, id := range e.IDs {
		if named[id] {
			continue
		}
		named[id] = true
		switch n := mine[id]; {
		case n == nil || n.Suppressed:
			result.NotFound++
		case n.Read:
			result.Already++
		default:
			n.Read = true
			result.Marked++
		}
	}
	for _, n := range mine {
		if e.ReadAll && !n.Suppressed && !n.Read && (e.Category == "" || e.Category == n.Category) &&
			(e.Before == nil || n.CreatedAt <= *e.Before) {
			n.Read = true
			result.Marked++
		}
	}
	result.Unread = s.Unread(e.User)
	if r.command != nil {
		r.outcome.Read = result
	}
	if result.Marked == 0 {
		return none
	}
	return applied
}

// Unread counts a user's unread notifications.
func (s *State) Unread(user ID) (unread int) {
	for _, n := range s.Notifications[user] {
		if !n.Suppressed && !n.Read {
			unread++
		}
	}
	return unread
}

// NotificationsOf lists what a user was sent, newest first.
func (s *State) NotificationsOf(user ID) (list []ID) {
	mine := s.Notifications[user]
	for id, n := range mine {
		if !n.Suppressed {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b ID) int {
		return newestFirst(mine[a].CreatedAt, mine[a].Sent, mine[b].CreatedAt, mine[b].Sent)
	})
	return list
}

// block: the later time wins, at equal times the later in the log.
func (s *State) block(e *Event, at Pos) string {
	if s.Blocks[e.User] == nil {
		s.Blocks[e.User] = map[ID]*Block{}
	}
	b, seen := s.Blocks[e.User][e.Blocked], true
	if b == nil {
		b, seen = &Block{}, false
		s.Blocks[e.User][e.Blocked] = b
	}
	when, blocked := e.Time, e.Type == "user.blocked"
	if seen && e.Arrival && b.time > when {
		when = b.time
	}
	switch {
	case seen && when < b.time:
		return superseded
	case seen && when == b.time && blocked == b.Blocked:
		return duplicate
	}
	b.time = when
	if b.Blocked == blocked {
		return none
	}
	b.Blocked, b.Since, b.By = blocked, when, at
	return applied
}

// BlocksOf lists whom a user blocks, newest first.
func (s *State) BlocksOf(user ID) (list []ID) {
	mine := s.Blocks[user]
	for id, b := range mine {
		if b.Blocked {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b ID) int {
		return newestFirst(mine[a].Since, mine[a].By, mine[b].Since, mine[b].By)
	})
	return list
}
