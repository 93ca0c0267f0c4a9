package projector

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// Tests write events as lines, such as
//
//	video.liked v1 u1 @10
//	comment.deleted v1 c1 u2
//	job.updated j1 attempt=2 status=failed error=oops
//	video.viewed v1 @-60 id=x
//
// A name's first letter says what it is: v video, u user, c item, j job,
// n notification, b user who is blocked, a actor. @ is the time, in seconds
// from testTime; without it the time is that of arrival.

// testTime is when tests take place.
var testTime = time.Date(2026, 3, 1, 12, 30, 30, 0, time.UTC)

// line is an event as tests write it.
type line struct {
	kind   events.Type
	words  map[string]string // by first letter or option
	ids    []string          // of notifications
	at     time.Time
	arrive bool
}

func name16(name string) (id [16]byte) {
	copy(id[:], name)
	return id
}

func parseLine(t testing.TB, text string, arrival time.Time) line {
	t.Helper()
	words := strings.Fields(text)
	kind, ok := events.ParseType(words[0])
	if !ok {
		t.Fatalf("%q is no event", text)
	}
	l := line{kind: kind, words: map[string]string{}, at: arrival, arrive: true}
	for _, w := range words[1:] {
		key, value, option := strings.Cut(w, "=")
		switch {
		case option:
			l.words[key] = value
		case w[0] == '@':
			seconds, err := strconv.ParseFloat(w[1:], 64)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			l.at, l.arrive = testTime.Add(time.Duration(seconds*float64(time.Second))), false
		case len(w) > 2 || w == "all":
			l.words[w] = w
		default:
			l.words[w[:1]] = w
			if w[0] == 'n' {
				l.ids = append(l.ids, w)
			}
		}
	}
	return l
}

func (l *line) id(letter string) [16]byte { return name16(l.words[letter]) }

func (l *line) data(t testing.TB) events.Data {
	t.Helper()
	switch kind, _, _ := strings.Cut(l.kind.String(), "."); kind {
	case "comment", "remix", "glitch":
		return events.VideoItem{Video: l.id("v"), Item: l.id("c"), Author: l.id("u")}
	case "account":
		return events.AccountBlock{User: l.id("u"), Admin: name16("admin"), Retract: l.words["retract"] != "", Reason: []byte(l.words["reason"])}
	case "user":
		// Whom: a blocked user, an actor, or oneself.
		for _, whom := range []string{"b", "a"} {
			if l.words[whom] != "" {
				return events.UserBlock{User: l.id("u"), Blocked: l.id(whom)}
			}
		}
		return events.UserBlock{User: l.id("u"), Blocked: l.id("u")}
	case "job":
		return l.job(t)
	case "notification":
		return l.notification(t)
	case "counter":
		return l.baseline(t)
	}
	switch l.kind {
	case events.TypeVideoPublished:
		return events.VideoPublished{Video: l.id("v"), Author: l.id("u")}
	case events.TypeVideoViewed:
		return events.VideoViewed{Video: l.id("v"), User: l.id("u")}
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		return events.VideoLike{Video: l.id("v"), User: l.id("u")}
	}
	return events.VideoVisibility{Video: l.id("v"), Admin: name16("admin"), Reason: []byte(l.words["reason"])}
}

func (l *line) job(t testing.TB) events.Data {
	switch l.kind {
	case events.TypeJobCreated:
		return events.JobCreated{Job: l.id("j"), Owner: l.id("u")}
	case events.TypeJobCancelled:
		return events.JobCancelled{Job: l.id("j")}
	}
	d := events.JobUpdated{Job: l.id("j"), Attempt: 1}
	for key, value := range l.words {
		switch key {
		case "attempt":
			d.Attempt = uint32(number(t, value))
		case "status":
			d.Has |= events.JobHasStatus
			d.Status, _ = events.ParseJobStatus(value)
		case "progress":
			d.Has, d.Progress = d.Has|events.JobHasProgress, uint8(number(t, value))
		case "url":
			d.Has, d.ResultURL = d.Has|events.JobHasResultURL, []byte(value)
		case "error":
			d.Has, d.Error = d.Has|events.JobHasError, []byte(value)
		}
	}
	return d
}

func (l *line) notification(t testing.TB) events.Data {
	if l.kind == events.TypeNotificationSent {
		return events.NotificationSent{
			Notification: l.id("n"), User: l.id("u"), Actor: l.id("a"),
			Category: []byte(l.words["in"]), Payload: []byte(l.words["payload"]),
		}
	}
	d := events.NotificationRead{User: l.id("u"), Scope: events.ReadByID, Category: []byte(l.words["in"])}
	switch {
	case l.words["all"] != "":
		d.Scope = events.ReadAll
	case l.words["in"] != "":
		d.Scope = events.ReadCategory
	}
	for _, id := range l.ids {
		id := name16(id)
		d.IDs = append(d.IDs, id[:]...)
	}
	if before := l.words["before"]; before != "" {
		d.HasBefore, d.Before = true, events.TimeOf(testTime.Add(time.Duration(number(t, before))*time.Second))
	}
	return d
}

func (l *line) baseline(t testing.TB) events.Data {
	d := events.CounterBaseline{Video: l.id("v"), Source: []byte(l.words["from"])}
	for c, name := range counterNames {
		if value := l.words[name]; value != "" {
			d.Set, d.Values[c] = d.Set|1<<c, number(t, value)
		}
	}
	return d
}

var counterNames = [events.CounterCount]string{"views", "likes", "comments", "remixes", "glitches"}

func number(t testing.TB, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// encode returns the frame of the event.
func (l *line) encode(t testing.TB) []byte {
	t.Helper()
	m := events.Meta{Type: l.kind, Time: events.TimeOf(l.at), Arrival: l.arrive}
	if id := l.words["id"]; id != "" {
		m.Source, m.ID = []byte("test"), []byte(id)
	}
	return events.AppendEvent(nil, m, l.data(t))
}

// command returns an entry: a command with the events of the lines.
func command(t testing.TB, c events.Command, at time.Time, lines ...string) events.Entry {
	t.Helper()
	c.Events = len(lines)
	if c.Kind == 0 {
		c.Kind = events.IngestEvents
	}
	b := events.AppendCommand(nil, c)
	for _, text := range lines {
		l := parseLine(t, text, at)
		b = append(b, l.encode(t)...)
	}
	return events.Entry{Bytes: b, Events: len(lines)}
}

// bare returns entries: the events of the lines without a command.
func bare(t testing.TB, at time.Time, lines ...string) (entries []events.Entry) {
	t.Helper()
	for _, text := range lines {
		l := parseLine(t, text, at)
		entries = append(entries, events.Entry{Bytes: l.encode(t), Events: 1})
	}
	return entries
}

// lines splits a text into its lines, without the empty ones.
func lines(text string) (list []string) {
	for l := range strings.SplitSeq(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			list = append(list, l)
		}
	}
	return list
}

func commandID(n int) events.CommandID { return name16(fmt.Sprintf("command %d", n)) }
