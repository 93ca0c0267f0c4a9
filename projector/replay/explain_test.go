package replay_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// foldWhole folds a log as the live fold does.
func foldWhole(t testing.TB, cfg readmodel.Config, log kept) *readmodel.Model {
	t.Helper()
	f := projector.NewFold(readmodel.New(cfg), projector.FoldOptions{})
	for _, m := range log {
		if err := f.Message(m); err != nil {
			t.Fatal(err)
		}
	}
	return f.Model()
}

func countsOf(m *readmodel.Model, id events.VideoID) (slot readmodel.Slot) {
	if number, ok := m.Videos.Find(id); ok {
		m.Videos.Read(number, &slot)
	}
	return slot
}

func named(c [5]int64) replay.Counters {
	return replay.Counters{Views: c[0], Likes: c[1], Comments: c[2], Remixes: c[3], Glitches: c[4]}
}

func explain(t testing.TB, s replay.Source, e replay.Entity, cfg readmodel.Config) *replay.Explanation {
	t.Helper()
	x, err := replay.Explain(testContext(t), s, replay.ExplainRequest{Entity: e, Views: new(3)}, replay.Options{Model: cfg})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// checkVideo holds an explanation against what the live fold shows.
func checkVideo(t *testing.T, x *replay.Explanation, live *readmodel.Model, seed uint64) {
	t.Helper()
	slot := countsOf(live, x.Entity.ID)
	want := replay.VideoShown{Counters: named(slot.Counts), Known: slot.Known(), Deleted: slot.Deleted()}
	got := *x.Video
	got.DeletedBy = nil
	if got != want {
		t.Errorf("seed %d, %v: shown as %+v, live %+v", seed, x.Entity, got, want)
	}
	if sum := x.Sum(); sum != want.Counters {
		t.Errorf("seed %d, %v: events add up to %+v, shown is %+v", seed, x.Entity, sum, want.Counters)
	}
	moved := replay.Counters{Views: int64(x.Unlisted)}
	for _, e := range x.Events {
		if e.Change != nil {
			moved = moved.Add(*e.Change)
		}
		if e.Counted == (e.Why != "") {
			t.Errorf("seed %d, %v: event %v counts %v and does not because %q", seed, x.Entity, e.Position, e.Counted, e.Why)
		}
	}
	if moved != want.Counters {
		t.Errorf("seed %d, %v: changes add up to %+v, shown is %+v", seed, x.Entity, moved, want.Counters)
	}
	if want.Deleted && x.Video.DeletedBy == nil {
		t.Errorf("seed %d, %v: nothing says what deleted it", seed, x.Entity)
	}
}

func TestExplanationsOfVideosAddUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		h := newHistory(seed, 10*time.Minute)
		log := h.grow(60)
		live, count := foldWhole(t, modelConfig(), log), recount(log, nil)
		for n := range 4 {
			id := numbered[events.VideoID]('v', n)
			x := explain(t, log, replay.Video(id), modelConfig())
			checkVideo(t, x, live, seed)
			if counts := named(count.Counts(oracle.ID(id))); x.Sum() != counts {
				t.Errorf("seed %d, %v: events add up to %+v, a recount gives %+v", seed, x.Entity, x.Sum(), counts)
			}
		}
	}
}

// TestExplanationsAddUpWhereIdentitiesAreForgotten: what kept a bucket of
// identities alive may be about anything.
func TestExplanationsAddUpWhereIdentitiesAreForgotten(t *testing.T) {
	t.Parallel()
	cfg := modelConfig()
	cfg.DedupeHorizon, cfg.OutcomeHorizon = 7*24*time.Hour, 24*time.Hour
	for seed := range uint64(4) {
		log := newHistory(seed, 20*time.Hour).grow(120)
		live := foldWhole(t, cfg, log)
		for n := range 4 {
			checkVideo(t, explain(t, log, replay.Video(numbered[events.VideoID]('v', n)), cfg), live, seed)
		}
	}
}

// TestExplanationsSayWhatTheFoldThatServesFound: of the few events that are folded for
// an explanation comes what came of them among all.
func TestExplanationsSayWhatTheFoldThatServesFound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		log := newHistory(seed, 10*time.Minute).grow(60)
		found := map[events.Position]string{}
		model := readmodel.New(modelConfig())
		f := projector.NewFold(model, projector.FoldOptions{Observe: func(e *events.Event, effect readmodel.Effect, _ error) {
			found[events.Position{Seq: model.At().Seq, Index: e.Index}] = effect.String()
		}})
		for _, m := range log {
			if err := f.Message(m); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 5 {
			for _, e := range []replay.Entity{replay.Video(numbered[events.VideoID]('v', n)), replay.User(numbered[events.UserID]('u', n)), replay.Job(numbered[events.JobID]('j', n))} {
				for _, x := range explain(t, log, e, modelConfig()).Events {
					if x.Effect != found[x.Position] {
						t.Errorf("seed %d, %v: %s at %v is said to be %s, and was %s", seed, e, x.Type, x.Position, x.Effect, found[x.Position])
					}
				}
			}
		}
	}
}

func TestExplanationsOfUsersAddUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		log := newHistory(seed, 10*time.Minute).grow(60)
		live := foldWhole(t, modelConfig(), log)
		for n := range 5 {
			user := numbered[events.UserID]('u', n)
			x := explain(t, log, replay.User(user), modelConfig())
			unread, err := live.Snapshot().UnreadCount(user)
			if err != nil {
				t.Fatal(err)
			}
			want := replay.UserShown{
				Counters: named(live.Retractable([]events.UserID{user}).Counts), Blocked: live.Users.Blocked(user),
				Retracted: live.Users.Retracted(user), Unread: unread,
			}
			want.Views = x.User.Views
			if *x.User != want {
				t.Errorf("seed %d, %v: shown as %+v, live %+v", seed, x.Entity, *x.User, want)
			}
			if x.Sum() != want.Counters {
				t.Errorf("seed %d, %v: events add up to %+v, live %+v", seed, x.Entity, x.Sum(), want.Counters)
			}
		}
	}
}

func TestExplanationsOfJobsShowWhatIsLive(t *testing.T) {
	for seed := range uint64(12) {
		log := newHistory(seed, 10*time.Minute).grow(60)
		live := foldWhole(t, modelConfig(), log)
		for n := range 3 {
			id := numbered[events.JobID]('j', n)
			x := explain(t, log, replay.Job(id), modelConfig())
			j, created, err := live.Snapshot().Job(id)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintln(x.Job.Created, x.Job.Status, x.Job.Progress, x.Job.Attempt)
			if want := fmt.Sprintln(created, j.Status.String(), j.Progress, j.Attempt); got != want {
				t.Errorf("seed %d, %v: shown as %s, live %s", seed, x.Entity, got, want)
			}
		}
	}
}

// TestNoViewsAreListedWhereNoneAreWanted.
func TestNoViewsAreListedWhereNoneAreWanted(t *testing.T) {
	l := openLog(t, "")
	for range 3 {
		publish(t, l, view(1))
	}
	q := replay.ExplainRequest{Entity: replay.Video(numbered[events.VideoID]('v', 1)), Views: new(0)}
	x, err := replay.Explain(testContext(t), replay.FromLog(l), q, replay.Options{Model: readmodel.Config{Incarnation: l.Incarnation(), DedupeHorizon: time.Hour, OutcomeHorizon: time.Hour}})
	if err != nil || x.Unlisted != 3 || len(x.Events) != 0 {
		t.Errorf("%+v, %v", x, err)
	}
}
