package replay

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// ExplainOptions say what Explain looks at.
type ExplainOptions struct {
	Options
	// Until is where the explanation ends; the zero point is the end of the source.
	Until Point
	// Views bounds the views that count and are listed one by one; 0 for 1,000.
	Views int
}

const defaultListedViews = 1000

// Explain tells what is shown of a video, a job or a user by its events: which
// counted, which did not, and why. What counts adds up to what is shown. It
// reads the source from its beginning, which must be the log's.
func Explain(ctx context.Context, s Source, e Entity, o ExplainOptions) (*Explanation, error) {
	span, err := full(ctx, s, o.Until)
	if err != nil {
		return nil, err
	}
	var t *teller
	f, err := o.closed(ctx, s, closureOf([]Entity{e}, o.Model.DedupeHorizon), span.Last,
		func(options *projector.FoldOptions) {
			t = newTeller(e, cmp.Or(o.Views, defaultListedViews))
			options.Observe = t.observe
		},
		func(f *projector.Fold, m *eventlog.Message) { t.model, t.message = f.Model(), message{Message: m} })
	if err != nil {
		return nil, err
	}
	span.LogTime = f.Model().LogTime()
	x := &Explanation{Entity: e, Span: span}
	t.finish(x)
	return x, t.show(x, f.Model())
}

// record is an event as it will be told, and what it stands for if it counts.
type record struct {
	Explained
	weight readmodel.Counts
	// contributor is whose retraction takes it out of the counters.
	contributor events.UserID
}

// lose says that the event does not count, or no longer does.
func (r *record) lose(why Why, by *record) {
	r.Counted, r.Why = false, why
	if by != nil {
		at := by.Position
		r.By = &at
	}
}

// teller follows a fold and keeps the story of an entity.
type teller struct {
	entity  Entity
	limit   int
	model   *readmodel.Model
	message message
	named   named

	records  []*record
	views    int // listed
	unlisted int
	counts   readmodel.Counts // of the video, after the last event

	repeats      repeats
	identities   map[identityKey]*record
	likes        map[likeKey]*record
	items        map[readmodel.Item]*itemStory
	baselines    map[string]*record
	accounts     map[events.UserID][]*record
	contributors map[events.UserID]bool
	blocks       map[[2]events.UserID]*record
	sent         map[[2][16]byte]*record
	publications map[events.VideoID]*publication
	visibility   *record
	job          jobStory
}

type identityKey struct {
	kind       events.Type
	time       events.Time
	source, id string
}

type likeKey struct {
	video events.VideoID
	user  events.UserID
}

func newTeller(e Entity, limit int) *teller {
	return &teller{
		entity: e, limit: limit, repeats: newRepeats(), identities: map[identityKey]*record{},
		likes: map[likeKey]*record{}, items: map[readmodel.Item]*itemStory{}, baselines: map[string]*record{},
		accounts: map[events.UserID][]*record{}, contributors: map[events.UserID]bool{},
		blocks: map[[2]events.UserID]*record{}, sent: map[[2][16]byte]*record{},
		publications: map[events.VideoID]*publication{},
	}
}

// observe takes in an event that was folded.
func (t *teller) observe(e *events.Event, effect readmodel.Effect, reason error) {
	mine := false
	if err := t.named.read(e); err != nil || e.Type == 0 {
		mine = bytes.Contains(e.Raw, t.entity.ID[:])
	} else {
		mine = t.named.is(t.entity)
	}
	if reason != nil && !mine {
		return
	}
	r := t.record(e, effect, reason)
	if reason != nil {
		r.lose(WhyPoisoned, nil)
		r.Detail = reason.Error()
		t.records = append(t.records, r)
		return
	}
	t.change(r)
	t.tell(e, effect, r, mine)
	switch {
	case ofAccount(e.Type):
		t.accounts[t.named.user] = append(t.accounts[t.named.user], r)
	case !mine:
	case r.Counted && e.Type == events.TypeVideoViewed && t.views >= t.limit:
		t.unlisted++
	default:
		if r.Counted && e.Type == events.TypeVideoViewed {
			t.views++
		}
		t.records = append(t.records, r)
	}
}

// record describes an event.
func (t *teller) record(e *events.Event, effect readmodel.Effect, reason error) *record {
	r := &record{Explained: Explained{
		Position: Place{events.Position{Seq: t.message.Seq, Index: e.Index}},
		Stored:   t.message.Stored.UTC(), Time: e.Time.Std(), Type: e.Type.String(), Effect: effect.String(),
	}}
	if e.HasIdentity() {
		r.Identity = string(e.Source) + " " + string(e.ID)
	}
	if !t.named.user.IsZero() {
		r.User = t.named.user.String()
	}
	r.Detail, r.Actor = detailOf(e)
	if c := t.message.command(e.Index); c != nil {
		r.Command = c.kind.String()
		if !c.actor.IsZero() {
			r.Actor = c.actor.String()
		}
		if c.reason != "" {
			r.Detail = c.reason
		}
	}
	return r
}

// detailOf returns the reason that an administrator's event gives, and who that was.
func detailOf(e *events.Event) (detail, actor string) {
	admin, reason := events.UserID{}, []byte(nil)
	switch e.Type {
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		if d, err := events.Decode[events.VideoVisibility](e); err == nil {
			admin, reason = d.Admin, d.Reason
		}
	case events.TypeAccountBlocked, events.TypeAccountUnblocked:
		if d, err := events.Decode[events.AccountBlock](e); err == nil {
			admin, reason = d.Admin, d.Reason
		}
	}
	if !admin.IsZero() {
		actor = admin.String()
	}
	return string(reason), actor
}

// change notes by how much an event moved the video's counters.
func (t *teller) change(r *record) {
	if t.entity.Kind != KindVideo {
		return
	}
	var slot readmodel.Slot
	if number, ok := t.model.Videos.Find(t.entity.ID); ok {
		t.model.Videos.Read(number, &slot)
	}
	if slot.Counts == t.counts {
		return
	}
	change := countersOf(slot.Counts).Sub(countersOf(t.counts))
	r.Change, t.counts = &change, slot.Counts
}

// finish takes out what a retraction covers, and puts the records in order.
func (t *teller) finish(x *Explanation) {
	for _, r := range t.records {
		if !r.Counted || r.contributor.IsZero() {
			continue
		}
		if by := t.retracted(r.contributor); by != nil {
			r.lose(WhyRetracted, by)
		}
	}
	for user, list := range t.accounts {
		if t.contributors[user] || t.entity == User(user) {
			t.records = append(t.records, list...)
		}
	}
	slices.SortFunc(t.records, func(a, b *record) int { return a.Position.Compare(b.Position.Position) })
	tallies := map[[2]string]*Tally{}
	add := func(kind string, why Why, n int, weight Counters) {
		k := [2]string{kind, string(why)}
		if tallies[k] == nil {
			tallies[k] = &Tally{Type: kind, Why: why}
		}
		tallies[k].Events += n
		tallies[k].Counts = tallies[k].Counts.Add(weight)
	}
	x.Events = make([]Explained, 0, len(t.records))
	for _, r := range t.records {
		var weight Counters
		if r.Counted && r.weight != (readmodel.Counts{}) {
			weight = countersOf(r.weight)
			r.Counts = &weight
		}
		add(r.Type, r.Why, 1, weight)
		x.Events = append(x.Events, r.Explained)
	}
	if x.Unlisted = t.unlisted; t.unlisted > 0 {
		add(events.TypeVideoViewed.String(), "", t.unlisted, Counters{Views: int64(t.unlisted)})
	}
	for _, tally := range tallies {
		x.Summary = append(x.Summary, *tally)
	}
	slices.SortFunc(x.Summary, func(a, b Tally) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Why, b.Why)) })
}

// retracted returns the event by which a user is retracted, nil if none stands.
func (t *teller) retracted(user events.UserID) *record {
	if !t.model.Users.Retracted(user) {
		return nil
	}
	for _, r := range slices.Backward(t.accounts[user]) {
		if r.Counted {
			return r
		}
	}
	return nil
}

// Sum adds up what the events stand for.
func (x *Explanation) Sum() (sum Counters) {
	for i := range x.Summary {
		sum = sum.Add(x.Summary[i].Counts)
	}
	return sum
}

// show fills in what is shown of the entity.
func (t *teller) show(x *Explanation, m *readmodel.Model) error {
	switch s := m.Snapshot(); x.Entity.Kind {
	case KindVideo:
		x.Video = &VideoShown{}
		var slot readmodel.Slot
		if number, ok := m.Videos.Find(x.Entity.ID); ok {
			m.Videos.Read(number, &slot)
		}
		x.Video.Counters, x.Video.Known, x.Video.Deleted = countersOf(slot.Counts), slot.Known(), slot.Deleted()
		if slot.Deleted() && t.visibility != nil {
			at := t.visibility.Position
			x.Video.DeletedBy = &at
		}
	case KindJob:
		j, created, err := s.Job(x.Entity.ID)
		if err != nil {
			return err
		}
		x.Job = &JobShown{Created: created, Status: j.Status.String(), Progress: int(j.Progress), Attempt: int(j.Attempt)}
		if created {
			x.Job.Owner = j.Owner.String()
		}
		x.Job.ResultURL, x.Job.Error = textOf(j.ResultURL), textOf(j.Error)
	case KindUser:
		user := events.UserID(x.Entity.ID)
		unread, err := s.UnreadCount(user)
		if err != nil {
			return err
		}
		counts := m.Retractable([]events.UserID{user}).Counts
		x.User = &UserShown{Counters: countersOf(counts), Blocked: m.Users.Blocked(user), Retracted: m.Users.Retracted(user), Unread: unread}
		x.User.Views = x.Sum().Views // nobody else adds them up by user
	}
	return nil
}

func textOf(b []byte) *string {
	if b == nil {
		return nil
	}
	text := string(b)
	return &text
}
