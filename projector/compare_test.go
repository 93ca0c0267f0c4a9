package projector

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// comparison collects where a read model and a recount differ, each difference
// with the key at which it was found.
type comparison struct {
	want  *oracle.State
	model *readmodel.Model
	s     *readmodel.Snapshot
	found []string
}

// differences compares everything that can be asked of a read model with a
// recount. Nothing may be folded meanwhile.
func differences(want *oracle.State, m *readmodel.Model) []string {
	c := &comparison{want: want, model: m, s: m.Snapshot()}
	if !c.s.Hold() {
		return []string{"snapshot: retired"}
	}
	defer c.s.Release()
	c.equal("position", c.s.At.Seq, want.At)
	c.equal("log time", int64(c.s.LogTime), want.LogTime)
	c.videos()
	c.trending()
	c.accounts()
	c.jobs()
	c.notifications()
	c.blocks()
	c.outcomes()
	c.audit()
	c.deadLetters()
	return c.found
}

func mustEqual(t testing.TB, what string, want *oracle.State, m *readmodel.Model) {
	t.Helper()
	if found := differences(want, m); len(found) > 0 {
		t.Fatalf("%s: the read model is not what a recount gives:\n%s", what, strings.Join(found, "\n"))
	}
}

func (c *comparison) equal(key string, got, want any) {
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		c.found = append(c.found, fmt.Sprintf("%s: is %s, recounted %s", key, g, w))
	}
}

func (c *comparison) ok(key string, err error) bool {
	if err != nil {
		c.found = append(c.found, fmt.Sprintf("%s: %v", key, err))
	}
	return err == nil
}

func (c *comparison) videos() {
	for id, v := range c.want.Videos {
		key := "video " + id.String()
		var slot readmodel.Slot
		if number, ok := c.model.Videos.Find(events.VideoID(id)); ok {
			c.model.Videos.Read(number, &slot)
		}
		c.equal(key+" counts", slot.Counts, c.want.Counts(id))
		c.equal(key+" known, deleted", [2]bool{slot.Known(), slot.Deleted()}, [2]bool{v.Known, v.Deleted})
		c.equal(key+" changed", slot.Changed(), v.Changed)
		author, known, err := c.s.Author(events.VideoID(id))
		if c.ok(key+" author", err) {
			c.equal(key+" author", oracle.ID(author), v.Author)
			c.equal(key+" has an author", known, v.Author != oracle.ID{})
		}
		for item, want := range v.Items {
			kind := map[string]events.Counter{"comment": events.Comments, "remix": events.Remixes, "glitch": events.Glitches}[item.Kind]
			state, err := c.s.Item(readmodel.Item{Video: events.VideoID(id), Kind: kind, ID: events.ItemID(item.ID)})
			if key := fmt.Sprintf("%s %s %v", key, item.Kind, item.ID); c.ok(key, err) {
				c.equal(key, oracle.Item{Author: oracle.ID(state.Author), Created: state.Created, Deleted: state.Deleted}, *want)
			}
		}
	}
	// Nothing is there that the log does not name.
	for number := range c.model.Videos.Len() {
		if id := oracle.ID(c.model.Videos.ID(uint32(number))); c.want.Videos[id] == nil {
			c.found = append(c.found, fmt.Sprintf("video %v: is there, and no event names it", id))
		}
	}
}

var windows = map[readmodel.Window]oracle.Window{
	readmodel.WindowHour: oracle.Hour, readmodel.WindowDay: oracle.Day, readmodel.WindowWeek: oracle.Week,
}

func (c *comparison) trending() {
	for window, shape := range windows {
		for _, ranking := range []readmodel.Ranking{readmodel.ByViews, readmodel.ByLikes} {
			for _, later := range []time.Duration{-time.Hour, 0, 59 * time.Minute, 25 * time.Hour} {
				now := events.Time(c.want.LogTime).Std().Add(later)
				got := map[oracle.ID]int64{}
				c.model.Trending.Scores(ranking, window, now, func(video uint32, score int32) {
					got[oracle.ID(c.model.Videos.ID(video))] += int64(score)
				})
				for id := range c.want.Videos {
					key := fmt.Sprintf("trending %d in window %d at %v: video %v", ranking, window, later, id)
					c.equal(key, got[id], c.want.Score(id, ranking == readmodel.ByLikes, shape, now.UnixMicro()))
				}
			}
		}
	}
}

func (c *comparison) accounts() {
	for id, want := range c.want.Accounts {
		c.equal("account "+id.String(), oracle.Account{
			Blocked: c.model.Users.Blocked(events.UserID(id)), Retracted: c.model.Users.Retracted(events.UserID(id)),
		}, want)
	}
}

func (c *comparison) jobs() {
	owners := map[oracle.ID]bool{}
	for id, want := range c.want.Jobs {
		key := "job " + id.String()
		owners[want.Owner] = true
		j, created, err := c.s.Job(events.JobID(id))
		if !c.ok(key, err) {
			continue
		}
		c.equal(key+" created", created, want.Created)
		if created {
			c.equal(key, jobLine(&j), wantJobLine(want))
		}
	}
	all := []events.JobStatus{events.JobQueued, events.JobProcessing, events.JobCompleted, events.JobFailed}
	for owner := range owners {
		key := "jobs of " + owner.String()
		list, err := c.s.Jobs(events.UserID(owner), all, readmodel.JobPage{}, 1000)
		if !c.ok(key, err) {
			continue
		}
		var got []oracle.ID
		for i := range list {
			got = append(got, oracle.ID(list[i].ID))
		}
		c.equal(key, got, c.want.JobsOf(owner))
	}
}

func jobLine(j *readmodel.Job) string {
	return spaced(j.Cancelled, oracle.ID(j.Owner), j.Status, j.Progress, j.Attempt, textOf(j.ResultURL), textOf(j.Error),
		int64(j.CreatedAt), int64(j.UpdatedAt))
}

func wantJobLine(j *oracle.Job) string {
	return spaced(j.Cancelled, j.Owner, j.Status, j.Progress, j.Attempt, pointed(j.ResultURL), pointed(j.Error), j.CreatedAt, j.UpdatedAt)
}

func textOf(b []byte) string {
	if b == nil {
		return "-"
	}
	return fmt.Sprintf("%q", b)
}

func pointed(s *string) string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%q", *s)
}

func (c *comparison) notifications() {
	for user, mine := range c.want.Notifications {
		key := "notifications of " + user.String()
		unread, err := c.s.UnreadCount(events.UserID(user))
		if c.ok(key, err) {
			c.equal(key+" unread", unread, c.want.Unread(user))
		}
		categories := map[string]bool{}
		for id, want := range mine {
			categories[want.Category] = true
			n, there, err := c.s.Notification(events.UserID(user), events.NotificationID(id))
			if c.ok(key, err) && there {
				c.equal(key+" "+id.String(), spaced(n.Read, string(n.Category), int64(n.CreatedAt)), spaced(want.Read, want.Category, want.CreatedAt))
			}
			c.equal(key+" "+id.String()+" is there", there, !want.Suppressed)
		}
		c.list(user, readmodel.NotificationFilter{}, func(*oracle.Notification) bool { return true })
		c.list(user, readmodel.NotificationFilter{Unread: true}, func(n *oracle.Notification) bool { return !n.Read })
		for category := range categories {
			in := func(n *oracle.Notification) bool { return n.Category == category }
			c.list(user, readmodel.NotificationFilter{Category: []byte(category)}, in)
			c.list(user, readmodel.NotificationFilter{Unread: true, Category: []byte(category)}, func(n *oracle.Notification) bool { return in(n) && !n.Read })
		}
	}
}

// list reads a recipient's list in pages of two.
func (c *comparison) list(user oracle.ID, filter readmodel.NotificationFilter, want func(*oracle.Notification) bool) {
	key := fmt.Sprintf("notifications of %v, %t %s", user, filter.Unread, filter.Category)
	var got, expected []string
	for page := (readmodel.NotificationPage{}); ; {
		list, err := c.s.Notifications(events.UserID(user), filter, page, 2)
		if !c.ok(key, err) || len(list) == 0 {
			break
		}
		for i := range list {
			n := &list[i]
			got = append(got, spaced(oracle.ID(n.ID), n.Read, string(n.Category), string(n.Payload), oracle.ID(n.Actor), int64(n.CreatedAt)))
			page = n.Page()
		}
	}
	for _, id := range c.want.NotificationsOf(user) {
		if n := c.want.Notifications[user][id]; want(n) {
			expected = append(expected, spaced(id, n.Read, n.Category, n.Payload, n.Actor, n.CreatedAt))
		}
	}
	c.equal(key, strings.Join(got, "\n"), strings.Join(expected, "\n"))
}

func (c *comparison) blocks() {
	for user, mine := range c.want.Blocks {
		key := "blocks of " + user.String()
		var got, expected []string
		for page := (readmodel.BlockPage{}); ; {
			list, err := c.s.Blocks(events.UserID(user), page, 2)
			if !c.ok(key, err) || len(list) == 0 {
				break
			}
			for i := range list {
				got = append(got, spaced(oracle.ID(list[i].User), int64(list[i].CreatedAt)))
				page = list[i].Page()
			}
		}
		for _, id := range c.want.BlocksOf(user) {
			expected = append(expected, spaced(id, mine[id].Since))
		}
		c.equal(key, got, expected)
	}
}

func (c *comparison) outcomes() {
	for id, want := range c.want.Outcomes {
		key := "outcome of command " + id.String()
		o, there, err := c.s.Outcome(events.CommandID(id))
		if c.ok(key, err) {
			c.equal(key, outcomeLine(&o), wantOutcomeLine(&want))
			c.equal(key+" is there", there, true)
		}
	}
}

func outcomeLine(o *readmodel.Outcome) string {
	return spaced(o.Position, o.Tag, oracle.ID(o.Request), o.Repeat, o.OtherRequest, o.Effects,
		o.Read.Marked, o.Read.AlreadyRead, o.Read.NotFound, o.Read.Unread)
}

func wantOutcomeLine(o *oracle.Outcome) string {
	return spaced(o.Position, o.Tag, o.Request, o.Repeat, o.OtherRequest, o.Effects,
		o.Read.Marked, o.Read.Already, o.Read.NotFound, o.Read.Unread)
}

// decidedDifferences compares the outcomes of the last message's commands.
func decidedDifferences(want *oracle.State, got []Decided) []string {
	c := &comparison{}
	c.equal(fmt.Sprintf("commands decided in message %d", want.At), len(got), len(want.Decided))
	for i := range min(len(got), len(want.Decided)) {
		key := fmt.Sprintf("command %v in message %d", want.Decided[i].Command, want.At)
		c.equal(key, oracle.ID(got[i].Command), want.Decided[i].Command)
		c.equal(key, outcomeLine(&got[i].Outcome), wantOutcomeLine(&want.Decided[i].Outcome))
	}
	return c.found
}

func (c *comparison) audit() {
	var got, expected []string
	list, err := c.s.AuditLog(readmodel.AuditFilter{}, events.Position{}, 1_000_000)
	c.ok("audit", err)
	for _, e := range list {
		var targets []oracle.ID
		for _, id := range e.Targets {
			targets = append(targets, oracle.ID(id))
		}
		got = append(got, spaced(int64(e.At), e.Position, oracle.ID(e.Actor), e.Action, string(e.Reason), targets, e.Effects, string(e.Outcome)))
	}
	for _, e := range slices.Backward(c.want.Audit) {
		expected = append(expected, spaced(e.At, e.Position, e.Actor, e.Action, e.Reason, e.Targets, e.Effects, e.Outcome))
	}
	c.equal("audit", strings.Join(got, "\n"), strings.Join(expected, "\n"))
}

func (c *comparison) deadLetters() {
	var got, expected []string
	list, err := c.s.DeadLetters(events.Position{}, 1_000_000)
	c.ok("dead letters", err)
	for _, d := range list {
		got = append(got, fmt.Sprintf("%v %d %x", d.Position, d.Size, d.Raw))
		if d.Reason == "" {
			c.found = append(c.found, fmt.Sprintf("dead letter at %v: has no reason", d.Position))
		}
	}
	for _, d := range c.want.DeadLetters {
		expected = append(expected, fmt.Sprintf("%v %d %x", d.At, len(d.Raw), d.Raw[:min(len(d.Raw), 4<<10)]))
	}
	c.equal("dead letters", strings.Join(got, "\n"), strings.Join(expected, "\n"))
}

// spaced is fmt.Sprint with a space between all.
func spaced(values ...any) string { return strings.TrimSuffix(fmt.Sprintln(values...), "\n") }
