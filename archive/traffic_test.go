package archive

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// traffic makes up entries of a log: all types, repeats, late and poisonous
// events, commands and their repeats, retractions. A seed gives the same ones.
type traffic struct {
	r    *rand.Rand
	now  time.Time
	sent int
}

func newTraffic(seed uint64) *traffic {
	return &traffic{r: rand.New(rand.NewPCG(seed, 5)), now: time.Now().Add(-6 * time.Hour).Truncate(time.Microsecond)}
}

func id16(kind byte, n int) (id [16]byte) {
	id[0], id[8], id[15] = kind, 0x80, byte(n)
	return id
}

func (g *traffic) video() events.VideoID { return id16('v', g.r.IntN(8)) }
func (g *traffic) user() events.UserID   { return id16('u', g.r.IntN(6)) }

// entry is one command with its events, or a bare event.
func (g *traffic) entry() events.Entry {
	g.now = g.now.Add(time.Duration(g.r.IntN(60)) * time.Second)
	switch g.r.IntN(8) {
	case 0:
		return g.admin()
	case 1:
		return g.keyed()
	}
	return events.Entry{Bytes: g.event(nil), Events: 1}
}

// admin is an administrator's command: it has an entry in the audit.
func (g *traffic) admin() events.Entry {
	admin, reason := events.UserID(id16('a', g.r.IntN(2))), []byte("because \x00 of this")
	c := events.Command{ID: g.commandID(g.r.IntN(1 << 20)), Actor: admin, Privileged: true, Time: events.TimeOf(g.now), Reason: reason, Events: 2}
	meta, data := events.Meta{Time: c.Time, Arrival: true}, []events.Data{}
	switch g.r.IntN(4) {
	case 0:
		c.Kind, meta.Type = events.DeleteVideos, events.TypeVideoDeleted
	case 1:
		c.Kind, meta.Type = events.RestoreVideos, events.TypeVideoRestored
	case 2:
		c.Kind, meta.Type = events.BlockAccounts, events.TypeAccountBlocked
	case 3:
		c.Kind, meta.Type = events.UnblockAccounts, events.TypeAccountUnblocked
	}
	retract := g.r.IntN(2) == 0
	for range c.Events {
		if c.Kind == events.DeleteVideos || c.Kind == events.RestoreVideos {
			data = append(data, events.VideoVisibility{Video: g.video(), Admin: admin})
		} else {
			data = append(data, events.AccountBlock{User: g.user(), Admin: admin, Retract: retract && c.Kind == events.BlockAccounts})
		}
	}
	b := events.AppendCommand(nil, c)
	for _, d := range data {
		b = events.AppendEvent(b, meta, d)
	}
	return events.Entry{Bytes: b, Events: len(data)}
}

// keyed is a like under one of few keys: most are repeats.
func (g *traffic) keyed() events.Entry {
	n := g.r.IntN(5)
	c := events.Command{
		Kind: events.LikeVideo, ID: g.commandID(n), Keyed: true, Request: events.RequestHash{byte(n + g.r.IntN(2))},
		Actor: id16('u', n), Time: events.TimeOf(g.now), Events: 1,
	}
	d := events.VideoLike{Video: id16('v', n), User: c.Actor}
	return events.Entry{Bytes: events.AppendEvent(events.AppendCommand(nil, c), events.Meta{Type: events.TypeVideoLiked, Time: c.Time, Arrival: true}, d), Events: 1}
}

func (g *traffic) commandID(n int) events.CommandID {
	id := id16('c', n)
	id[14], id[13] = byte(n>>8), byte(n>>16)
	return id
}

// event appends one event, often with an identity, of which some were sent before.
func (g *traffic) event(b []byte) []byte {
	g.sent++
	m := events.Meta{Time: events.TimeOf(g.now.Add(-time.Duration(g.r.IntN(200)) * time.Minute))}
	if g.r.IntN(3) == 0 {
		m.Time, m.Arrival = events.TimeOf(g.now), true
	}
	if g.r.IntN(2) == 0 {
		n := g.r.IntN(g.sent)
		m.Source, m.ID = []byte("gateway\x00"), fmt.Appendf(nil, "e-%d", n)
		m.Time = events.TimeOf(g.now.Truncate(24 * time.Hour).Add(time.Duration(n) * time.Second))
	}
	if g.r.IntN(40) == 0 {
		m.Time = events.TimeOf(g.now.Add(48 * time.Hour)) // poison: far ahead
	}
	types := events.PublicTypes() // a type of the service's own is no reason for other traffic
	m.Type = types[g.r.IntN(len(types))]
	if g.r.IntN(2) == 0 {
		m.Type = events.TypeVideoViewed
		m.Source, m.ID = nil, nil
	}
	d := g.data(m.Type)
	if d == nil {
		m.Type, d = events.TypeVideoViewed, events.VideoViewed{Video: g.video()}
	}
	return events.AppendEvent(b, m, d)
}

func (g *traffic) data(t events.Type) events.Data {
	switch t {
	case events.TypeVideoPublished:
		return events.VideoPublished{Video: g.video(), Author: g.user()}
	case events.TypeVideoViewed:
		return events.VideoViewed{Video: g.video(), User: g.user()}
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		return events.VideoLike{Video: g.video(), User: g.user()}
	case events.TypeCommentCreated, events.TypeCommentDeleted, events.TypeRemixCreated, events.TypeRemixDeleted,
		events.TypeGlitchCreated, events.TypeGlitchDeleted:
		return events.VideoItem{Video: g.video(), Item: id16('i', g.r.IntN(12)), Author: g.user()}
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		return events.VideoVisibility{Video: g.video(), Admin: g.user(), Reason: []byte("bulk")}
	case events.TypeJobCreated:
		return events.JobCreated{Job: id16('j', g.r.IntN(5)), Owner: g.user()}
	case events.TypeJobUpdated:
		return events.JobUpdated{Job: id16('j', g.r.IntN(5)), Attempt: 1, Has: events.JobHasProgress, Progress: uint8(g.r.IntN(140))}
	case events.TypeNotificationSent:
		return events.NotificationSent{Notification: id16('n', g.r.IntN(50)), User: g.user(), Actor: g.user(), Category: []byte("new"), Payload: []byte(`{"a":"\u0000","b":1e300000}`)}
	case events.TypeNotificationRead:
		return events.NotificationRead{User: g.user(), Scope: events.ReadAll}
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		return events.UserBlock{User: g.user(), Blocked: g.user()} // oneself at times: poison
	case events.TypeAccountBlocked, events.TypeAccountUnblocked:
		return events.AccountBlock{User: g.user(), Admin: g.user(), Retract: g.r.IntN(2) == 0, Reason: []byte("bulk")}
	case events.TypeCounterBaseline:
		d := events.CounterBaseline{Video: g.video(), Source: []byte("old"), Set: 3}
		d.Values[events.Views], d.Values[events.Likes] = int64(g.r.IntN(1000)), int64(g.r.IntN(100))
		return d
	}
	return nil
}
