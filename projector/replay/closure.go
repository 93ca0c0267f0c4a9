package replay

import (
	"bytes"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// closure picks from a log all events that bear on some entities, and few
// others, so that a fold of those alone does to the entities what a fold of
// the whole log does:
//
//   - events that name one of them;
//   - all that block or unblock accounts: there are few, and they take
//     contributions out of counters whoever made them;
//   - of a user, what others said of the user's comments, remixes, glitches and jobs,
//     and who else published the user's videos;
//   - events with the identity of one of those: whichever came first made
//     the other a duplicate, also where it names something else;
//   - where one of those is redriven, all of whom it is about: it waits for earlier
//     dead letters of theirs.
//
// Since identities come before what makes them matter, the log is read again
// until the closure grows no more: twice, mostly.
type closure struct {
	videos map[events.VideoID]bool
	jobs   map[events.JobID]bool
	users  map[events.UserID]bool
	items  map[readmodel.Item]bool
	// published are the videos that a user published: whoever did so first has them.
	published map[events.VideoID]bool
	// identities by the event's time: few events share one.
	identities map[events.Time][]*identity
	// hours are buckets of identities of which every event matters, since when a
	// bucket is forgotten depends on all that it took in.
	hours   map[int64]bool
	horizon events.Time
	grew    bool
	bytes   uint64      // of the identities, about
	now     events.Time // the log time
	named   named
	// redriving: a dead letter was marked to be redriven, and its event comes next.
	redriving bool
}

// identity is what makes an event the same as another.
type identity struct {
	kind       events.Type
	source, id string
	first      events.Time // the log time of its first occurrence in this pass
	seen       bool        // in this pass
}

// closureOf begins the closure of some entities.
func closureOf(entities []Entity, horizon time.Duration) *closure {
	c := &closure{
		videos: map[events.VideoID]bool{}, jobs: map[events.JobID]bool{}, users: map[events.UserID]bool{},
		items: map[readmodel.Item]bool{}, published: map[events.VideoID]bool{}, identities: map[events.Time][]*identity{}, hours: map[int64]bool{},
		horizon: events.Time(horizon.Microseconds()),
	}
	for _, e := range entities {
		switch e.Kind {
		case KindVideo:
			c.videos[e.ID] = true
		case KindJob:
			c.jobs[e.ID] = true
		case KindUser:
			c.users[e.ID] = true
		}
	}
	return c
}

// begin starts a pass over the log.
func (c *closure) begin() {
	c.grew, c.now, c.redriving = false, 0, false
	for _, same := range c.identities {
		for _, i := range same {
			i.seen = false
		}
	}
}

// wants reports whether an event is in the closure, which it may let grow.
func (c *closure) wants(e *events.Event) bool {
	if err := c.named.read(e); err != nil {
		return c.mentions(e.Raw)
	}
	in := c.names(e)
	if !e.HasIdentity() || !byIdentity(e.Type) {
		return in
	}
	i := c.find(&e.Meta)
	switch {
	case i == nil && in:
		c.add(&e.Meta)
		return true
	case i != nil:
		c.again(i, e.Time)
	case !c.hours[hourOf(e.Time)]:
		return in
	}
	if e.Type == events.TypeCounterBaseline && !c.videos[c.named.video] {
		// Whether it is poison, and then not remembered, depends on the video's counts.
		c.videos[c.named.video], c.grew = true, true
	}
	return true
}

// names reports whether the event belongs to the closure by what it names.
func (c *closure) names(e *events.Event) bool {
	n := &c.named
	if ofAccount(e.Type) || n.hasVideo && c.videos[n.video] || n.hasJob && c.jobs[n.job] {
		return true
	}
	if len(c.users) == 0 {
		return false
	}
	in := c.users[n.user] || c.users[n.other]
	switch {
	case n.hasItem && in && !c.items[n.itemOf(e.Type)]:
		c.items[n.itemOf(e.Type)], c.grew = true, true
	case n.hasItem && !in:
		in = c.items[n.itemOf(e.Type)]
	case e.Type == events.TypeVideoPublished && in && !c.published[n.video]:
		c.published[n.video], c.grew = true, true
	case e.Type == events.TypeVideoPublished && !in:
		in = c.published[n.video]
	case n.hasJob && in && !c.jobs[n.job]:
		c.jobs[n.job], c.grew = true, true
	}
	return in
}

// observe has the fold's observer look out for what is redriven.
func (c *closure) observe(options *projector.FoldOptions) {
	then := options.Observe
	options.Observe = func(e *events.Event, effect readmodel.Effect, reason error) {
		switch {
		case e.Type.Internal():
			c.redriving = e.Type == events.TypeDeadLetterRedriven || e.Type == events.TypeDeadLetterOpened
		case c.redriving:
			c.redriven(e)
		}
		if then != nil {
			then(e, effect, reason)
		}
	}
}

// redriven takes in whom an event is about that is redriven. Those that cannot be
// read are folded in any case, and bear on the closure where they mention it.
func (c *closure) redriven(e *events.Event) {
	id := e.Entity()
	if id == ([16]byte{}) || c.videos[id] && c.jobs[id] && c.users[id] || c.named.read(e) != nil && !c.mentions(e.Raw) {
		return
	}
	c.videos[id], c.jobs[id], c.users[id], c.grew = true, true, true, true
}

// mentions looks for the IDs in an event that cannot be decoded.
func (c *closure) mentions(raw []byte) bool {
	for id := range c.videos {
		if bytes.Contains(raw, id[:]) {
			return true
		}
	}
	for id := range c.jobs {
		if bytes.Contains(raw, id[:]) {
			return true
		}
	}
	for id := range c.users {
		if bytes.Contains(raw, id[:]) {
			return true
		}
	}
	return false
}

// identityBytes is about what an identity takes beside its text, and entryBytes what an
// entry of a set does.
const (
	identityBytes = 192
	entryBytes    = 64
)

// kept is about how many bytes the closure takes.
func (c *closure) kept() uint64 {
	return c.bytes + entryBytes*uint64(len(c.videos)+len(c.jobs)+len(c.users)+len(c.items)+len(c.published))
}

func (c *closure) find(m *events.Meta) *identity {
	for _, i := range c.identities[m.Time] {
		if i.kind == m.Type && i.id == string(m.ID) && i.source == string(m.Source) {
			return i
		}
	}
	return nil
}

func (c *closure) add(m *events.Meta) {
	i := &identity{kind: m.Type, source: string(m.Source), id: string(m.ID), first: c.now, seen: true}
	c.identities[m.Time] = append(c.identities[m.Time], i)
	c.bytes += identityBytes + uint64(len(i.source)+len(i.id))
	// All of an account's are in already.
	c.grew = c.grew || !ofAccount(m.Type)
}

// forgetSlack is more than the time between two looks of the fold at what it
// may forget.
const forgetSlack = events.Time(2 * time.Hour / time.Microsecond)

// again notes one more occurrence of an identity. If it may have been forgotten
// in between, everything that kept its bucket alive bears on it too.
func (c *closure) again(i *identity, at events.Time) {
	switch {
	case !i.seen:
		i.seen, i.first = true, c.now
	case c.now-i.first > c.horizon-forgetSlack && !c.hours[hourOf(at)]:
		c.hours[hourOf(at)], c.grew = true, true
	}
}

// hourOf is the bucket in which the fold remembers the identity of an event of
// that time.
func hourOf(t events.Time) int64 {
	hour := time.Hour.Microseconds()
	at := int64(t) / hour
	if int64(t)%hour < 0 {
		at--
	}
	return at
}
