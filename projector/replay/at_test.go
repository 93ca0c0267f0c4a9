package replay_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/replay"
)

func TestCountsBetweenTwoPoints(t *testing.T) {
	for seed := range uint64(10) {
		log := newHistory(seed, 10*time.Minute).grow(60)
		random := rand.New(rand.NewPCG(seed, 1))
		from := 1 + uint64(random.IntN(len(log)))
		to := from + uint64(random.IntN(len(log)-int(from)+1))
		var ids []events.VideoID
		for n := range 5 { // the last is never seen
			ids = append(ids, numbered[events.VideoID]('v', n))
		}
		got, err := replay.Diff(testContext(t), log, replay.Point{Seq: from}, replay.Point{Seq: to}, ids, replay.Options{Model: modelConfig()})
		if err != nil {
			t.Fatal(err)
		}
		before, after := recount(log[:from], nil), recount(log[:to], nil)
		for i, id := range ids {
			b, a := named(before.Counts(oracle.ID(id))), named(after.Counts(oracle.ID(id)))
			if v := got.Videos[i]; v.Before.Counters != b || v.After.Counters != a || v.Change != a.Sub(b) {
				t.Errorf("seed %d, %d to %d, %v: %+v, a recount gives %+v and %+v", seed, from, to, id, v, b, a)
			}
		}
	}
	log := newHistory(1, time.Minute).grow(5)
	_, err := replay.Diff(testContext(t), log, replay.Point{Seq: 3}, replay.Point{Seq: 2}, nil, replay.Options{Model: modelConfig()})
	if !errors.Is(err, replay.ErrOrder) {
		t.Errorf("points in the wrong order: %v", err)
	}
	if _, err := replay.At(testContext(t), log[2:], replay.Point{}, nil, replay.Options{Model: modelConfig()}); !errors.Is(err, replay.ErrGap) {
		t.Errorf("a log without its beginning: %v", err)
	}
}

func TestTopMoversOfARealTrace(t *testing.T) {
	log, videos := realTrace(t)
	from, to := uint64(len(log)/3), uint64(len(log))
	got, err := replay.Movers(testContext(t), log, replay.Point{Seq: from}, replay.Point{Seq: to}, events.Views, 10, replay.Options{Model: modelConfig()})
	if err != nil {
		t.Fatal(err)
	}
	before, after := recount(log[:from], nil), recount(log[:to], nil)
	var moves []int64
	for _, id := range videos {
		if m := after.Counts(oracle.ID(id))[0] - before.Counts(oracle.ID(id))[0]; m != 0 {
			moves = append(moves, m)
		}
	}
	slices.SortFunc(moves, func(a, b int64) int { return cmp.Compare(b, a) })
	if got.Total != len(moves) || len(got.Videos) != 10 {
		t.Fatalf("%d videos moved and %d are listed, a recount gives %d", got.Total, len(got.Videos), len(moves))
	}
	for i, v := range got.Videos {
		var id events.VideoID
		events.ParseUUID((*[16]byte)(&id), v.Video)
		b, a := named(before.Counts(oracle.ID(id))), named(after.Counts(oracle.ID(id)))
		if v.Before.Counters != b || v.After.Counters != a || v.Change.Views != moves[i] {
			t.Errorf("mover %d: %+v, a recount gives %+v and %+v, moved %d", i, v, b, a, moves[i])
		}
	}
}

// without returns the log as if some users had done nothing.
func without(log kept, users map[events.UserID]bool) kept {
	var rest kept
	for _, m := range log {
		s := oracle.Read(incarnation, m.Subject, m.Subject, m.Seq, m.Stored, m.Data)
		if s.Unreadable {
			rest = append(rest, m)
			continue
		}
		b, _ := events.ReadBatch(m.Data)
		var entries []events.Entry
		var e events.Event
		for cursor := b.Cursor(); ; {
			step, _ := cursor.Next(&e)
			if step == events.StepEnd {
				break
			}
			if by := doneBy(&e); !users[by] || by.IsZero() {
				entries = append(entries, events.Entry{Bytes: e.Raw, Events: 1})
			}
		}
		m.Data = events.AppendBatch(nil, b.BatchHeader, entries)
		rest = append(rest, m)
	}
	return rest
}

// doneBy is who did what the events of trace and history say.
func doneBy(e *events.Event) events.UserID {
	switch e.Type {
	case events.TypeVideoViewed:
		d, _ := events.Decode[events.VideoViewed](e)
		return d.User
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		d, _ := events.Decode[events.VideoLike](e)
		return d.User
	case events.TypeVideoPublished:
		d, _ := events.Decode[events.VideoPublished](e)
		return d.Author
	}
	d, _ := events.Decode[events.VideoItem](e)
	return d.Author
}

func TestReportWithoutUsersEqualsALogWithoutThem(t *testing.T) {
	log, videos := realTrace(t)
	var list strings.Builder
	list.WriteString("# spam\n\n")
	users := map[events.UserID]bool{}
	for _, m := range log[:60] {
		b, _ := events.ReadBatch(m.Data)
		var e events.Event
		if cursor := b.Cursor(); len(users) < 40 {
			if _, err := cursor.Next(&e); err == nil && !doneBy(&e).IsZero() {
				users[doneBy(&e)] = true
				list.WriteString(doneBy(&e).String() + " # seen\n")
			}
		}
	}
	read, err := replay.ReadUsers(strings.NewReader(list.String()))
	if err != nil || len(read) != len(users) {
		t.Fatalf("read %d of %d users: %v", len(read), len(users), err)
	}
	got, err := replay.Report(testContext(t), log, replay.ReportRequest{ExcludeUsers: read, Limit: 1 << 20}, replay.Options{Model: modelConfig()})
	if err != nil {
		t.Fatal(err)
	}
	if got.Excluded == 0 || got.Differing == 0 || got.Differing != len(got.Differences) {
		t.Fatalf("left out %d events, %d videos differ, %d are listed", got.Excluded, got.Differing, len(got.Differences))
	}
	all, rest := recount(log, nil), recount(without(log, users), nil)
	differs := map[string]replay.Moved{}
	for _, m := range got.Differences {
		differs[m.Video] = m
	}
	for _, id := range videos {
		b, a := named(all.Counts(oracle.ID(id))), named(rest.Counts(oracle.ID(id)))
		m, listed := differs[id.String()]
		if listed && (m.Before.Counters != b || m.After.Counters != a) || !listed && a != b {
			t.Errorf("%v: %+v, a recount gives %+v and %+v", id, m, b, a)
		}
	}
	one := replay.ReportRequest{ExcludeUsers: read, Only: []replay.Entity{replay.Video(videos[0])}}
	narrow, err := replay.Report(testContext(t), log, one, replay.Options{Model: modelConfig()})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range narrow.Differences {
		if m.Video == videos[0].String() && m != differs[m.Video] {
			t.Errorf("alone it differs by %+v, among all by %+v", m, differs[m.Video])
		}
	}
}
