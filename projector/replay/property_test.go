package replay_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// recounted is a log, and what a recount of it gives after each message.
type recounted struct {
	log     kept
	videos  []events.VideoID
	users   []events.UserID
	jobs    []events.JobID
	counts  []map[events.VideoID]replay.Counted // by sequence, from 0 on
	options replay.Options
	random  *rand.Rand
}

// drawHistory draws a log with everything in it.
func drawHistory(t *rapid.T) *recounted {
	h := newHistory(rapid.Uint64().Draw(t, "seed"), 7*time.Minute)
	h.wild = oracle.New()
	r := &recounted{options: replay.Options{Model: modelConfig()}, random: rand.New(rand.NewPCG(h.Uint64(), 0))}
	r.log = h.grow(rapid.IntRange(1, 60).Draw(t, "messages"))
	return r.recount()
}

func (r *recounted) recount() *recounted {
	for n := range 5 { // one is never seen
		r.videos, r.users = append(r.videos, numbered[events.VideoID]('v', n)), append(r.users, numbered[events.UserID]('u', n))
		r.jobs = append(r.jobs, numbered[events.JobID]('j', n))
	}
	r.counts = append(r.counts, r.countedBy(oracle.New()))
	recount(r.log, func(s *oracle.State) { r.counts = append(r.counts, r.countedBy(s)) })
	return r
}

func (r *recounted) countedBy(s *oracle.State) map[events.VideoID]replay.Counted {
	all := map[events.VideoID]replay.Counted{}
	for _, id := range r.videos {
		c := replay.Counted{Video: id.String(), Counters: named(s.Counts(oracle.ID(id)))}
		if v := s.Videos[oracle.ID(id)]; v != nil {
			c.Known, c.Deleted = v.Known, v.Deleted
		}
		all[id] = c
	}
	return all
}

func (r *recounted) last() uint64 { return uint64(len(r.log)) }

// point draws a point, and returns the sequences that it may stand for.
func (r *recounted) point() (p replay.Point, may []uint64) {
	at := r.random.Uint64N(r.last()) + 1
	stored := r.log[at-1].Stored
	switch r.random.IntN(6) {
	case 0:
		return replay.Point{}, []uint64{r.last()}
	case 1, 2:
		return replay.Point{Seq: at}, []uint64{at}
	case 3:
		stored = stored.Add(-1)
	case 4:
		stored = []time.Time{testTime.Add(-time.Hour), r.log[r.last()-1].Stored.Add(100 * time.Hour)}[r.random.IntN(2)]
	}
	for seq := range r.last() + 1 { // where times pass it
		if (seq == 0 || !r.log[seq-1].Stored.After(stored)) && (seq == r.last() || r.log[seq].Stored.After(stored)) {
			may = append(may, seq)
		}
	}
	return replay.Point{Time: stored}, may
}

func (r *recounted) some() (ids []events.VideoID) {
	for range 1 + r.random.IntN(4) {
		ids = append(ids, r.videos[r.random.IntN(len(r.videos))])
	}
	return ids
}

func (r *recounted) checkAt(t *rapid.T) {
	p, may := r.point()
	ids := r.some()
	got, err := replay.At(t.Context(), r.log, p, ids, r.options)
	if err != nil {
		t.Fatalf("at %v: %v", p, err)
	}
	if !slices.Contains(may, got.Span.Last) {
		t.Fatalf("at %v: message %d, want one of %v", p, got.Span.Last, may)
	}
	for i, id := range ids {
		if want := r.counts[got.Span.Last][id]; got.Videos[i] != want {
			t.Errorf("at %v, message %d: %+v, a recount gives %+v", p, got.Span.Last, got.Videos[i], want)
		}
	}
}

func (r *recounted) checkDiff(t *rapid.T) {
	from, _ := r.point()
	to, _ := r.point()
	if r.random.IntN(4) == 0 {
		to = from
	}
	ids := r.some()
	got, err := replay.Diff(t.Context(), r.log, from, to, ids, r.options)
	if errors.Is(err, replay.ErrOrder) {
		a, errA := from.Find(t.Context(), r.log)
		b, errB := to.Find(t.Context(), r.log)
		if errors.Join(errA, errB) != nil || a <= b {
			t.Fatalf("from %v to %v: %v", from, to, err)
		}
		return
	}
	if err != nil || got.From.Last > got.To.Last || from == to && got.From.Last != got.To.Last {
		t.Fatalf("from %v to %v: %+v, %v", from, to, got, err)
	}
	for i, id := range ids {
		before, after := r.counts[got.From.Last][id], r.counts[got.To.Last][id]
		if v := got.Videos[i]; v.Before != before || v.After != after || v.Change != after.Counters.Sub(before.Counters) {
			t.Errorf("from %v to %v: %+v, a recount gives %+v and %+v", from, to, v, before, after)
		}
	}
}

func (r *recounted) checkMovers(t *rapid.T) {
	from, to := r.random.Uint64N(r.last())+1, r.random.Uint64N(r.last())+1
	from, to = min(from, to), max(from, to)
	by, top := r.random.IntN(5), []int{1, 2, 1000}[r.random.IntN(3)]
	got, err := replay.Movers(t.Context(), r.log, replay.Point{Seq: from}, replay.Point{Seq: to}, events.Counter(by), top, r.options)
	if err != nil {
		t.Fatal(err)
	}
	far := func(c replay.Counters) int64 {
		n := []int64{c.Views, c.Likes, c.Comments, c.Remixes, c.Glitches}[by]
		return max(n, -n)
	}
	var want []events.VideoID
	for _, id := range r.videos {
		if after := r.counts[to][id]; after.Known && far(after.Counters.Sub(r.counts[from][id].Counters)) != 0 {
			want = append(want, id)
		}
	}
	slices.SortFunc(want, func(a, b events.VideoID) int {
		return cmp.Compare(far(r.counts[to][b].Counters.Sub(r.counts[from][b].Counters)), far(r.counts[to][a].Counters.Sub(r.counts[from][a].Counters)))
	})
	if got.Total != len(want) || len(got.Videos) != min(top, len(want)) {
		t.Fatalf("from %d to %d, top %d: %d of %d, a recount gives %d", from, to, top, len(got.Videos), got.Total, len(want))
	}
	listed := map[string]bool{}
	for i, v := range got.Videos {
		var id events.VideoID
		events.ParseUUID((*[16]byte)(&id), v.Video)
		before, after := r.counts[from][id], r.counts[to][id]
		if v.Before != before && (v.Before.Known || before.Known) || v.After != after || v.Change != after.Counters.Sub(before.Counters) {
			t.Errorf("from %d to %d: %+v, a recount gives %+v and %+v", from, to, v, before, after)
		}
		// Of those that moved as far any may stand there, each once.
		if expected := r.counts[to][want[i]].Counters.Sub(r.counts[from][want[i]].Counters); far(v.Change) != far(expected) || listed[v.Video] {
			t.Errorf("from %d to %d: mover %d is %+v", from, to, i, v)
		}
		listed[v.Video] = true
	}
}

// without recounts a log as if some users had done nothing, up to a message.
func (r *recounted) without(users map[events.UserID]bool, until uint64) (*oracle.State, uint64) {
	theirs := func(e *oracle.Event) bool {
		by := e.User
		switch e.Type {
		case "account.blocked", "account.unblocked":
			return false
		case "notification.sent":
			by = e.Actor
		case "video.published", "comment.created", "comment.deleted", "remix.created", "remix.deleted", "glitch.created", "glitch.deleted":
			by = e.Author
		}
		return !e.Bad && by != oracle.ID{} && users[events.UserID(by)]
	}
	s, out := oracle.New(), uint64(0)
	for i := range r.log[:until] {
		m := &r.log[i]
		read := oracle.Read(incarnation, eventlog.BatchSubject, m.Subject, m.Seq, m.Stored, m.Data)
		for _, entry := range read.Entries {
			for n := range entry.Events {
				if e := &entry.Events[n]; theirs(e) {
					e.Out = true
					out++
				}
			}
		}
		s.Fold(read)
	}
	return s, out
}

func (r *recounted) checkReport(t *rapid.T) {
	until := r.random.Uint64N(r.last()) + 1
	q := replay.ReportRequest{Until: replay.Point{Seq: until}, ExcludeUsers: map[events.UserID]bool{}}
	for range r.random.IntN(3) {
		q.ExcludeUsers[r.users[r.random.IntN(len(r.users))]] = true
	}
	asked := r.videos
	if r.random.IntN(2) == 0 {
		asked = r.some()
		for _, id := range asked {
			q.Only = append(q.Only, replay.Video(id))
		}
		if r.random.IntN(2) == 0 {
			q.Only = append(q.Only, replay.User(r.users[0]), replay.Job(r.jobs[0]))
		}
	}
	got, err := replay.Report(t.Context(), r.log, q, r.options)
	if err != nil {
		t.Fatal(err)
	}
	state, _ := r.without(q.ExcludeUsers, until)
	want := r.countedBy(state)
	if len(q.Only) == 0 {
		var videos int
		var totals replay.Counters
		for _, c := range want {
			if c.Known {
				videos, totals = videos+1, totals.Add(c.Counters)
			}
		}
		if got.Videos != videos || got.Totals != totals {
			t.Errorf("until %d without %v: %d videos with %+v, a recount gives %d with %+v", until, q.ExcludeUsers, got.Videos, got.Totals, videos, totals)
		}
	}
	moved := map[string]replay.Moved{}
	for _, m := range got.Differences {
		moved[m.Video] = m
	}
	for _, id := range asked {
		before, after := r.counts[until][id], want[id]
		m, listed := moved[id.String()]
		switch {
		case listed && (m.Before != before || m.After != after || m.Change != after.Counters.Sub(before.Counters)):
			t.Errorf("until %d, only %v, without %v: %+v, a recount gives %+v and %+v", until, q.Only, q.ExcludeUsers, m, before, after)
		case !listed && (len(q.Only) > 0 && len(q.ExcludeUsers) == 0 || before != after):
			t.Errorf("until %d, only %v, without %v: %v is not listed, a recount gives %+v and %+v", until, q.Only, q.ExcludeUsers, id, before, after)
		}
	}
}

// live folds up to a message as the fold that serves does, and returns what each event did.
func (r *recounted) live(t *rapid.T, until uint64) (*readmodel.Model, map[events.Position]string, map[events.UserID]int64) {
	did, views := map[events.Position]string{}, map[events.UserID]int64{}
	model := readmodel.New(r.options.Model)
	f := projector.NewFold(model, projector.FoldOptions{Observe: func(e *events.Event, effect readmodel.Effect, _ error) {
		did[events.Position{Seq: model.At().Seq, Index: e.Index}] = effect.String()
		if d, err := events.Decode[events.VideoViewed](e); e.Type == events.TypeVideoViewed && err == nil && effect == readmodel.Applied {
			views[d.User]++
		}
	}})
	for _, m := range r.log[:until] {
		if err := f.Message(m); err != nil {
			t.Fatal(err)
		}
	}
	return model, did, views
}

func (r *recounted) checkExplain(t *rapid.T) {
	until := r.random.Uint64N(r.last()) + 1
	live, did, views := r.live(t, until)
	explain := func(e replay.Entity) *replay.Explanation {
		x, err := replay.Explain(t.Context(), r.log, replay.ExplainRequest{Entity: e, Until: replay.Point{Seq: until}, Views: new(2)}, r.options)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range x.Events {
			if e.Effect != did[e.Position] {
				t.Errorf("%v until %d: %s at %v is said to be %s, and was %s", x.Entity, until, e.Type, e.Position, e.Effect, did[e.Position])
			}
			if e.Counted == (e.Why != "") {
				t.Errorf("%v until %d: %s at %v counts %v and does not because %q", x.Entity, until, e.Type, e.Position, e.Counted, e.Why)
			}
		}
		return x
	}
	video := r.videos[r.random.IntN(len(r.videos))]
	x := explain(replay.Video(video))
	want := r.counts[until][video]
	if shown := x.Video; shown.Counters != want.Counters || shown.Known != want.Known || shown.Deleted != want.Deleted || x.Sum() != want.Counters {
		t.Errorf("%v until %d: shown as %+v, adds up to %+v, a recount gives %+v", video, until, shown, x.Sum(), want)
	}
	moved := replay.Counters{Views: int64(x.Unlisted)}
	for _, e := range x.Events {
		if e.Change != nil {
			moved = moved.Add(*e.Change)
		}
	}
	if moved != want.Counters {
		t.Errorf("%v until %d: changes add up to %+v, a recount gives %+v", video, until, moved, want)
	}
	user := r.users[r.random.IntN(len(r.users))]
	x = explain(replay.User(user))
	contributed := named(live.Retractable([]events.UserID{user}).Counts)
	contributed.Views = views[user]
	if x.User.Counters != contributed || x.Sum() != contributed || x.User.Retracted != live.Users.Retracted(user) {
		t.Errorf("user %v until %d: shown as %+v, adds up to %+v, live %+v", user, until, x.User, x.Sum(), contributed)
	}
	job := r.jobs[r.random.IntN(len(r.jobs))]
	x = explain(replay.Job(job))
	j, created, err := live.Snapshot().Job(job)
	if err != nil || x.Job.Created != created || x.Job.Progress != int(j.Progress) || x.Job.Attempt != int(j.Attempt) {
		t.Errorf("job %v until %d: shown as %+v, live %+v, %v", job, until, x.Job, j, err)
	}
}

func TestLooksEqualRecounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawHistory(t)
		r.checkAt(t)
		r.checkDiff(t)
		r.checkMovers(t)
		r.checkReport(t)
		r.checkExplain(t)
	})
}

// Where identities are forgotten, looks come to what the serving fold has.
func TestLooksEqualTheServingFoldWhereIdentitiesAreForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(rapid.Uint64().Draw(t, "seed"), 20*time.Hour)
		r := &recounted{options: replay.Options{Model: modelConfig()}, random: rand.New(rand.NewPCG(h.Uint64(), 0))}
		r.options.Model.DedupeHorizon, r.options.Model.OutcomeHorizon = 7*24*time.Hour, 24*time.Hour
		r.log = h.grow(rapid.IntRange(1, 60).Draw(t, "messages"))
		r.recount()
		f := projector.NewFold(readmodel.New(r.options.Model), projector.FoldOptions{})
		for i, m := range r.log {
			if err := f.Message(m); err != nil {
				t.Fatal(err)
			}
			for id, c := range r.counts[i+1] {
				slot := countsOf(f.Model(), id)
				c.Counters = named(slot.Counts)
				c.Known, c.Deleted = slot.Known(), slot.Deleted()
				r.counts[i+1][id] = c
			}
		}
		r.checkAt(t)
		r.checkDiff(t)
		r.checkMovers(t)
		r.checkExplain(t)
	})
}
