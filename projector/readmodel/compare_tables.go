package readmodel

import "fmt"

// videos compares slots by number. Both models number videos in the order of
// their first appearance in the log.
func (c *Comparison) videos() step {
	next := uint32(0)
	return func() (func() error, bool) {
		live, log := c.live.Videos, c.log.Videos
		if next == 0 && live.count != log.count {
			c.renumbered = true
			c.note(Difference{Table: "video", ID: "all", Live: fmt.Sprintf("%d videos", live.count), Log: fmt.Sprintf("%d videos", log.count)})
		}
		first, end := next, min(next+bucketSlots, live.count, log.count)
		for ; next < end; next++ {
			a, b := live.slot(next).words(), log.slot(next).words()
			if a != b {
				c.noteVideo(next, &a, &b)
			}
		}
		return c.lostVideos(first, end), next < min(live.count, log.count)
	}
}

func (c *Comparison) noteVideo(number uint32, live, log *slotWords) {
	id := bytes16(log[0], log[1])
	d := Difference{Table: "video", ID: text(id), Live: live.describe(), Log: log.describe()}
	if live[0] != log[0] || live[1] != log[1] {
		c.renumbered = true
		d.Live = "is video " + text(bytes16(live[0], live[1]))
	} else {
		d.mend = func(live, log *Model) { live.Videos.overwrite(number, log.Videos.slot(number).words()) }
	}
	c.note(d)
}

// overwrite writes all of a slot but its key. A reader that was in the middle of
// it sees that it is busy, or another state, or that there was one mend more: that
// is counted before the slot can look untouched again.
func (v *Videos) overwrite(number uint32, w slotWords) {
	s := v.slot(number)
	v.changes(number, s)
	s.state.Store(s.state.Load() | slotBusy)
	for i := range s.counts {
		s.counts[i].Store(int64(w[3+i]))
	}
	v.mends.Add(1)
	s.state.Store(w[2])
}

// users compares accounts by number, and each one's likes.
func (c *Comparison) users() step {
	next, cell, cells := uint32(0), 0, 0
	return func() (func() error, bool) {
		live, log := c.live.Users, c.log.Users
		if next == 0 && cell == 0 && live.count != log.count {
			c.note(Difference{Table: "user", ID: "all", Live: fmt.Sprintf("%d users", live.count), Log: fmt.Sprintf("%d users", log.count)})
		}
		first := next
		for users, looked := 0, 0; next < min(live.count, log.count) && users < bucketSlots && looked < bucketCells; users++ {
			a, b := live.entry(next), log.entry(next)
			if a.hi != b.hi || a.lo != b.lo {
				c.note(Difference{Table: "user", ID: text(bytes16(b.hi, b.lo)), Live: "is user " + text(bytes16(a.hi, a.lo))})
				next++
				continue
			}
			if cell == 0 {
				c.compareFlags(next, a, b)
			}
			if both := len(a.likes.cells) + len(b.likes.cells); both != cells {
				cell, cells = 0, both // it has grown meanwhile: once more from its first
			}
			for ; cell < cells && looked < bucketCells; cell, looked = cell+1, looked+1 {
				c.compareLike(next, cell, a, b)
			}
			if cell == cells {
				next, cell, cells = next+1, 0, 0
			}
		}
		return c.lostUsers(first, next), next < min(live.count, log.count)
	}
}

func (c *Comparison) compareFlags(number uint32, a, b *user) {
	if a.flags.Load() == b.flags.Load() {
		return
	}
	c.note(Difference{
		Table: "user", ID: text(bytes16(b.hi, b.lo)), Live: describeFlags(a.flags.Load()), Log: describeFlags(b.flags.Load()),
		mend: func(live, log *Model) { live.Users.setFlags(number, log.Users.entry(number).flags.Load()) },
	})
}

// compareLike looks at one cell: first at those of the live user, then at those
// of the other, for pairs that the live one has not.
func (c *Comparison) compareLike(number uint32, cell int, a, b *user) {
	if c.renumbered {
		return
	}
	own, other, mine := &a.likes, &b.likes, true
	if cell >= len(own.cells) {
		own, other, mine, cell = other, own, false, cell-len(own.cells)
	}
	found := &own.cells[cell]
	if found.video == 0 {
		return
	}
	video := found.video - 1
	version, has := other.get(video)
	if has && (!mine || version == found.version()) {
		return // of two that both have, one look is enough
	}
	d := Difference{Table: "like", ID: text(bytes16(b.hi, b.lo)) + "/" + c.nameOf(video)}
	d.mend = func(live, log *Model) { live.Users.takeOver(number, video, log.Users) }
	for _, side := range []struct {
		to   *string
		from *likeSet
	}{{&d.Live, &a.likes}, {&d.Log, &b.likes}} {
		if v, ok := side.from.get(video); ok {
			*side.to = v.describe()
		}
	}
	c.note(d)
}

// nameOf is the ID of a video, as far as the number is one.
func (c *Comparison) nameOf(video uint32) string {
	if video >= c.log.Videos.count {
		return fmt.Sprintf("video number %d", video)
	}
	return text(c.log.Videos.ID(video))
}

// takeOver makes a pair what it is for the same user of another table.
func (u *Users) takeOver(number, video uint32, log *Users) {
	e := u.entry(number)
	old, had := e.likes.get(video)
	want, has := log.entry(number).likes.get(video)
	switch {
	case has && (!had || old != want):
		u.setLike(number, video, old, had, want)
	case !has && had:
		u.digest -= e.likeDigest(video, old)
		u.pairs--
		e.likes.remove(video)
		u.changes.forget(number, video)
	}
}
