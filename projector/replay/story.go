package replay

import (
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// itemStory is what became of a comment, a remix or a glitch.
type itemStory struct {
	created, deleted *record
	named            *record // that said who the author is
	author           events.UserID
}

// publication is what was said of a video's being there.
type publication struct {
	first, author *record
}

// jobStory is what became of a job.
type jobStory struct {
	created, cancelled *record
	attempt            uint32
	began              *record // the update that began the attempt
	final              *record
	applied            []*record // of the attempt
}

// tell works out what of the event stands, and what it takes the place of.
func (t *teller) tell(e *events.Event, effect readmodel.Effect, r *record, mine bool) {
	if by := t.repeats.of(&t.message, e.Index, effect, r); by != nil {
		r.lose(WhyRepeat, by)
		return
	}
	if e.HasIdentity() && byIdentity(e.Type) {
		k := identityKey{e.Type, e.Time, string(e.Source), string(e.ID)}
		if first := t.identities[k]; first != nil && effect == readmodel.Duplicate {
			r.lose(WhyDuplicate, first)
			return
		}
		t.identities[k] = r
	}
	r.Counted = effect == readmodel.Applied || effect == readmodel.Updated
	if !r.Counted {
		r.Why = whyOf(effect)
	}
	switch {
	case ofAccount(e.Type):
		t.tellAccount(r)
	case t.named.hasItem:
		t.tellItem(e, effect, r)
	case !mine:
	case t.named.hasVideo:
		t.tellVideo(e, effect, r)
	case t.named.hasJob:
		t.tellJob(e, effect, r)
	default:
		t.tellUser(e, effect, r)
	}
}

// whyOf is what an effect says by itself.
func whyOf(effect readmodel.Effect) Why {
	switch effect {
	case readmodel.Duplicate:
		return WhyDuplicate
	case readmodel.Superseded:
		return WhySuperseded
	case readmodel.Conflict:
		return WhyConflict
	case readmodel.NotFound:
		return WhyNotFound
	case readmodel.Forbidden:
		return WhyForbidden
	case readmodel.Suppressed:
		return WhySuppressed
	case readmodel.Poisoned:
		return WhyPoisoned
	}
	return WhyNothing
}

// replace makes r what stands in the place of *standing, if it counts, or says
// what stands there already.
func replace(standing **record, r *record) {
	switch {
	case r.Counted && *standing != nil:
		(*standing).lose(WhySuperseded, r)
		*standing = r
	case r.Counted:
		*standing = r
	default:
		r.lose(r.Why, *standing)
	}
}

func (t *teller) tellAccount(r *record) {
	user := t.named.user
	if !r.Counted {
		return
	}
	for _, before := range t.accounts[user] {
		if before.Counted {
			before.lose(WhySuperseded, r)
		}
	}
}

func (t *teller) tellVideo(e *events.Event, effect readmodel.Effect, r *record) {
	n := &t.named
	switch e.Type {
	case events.TypeVideoViewed:
		if r.Counted {
			r.weight[events.Views] = 1
		}
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		k := likeKey{n.video, n.user}
		standing := t.likes[k]
		replace(&standing, r)
		t.likes[k] = standing
		t.contributors[n.user], r.contributor = true, n.user
		if e.Type == events.TypeVideoLiked {
			r.weight[events.Likes] = 1
		}
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		replace(&t.visibility, r)
	case events.TypeCounterBaseline:
		d, _ := events.Decode[events.CounterBaseline](e) // it was decoded before
		standing := t.baselines[string(d.Source)]
		replace(&standing, r)
		t.baselines[string(d.Source)] = standing
		r.weight = d.Values
	case events.TypeVideoPublished:
		t.tellPublished(effect, r)
	}
}

func (t *teller) tellPublished(effect readmodel.Effect, r *record) {
	p := t.publications[t.named.video]
	if p == nil {
		p = &publication{}
		t.publications[t.named.video] = p
	}
	switch {
	case effect == readmodel.Conflict:
		r.lose(WhyConflict, p.author)
	case !r.Counted:
		r.lose(r.Why, p.first)
	case p.author == nil && !t.named.user.IsZero():
		p.author = r
	}
	if p.first == nil {
		p.first = r
	}
}

func (t *teller) tellItem(e *events.Event, effect readmodel.Effect, r *record) {
	item := t.named.itemOf(e.Type)
	s := t.items[item]
	if s == nil {
		s = &itemStory{}
		t.items[item] = s
	}
	if (r.Counted || effect == readmodel.Duplicate) && s.named == nil && !t.named.user.IsZero() {
		s.named, s.author = r, t.named.user
		t.contributors[s.author] = true
		if s.created != nil {
			s.created.contributor = s.author
		}
	}
	if e.Type == events.TypeCommentDeleted || e.Type == events.TypeRemixDeleted || e.Type == events.TypeGlitchDeleted {
		t.tellItemDeleted(s, r)
		return
	}
	switch {
	case effect == readmodel.Conflict:
		r.lose(WhyConflict, s.named)
		return
	case !r.Counted:
		r.lose(r.Why, s.created)
		return
	case s.created != nil && t.entity.Kind == KindUser && t.named.is(t.entity):
		// It was there, by an author whom nobody named: now it is the user's.
		s.created.lose(WhySuperseded, r)
	case s.created != nil:
		r.lose(WhyDuplicate, s.created)
		return
	}
	s.created, r.contributor = r, s.author
	r.weight[item.Kind] = 1
	if s.deleted != nil {
		r.lose(WhyDeleted, s.deleted)
	}
}

func (t *teller) tellItemDeleted(s *itemStory, r *record) {
	switch {
	case !r.Counted:
		r.lose(r.Why, s.deleted)
	case s.created != nil:
		s.created.lose(WhyDeleted, r)
		s.deleted = r
	default:
		s.deleted = r
	}
}

func (t *teller) tellJob(e *events.Event, effect readmodel.Effect, r *record) {
	j := &t.job
	switch e.Type {
	case events.TypeJobCreated:
		if r.Counted {
			j.created = r
		} else {
			r.lose(r.Why, j.created)
		}
	case events.TypeJobCancelled:
		if r.Counted {
			j.cancelled, j.final = r, r
		} else if effect == readmodel.Conflict {
			r.lose(WhySuperseded, j.final)
		}
	case events.TypeJobUpdated:
		d, _ := events.Decode[events.JobUpdated](e) // it was decoded before
		t.tellJobUpdated(&d, effect, r)
	}
}

func (t *teller) tellJobUpdated(d *events.JobUpdated, effect readmodel.Effect, r *record) {
	j := &t.job
	switch {
	case effect == readmodel.Superseded && d.Attempt < j.attempt:
		r.lose(WhySuperseded, j.began)
		return
	case effect == readmodel.Superseded:
		r.lose(WhySuperseded, j.final)
		return
	case !r.Counted:
		if len(j.applied) > 0 {
			r.lose(r.Why, j.applied[len(j.applied)-1])
		}
		return
	case d.Attempt > j.attempt:
		for _, before := range j.applied {
			before.lose(WhySuperseded, r)
		}
		j.attempt, j.began, j.applied, j.final = d.Attempt, r, nil, nil
	}
	j.applied = append(j.applied, r)
	if d.Has&events.JobHasStatus != 0 && d.Status.Final() {
		j.final = r
	}
}

// tellUser is of events that name users alone.
func (t *teller) tellUser(e *events.Event, effect readmodel.Effect, r *record) {
	n := &t.named
	switch e.Type {
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		k := [2]events.UserID{n.user, n.other}
		standing := t.blocks[k]
		replace(&standing, r)
		t.blocks[k] = standing
	case events.TypeNotificationSent:
		d, _ := events.Decode[events.NotificationSent](e) // it was decoded before
		k := [2][16]byte{d.User, d.Notification}
		if t.sent[k] == nil {
			t.sent[k] = r
		}
		switch effect {
		case readmodel.Duplicate:
			r.lose(WhyDuplicate, t.sent[k])
		case readmodel.Suppressed:
			r.lose(WhySuppressed, t.blocks[[2]events.UserID{d.User, d.Actor}])
		}
	}
}

// message is the message being folded, taken apart once somebody asks.
type message struct {
	*eventlog.Message
	opened   bool
	batch    events.BatchID
	outside  bool
	commands []*commandOf // by the index of the event
}

// commandOf is the command that an event came by.
type commandOf struct {
	id     events.CommandID
	kind   events.CommandKind
	actor  events.UserID
	keyed  bool
	reason string
	entry  int // among the commands of the record batch
}

// command returns the command of the event with that index, nil for a bare one.
func (m *message) command(index uint16) *commandOf {
	if !m.opened {
		m.open()
	}
	if int(index) >= len(m.commands) {
		return nil
	}
	return m.commands[index]
}

func (m *message) open() {
	m.opened = true
	b, err := events.ReadBatch(m.Data)
	if err != nil {
		return
	}
	m.batch, m.outside = b.ID, b.Incarnation == events.Incarnation{}
	var (
		cursor  = b.Cursor()
		e       events.Event
		current *commandOf
	)
	for entry := 0; ; {
		step, _ := cursor.Next(&e) // what is wrong with an event is the fold's to say
		switch {
		case step == events.StepEnd:
			return
		case step == events.StepCommand:
			c := cursor.Command
			current = &commandOf{id: c.ID, kind: c.Kind, actor: c.Actor, keyed: c.Keyed, reason: string(c.Reason), entry: entry}
			entry++
		case cursor.Command == nil:
			m.commands = append(m.commands, nil)
		default:
			m.commands = append(m.commands, current)
		}
	}
}

// repeats remembers commands with keys, and record batches of outside
// producers, that were folded.
type repeats struct {
	commands map[events.CommandID]firstCommand
	batches  map[events.BatchID]*record
}

type firstCommand struct {
	seq   uint64
	entry int
	first *record
}

func newRepeats() repeats {
	return repeats{map[events.CommandID]firstCommand{}, map[events.BatchID]*record{}}
}

// of returns the first event of the command or of the record batch that an
// event without effect repeats, nil if it is no repeat.
func (p *repeats) of(m *message, index uint16, effect readmodel.Effect, r *record) *record {
	c := m.command(index)
	idle := effect == readmodel.Duplicate || effect == readmodel.Conflict
	if m.outside {
		if first := p.batches[m.batch]; first == nil {
			p.batches[m.batch] = r
		} else if first.Position.Seq != m.Seq && idle {
			return first
		}
	}
	if c == nil || !c.keyed {
		return nil
	}
	first, known := p.commands[c.id]
	if !known || !idle && first.seq != m.Seq {
		p.commands[c.id] = firstCommand{m.Seq, c.entry, r}
		return nil
	}
	if idle && (first.seq != m.Seq || first.entry != c.entry) {
		return first.first
	}
	return nil
}
