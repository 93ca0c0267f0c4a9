package projector

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/oracle"
)

// generator makes up logs from few names, so that everything meets everything.
type generator struct {
	t        *rapid.T
	seq      uint64
	stored   time.Time
	logTime  time.Time
	times    []time.Time // used before: ties
	outside  []sent
	commands int
	named    []events.Time // of events with an identity
	// state is what the log adds up to so far, for its dead letters; nil where
	// none are to be redriven.
	state *oracle.State
}

// sent is a record batch of an outside producer.
type sent struct {
	id      events.BatchID
	entries []events.Entry
	at      time.Time // log time
}

// made is a message in parts, so that it can be cut in other batches.
type made struct {
	eventlog.Message
	own     bool
	id      events.BatchID
	entries []events.Entry // nil for what is no record batch of this log
}

func drawLog(t *rapid.T, least, most int) []made {
	return (&generator{t: t, stored: testTime, logTime: testTime, state: oracle.New()}).log(least, most)
}

// drawLogToCut draws a log in which no event names the position of another.
func drawLogToCut(t *rapid.T, least, most int) []made {
	return (&generator{t: t, stored: testTime, logTime: testTime}).log(least, most)
}

func (g *generator) log(least, most int) []made {
	n := rapid.IntRange(least, most).Draw(g.t, "messages")
	log := make([]made, 0, n)
	for range n {
		m := g.message()
		if log = append(log, m); g.state != nil {
			g.state.Fold(recountMessage(&m.Message))
		}
	}
	return log
}

func messagesOf(log []made) []eventlog.Message {
	list := make([]eventlog.Message, len(log))
	for i := range log {
		list[i] = log[i].Message
	}
	return list
}

func (g *generator) pick(n int, what string) int { return rapid.IntRange(0, n-1).Draw(g.t, what) }

// chance is true in so many of a hundred.
func (g *generator) chance(percent int, what string) bool { return g.pick(100, what) >= 100-percent }

func (g *generator) name(kind byte, n int) [16]byte {
	return name16(fmt.Sprintf("%c%d", kind, 1+g.pick(n, string(kind))))
}

// maybe is a name, or none.
func (g *generator) maybe(kind byte, n int) [16]byte {
	if g.chance(30, "none") {
		return [16]byte{}
	}
	return g.name(kind, n)
}

func (g *generator) video() events.VideoID { return g.name('v', 4) }
func (g *generator) user() events.UserID   { return g.name('u', 4) }

// clock moves on: mostly little, sometimes to where windows end; now and then
// the broker's clock goes back.
func (g *generator) clock() {
	switch p := g.pick(100, "clock"); {
	case p < 60:
		g.stored = g.stored.Add(time.Duration(g.pick(2_000_000, "µs")) * time.Microsecond)
	case p < 80:
		g.stored = g.stored.Add(time.Duration(g.pick(120, "s")) * time.Second)
	case p < 90:
		g.stored = g.stored.Add(time.Duration(g.pick(200, "min")) * time.Minute)
	case p < 95:
		g.stored = g.stored.Add(time.Duration(g.pick(60, "h")) * time.Hour)
	default:
		g.stored = g.stored.Add(-time.Duration(g.pick(600, "back")) * time.Second)
	}
	if g.stored.After(g.logTime) {
		g.logTime = g.stored
	}
}

// time of an event: near now, a tie, the edges of windows, far past, as far
// ahead as allowed; and, if poison may be, a little further.
func (g *generator) time(poison bool) time.Time {
	at := g.stored
	switch p := g.pick(100, "time"); {
	case p < 30:
		at = at.Add(-time.Duration(g.pick(60, "ago s")) * time.Second)
	case p < 55 && len(g.times) > 0:
		return g.times[g.pick(len(g.times), "tie")]
	case p < 70:
		at = at.Add(-time.Duration(g.pick(180, "ago min")) * time.Minute)
	case p < 80:
		at = at.Add(-time.Duration(g.pick(200, "ago h")) * time.Hour)
	case p < 84:
		at = []time.Time{events.MinTime.Std(), time.Unix(0, 0), time.Unix(-1, -1000), time.Unix(-86400*365*30, 0)}[g.pick(4, "past")]
	case p < 94:
		at = at.Add(events.MaxAhead - time.Duration(g.pick(3, "ahead"))*time.Microsecond)
	case poison:
		at = at.Add(events.MaxAhead + time.Microsecond)
	}
	g.times = append(g.times, at)
	return at
}

func (g *generator) message() made {
	g.clock()
	g.seq++
	switch p := g.pick(100, "message"); {
	case p < 62:
		return g.own()
	case p < 82:
		return g.outsider()
	case p < 92:
		return g.repeat()
	}
	return g.garbage()
}

func (g *generator) own() made {
	m := made{own: true, id: batchID(g.seq)}
	for range g.pick(5, "entries") + 1 {
		if g.state != nil && len(g.state.DeadLetters) > 0 && g.chance(15, "letters") {
			m.entries = append(m.entries, g.letters())
		} else if g.chance(50, "command") {
			m.entries = append(m.entries, g.command())
		} else {
			m.entries = append(m.entries, g.bare(false))
		}
	}
	m.Message = ownMessage(g.seq, g.stored, m.entries...)
	return m
}

func (g *generator) outsider() made {
	s := sent{id: batchID(1<<32 | g.seq), at: g.logTime}
	for range g.pick(5, "entries") + 1 {
		if g.chance(5, "command") {
			s.entries = append(s.entries, g.command())
		} else {
			s.entries = append(s.entries, g.bare(true))
		}
	}
	g.outside = append(g.outside, s)
	return g.send(s)
}

func (g *generator) send(s sent) made {
	return made{Message: outsideMessage(g.seq, g.stored, s.id, s.entries...), id: s.id, entries: s.entries}
}

// repeat publishes an outside batch again: within the hour for which its ID is
// remembered, or so late that it is forgotten for certain.
func (g *generator) repeat() made {
	if len(g.outside) == 0 {
		return g.outsider()
	}
	s := &g.outside[g.pick(len(g.outside), "again")]
	switch age := g.logTime.Sub(s.at); {
	case age <= time.Hour:
	case age > time.Hour+2*time.Minute:
		s.at = g.logTime
	default:
		return g.outsider()
	}
	return g.send(*s)
}

// garbage is what is no record batch of this log.
func (g *generator) garbage() made {
	event := g.bare(true)
	m := outsideMessage(g.seq, g.stored, batchID(1<<33|g.seq), event)
	switch g.pick(5, "garbage") {
	case 0:
		m.Data = rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(g.t, "bytes")
	case 1:
		m.Data = m.Data[:len(m.Data)-1-g.pick(len(m.Data)-1, "cut")]
	case 2:
		m.Data[4] = 99 // version
	case 3:
		m.Data = events.AppendBatch(nil, events.BatchHeader{Incarnation: events.Incarnation{9}, ID: batchID(1<<33 | g.seq)}, []events.Entry{event})
	case 4:
		more := []events.Entry{event, g.bare(true), g.bare(true)}
		if s := g.outside; len(s) > 0 && g.chance(50, "of a batch that was") {
			m = outsideMessage(g.seq, g.stored, s[0].id, s[0].entries...)
		} else {
			m = outsideMessage(g.seq, g.stored, batchID(1<<33|g.seq), more...)
		}
		m.Subject = "tidemark.events.7.batch"
	}
	return made{Message: m}
}

// bare is an event without a command; those of outside producers have
// identities, few enough to repeat.
func (g *generator) bare(outside bool) events.Entry {
	types := events.Types()
	m := events.Meta{Type: types[g.pick(len(types), "type")], Time: events.TimeOf(g.time(true)), Arrival: g.chance(15, "arrival")}
	if outside && g.chance(70, "identity") || g.chance(10, "identity") {
		m.Source = []byte("s")
		m.ID = fmt.Append(nil, g.pick(3, "id"))
		if len(g.named) > 0 && g.chance(70, "again") {
			m.Time = g.named[g.pick(len(g.named), "when")]
		} else if len(g.named) < 4 {
			g.named = append(g.named, m.Time)
		}
	}
	b := events.AppendEvent(nil, m, g.data(m.Type))
	if g.chance(3, "broken") {
		b[g.pick(3, "header")] ^= 0x60 // another type, layout or flag
	}
	return events.Entry{Bytes: b, Events: 1}
}

// command is a command with a key or without, with events that its kind has.
func (g *generator) command() events.Entry {
	c := events.Command{
		Kind: events.CommandKind(1 + g.pick(int(events.ShowDeadLetter), "kind")), Keyed: g.chance(40, "keyed"),
		Actor: g.user(), Privileged: g.chance(50, "privileged"), Time: events.TimeOf(g.time(false)), Reason: []byte("because"),
	}
	g.commands++
	c.ID = commandID(g.commands)
	if c.Keyed {
		c.ID = commandID(1_000_000 + g.pick(6, "key"))
		c.Request = events.RequestHash{byte(g.pick(2, "request"))}
	}
	types := typesOf(c.Kind)
	c.Events = g.pick(4, "events")
	b := events.AppendCommand(nil, c)
	for range c.Events {
		kind := types[g.pick(len(types), "type")]
		m := events.Meta{Type: kind, Time: c.Time, Arrival: g.chance(50, "arrival")}
		if c.Kind == events.IngestEvents {
			m.Time = events.TimeOf(g.time(true))
		}
		b = events.AppendEvent(b, m, g.data(kind))
	}
	return events.Entry{Bytes: b, Events: c.Events}
}

// letters is a command that redrives or drops dead letters, now and then one
// that is none.
func (g *generator) letters() events.Entry {
	c := events.Command{
		Kind: events.RedriveDeadLetters, Actor: g.user(), Privileged: true, Time: events.TimeOf(g.stored), Reason: []byte("mended"),
	}
	mark := events.TypeDeadLetterRedriven
	if g.chance(20, "drop") {
		c.Kind, mark = events.DropDeadLetters, events.TypeDeadLetterDropped
	}
	var frames []byte
	for range 1 + g.pick(4, "letters") {
		d := g.state.DeadLetters[g.pick(len(g.state.DeadLetters), "letter")]
		at := events.Position{Seq: d.At.Seq, Index: uint16(d.At.Index)}
		if g.chance(10, "none") {
			at.Index++
		}
		if b, err := events.ReadBatch(d.Raw); err == nil && at.Index == 0 && c.Kind == events.RedriveDeadLetters && g.certain(b.ID) {
			frames, c.Events = g.opened(frames, c.Events, at, &b)
			continue
		}
		frames, c.Events = events.AppendEvent(frames, events.Meta{Type: mark, Time: c.Time}, events.DeadLetterMark{Letter: at}), c.Events+1
		if c.Kind == events.RedriveDeadLetters && events.IsEventFrame(d.Raw, len(d.Raw)) {
			frames, c.Events = append(frames, d.Raw...), c.Events+1
		}
	}
	// An operation's entry in the audit has a position of its own.
	frames, c.Events = events.AppendEvent(frames, events.Meta{Type: events.TypeOperationRecorded, Time: c.Time}, events.OperationRecorded{}), c.Events+1
	g.commands++
	c.ID = commandID(g.commands)
	return events.Entry{Bytes: append(events.AppendCommand(nil, c), frames...), Events: c.Events}
}

// certain reports whether a batch ID is remembered, or forgotten, for certain (see
// repeat), and takes note that it is folded now.
func (g *generator) certain(id events.BatchID) bool {
	for i := range g.outside {
		if s := &g.outside[i]; s.id == id {
			age := g.logTime.Sub(s.at)
			if age > time.Hour+2*time.Minute {
				s.at = g.logTime
			}
			return age <= time.Hour || s.at.Equal(g.logTime)
		}
	}
	return true
}

// opened is a whole message, and what it holds.
func (g *generator) opened(frames []byte, n int, at events.Position, b *events.Batch) ([]byte, int) {
	frames = events.AppendEvent(frames, events.Meta{Type: events.TypeDeadLetterOpened, Time: events.TimeOf(g.stored)}, events.DeadLetterOpened{Letter: at, Batch: b.ID})
	n++
	var e events.Event
	for cursor := b.Cursor(); ; {
		switch step, _ := cursor.Next(&e); {
		case step == events.StepEnd:
			return frames, n
		case step == events.StepEvent && !e.Type.Internal():
			frames, n = append(frames, e.Raw...), n+1
		}
	}
}

func typesOf(kind events.CommandKind) []events.Type {
	switch kind {
	case events.DeleteItem:
		return []events.Type{events.TypeCommentDeleted, events.TypeRemixDeleted}
	case events.CancelJob:
		return []events.Type{events.TypeJobCancelled}
	case events.MarkRead:
		return []events.Type{events.TypeNotificationRead}
	case events.BlockUsers, events.UnblockUsers:
		return []events.Type{events.TypeUserBlocked, events.TypeUserUnblocked}
	case events.DeleteVideos, events.RestoreVideos:
		return []events.Type{events.TypeVideoDeleted, events.TypeVideoRestored}
	case events.BlockAccounts, events.UnblockAccounts:
		return []events.Type{events.TypeAccountBlocked, events.TypeAccountUnblocked}
	}
	if kind.Operates() {
		return []events.Type{events.TypeOperationRecorded}
	}
	return events.Types()
}

func (g *generator) data(kind events.Type) events.Data {
	switch kind {
	case events.TypeVideoPublished:
		return events.VideoPublished{Video: g.video(), Author: g.maybe('u', 4)}
	case events.TypeVideoViewed:
		return events.VideoViewed{Video: g.video(), User: g.maybe('u', 4)}
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		return events.VideoLike{Video: g.video(), User: g.user()}
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		return events.VideoVisibility{Video: g.video(), Admin: g.user(), Reason: []byte("why")}
	case events.TypeAccountBlocked, events.TypeAccountUnblocked:
		return events.AccountBlock{User: g.user(), Admin: g.user(), Retract: g.chance(70, "retract")}
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		return events.UserBlock{User: g.user(), Blocked: g.user()}
	case events.TypeCounterBaseline:
		return g.baseline()
	case events.TypeJobCreated:
		return events.JobCreated{Job: g.name('j', 3), Owner: g.name('u', 2)}
	case events.TypeJobCancelled:
		return events.JobCancelled{Job: g.name('j', 3)}
	case events.TypeJobUpdated:
		return events.JobUpdated{
			Job: g.name('j', 3), Attempt: uint32(1 + g.pick(3, "attempt")), Has: uint8(g.pick(16, "has")),
			Status: events.JobStatus(1 + g.pick(4, "status")), Progress: uint8(g.pick(102, "progress")),
			ResultURL: fmt.Append(nil, "r", g.pick(2, "url")), Error: fmt.Append(nil, "e", g.pick(2, "error")),
		}
	case events.TypeNotificationSent:
		return events.NotificationSent{
			Notification: g.name('n', 5), User: g.name('u', 2), Actor: g.maybe('u', 4),
			Category: []byte{byte('a' + g.pick(2, "category"))}, Payload: [][]byte{nil, []byte(`{"x":1}`)}[g.pick(2, "payload")],
		}
	case events.TypeNotificationRead:
		return g.read()
	case events.TypeDeadLetterOpened:
		return events.DeadLetterOpened{Letter: events.Position{Seq: uint64(1 + g.pick(10, "letter"))}, Batch: batchID(g.seq)}
	case events.TypeDeadLetterRedriven, events.TypeDeadLetterDropped:
		return events.DeadLetterMark{Letter: events.Position{Seq: uint64(1 + g.pick(10, "letter"))}}
	case events.TypeOperationRecorded:
		target := g.video()
		return events.OperationRecorded{Outcome: []byte(`{"differences":1}`), Targets: target[:]}
	}
	return events.VideoItem{Video: g.name('v', 3), Item: g.name('c', 3), Author: g.maybe('u', 3)}
}

func (g *generator) baseline() events.Data {
	d := events.CounterBaseline{Video: g.video(), Source: []byte{byte('a' + g.pick(2, "source"))}, Set: uint8(g.pick(32, "set"))}
	for c := range d.Values {
		if d.Set&(1<<c) != 0 {
			d.Values[c] = int64(g.pick(10, "value"))
			if g.chance(4, "huge") {
				d.Values[c] = events.MaxBaseline - int64(g.pick(3, "less"))
			}
		}
	}
	return d
}

func (g *generator) read() events.Data {
	d := events.NotificationRead{User: g.name('u', 2), Scope: events.ReadScope(1 + g.pick(3, "scope"))}
	if d.Scope == events.ReadByID {
		for range 1 + g.pick(3, "ids") {
			id := g.name('n', 5)
			d.IDs = append(d.IDs, id[:]...)
		}
		return d
	}
	if d.Scope == events.ReadCategory {
		d.Category = []byte{byte('a' + g.pick(2, "category"))}
	}
	if d.HasBefore = g.chance(50, "before"); d.HasBefore {
		d.Before = events.TimeOf(g.time(false))
	}
	return d
}

// recut cuts each record batch of a log into one for each entry, stored at the
// same time. What a repeat repeats is repeated in the same parts.
func recut(log []made) []eventlog.Message {
	var list []eventlog.Message
	for _, m := range log {
		seq := uint64(len(list) + 1)
		if m.entries == nil {
			m.Seq = seq
			list = append(list, m.Message)
			continue
		}
		for i, e := range m.entries {
			seq := uint64(len(list) + 1)
			if m.own {
				list = append(list, ownMessage(seq, m.Stored, e))
				continue
			}
			id := m.id
			id[8] = byte(i + 1)
			list = append(list, outsideMessage(seq, m.Stored, id, e))
		}
	}
	return list
}
