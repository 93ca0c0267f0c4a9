package replay_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// ended waits for a run and returns its result.
func ended[T any](s *service, id replay.RunID, err error) *T {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	run, err := s.runs.Wait(testContext(s.t), id)
	if err != nil || run.State != replay.StateDone {
		s.t.Fatalf("%+v, %v", run, err)
	}
	found, ok := run.Result.(*T)
	if !ok {
		s.t.Fatalf("the result is a %T", run.Result)
	}
	return found
}

func TestRunsThatLookBack(t *testing.T) {
	s := newService(t)
	publish(t, s.log, view(1), view(1), view(2), view(1))
	if err := s.p.WaitFor(testContext(t), events.Position{Seq: 4}); err != nil {
		t.Fatal(err)
	}
	ctx, one := testContext(t), numbered[events.VideoID]('v', 1)
	id, err := s.runs.StartExplain(ctx, replay.Order{}, replay.ExplainRequest{Entity: replay.Video(one)})
	if x := ended[replay.Explanation](s, id, err); x.Video.Views != 3 || len(x.Events) != 3 || x.Span.Last != 4 {
		t.Errorf("explained as %+v", x)
	}
	id, err = s.runs.StartAt(ctx, replay.Order{}, replay.AtRequest{At: replay.Point{Seq: 2}, Videos: []events.VideoID{one}})
	if c := ended[replay.CountsAt](s, id, err); c.Videos[0].Views != 2 || c.Span.Last != 2 {
		t.Errorf("counted %+v", c)
	}
	id, err = s.runs.StartDiff(ctx, replay.Order{}, replay.DiffRequest{From: replay.Point{Seq: 1}, Videos: []events.VideoID{one}})
	if c := ended[replay.CountsBetween](s, id, err); c.Videos[0].Change.Views != 2 {
		t.Errorf("moved %+v", c)
	}
	id, err = s.runs.StartDiff(ctx, replay.Order{}, replay.DiffRequest{From: replay.Point{Seq: 1}, Top: 5})
	if c := ended[replay.MostMoved](s, id, err); c.Total != 2 || c.Videos[0].Video != one.String() {
		t.Errorf("moved most %+v", c)
	}
	id, err = s.runs.StartReport(ctx, replay.Order{}, replay.ReportRequest{Until: replay.Point{Seq: 3}})
	if r := ended[replay.Reported](s, id, err); r.Totals.Views != 3 || r.Videos != 2 {
		t.Errorf("reported %+v", r)
	}
	id, err = s.runs.StartAt(ctx, replay.Order{}, replay.AtRequest{At: replay.Point{Seq: 9}})
	if err != nil {
		t.Fatal(err)
	}
	if run, err := s.runs.Wait(testContext(t), id); err != nil || run.State != replay.StateFailed || !errors.Is(run.Err(), replay.ErrBeyond) {
		t.Errorf("behind the end: %+v, %v", run, err)
	}
}

// TestLooksAreRefusedWhereMemoryDoesNotSuffice for what they fold; what bears on some
// videos is folded all the same, and without the snapshot that would be shorter.
func TestLooksAreRefusedWhereMemoryDoesNotSuffice(t *testing.T) {
	s := newService(t, func(s *service) { s.snapshots, s.free = 3, 1<<20 })
	s.say(4)
	if err := s.p.WaitFor(testContext(t), events.Position{Seq: 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.p.Checkpoint(testContext(t), 20); err != nil { // and so a snapshot
		t.Fatal(err)
	}
	ctx, video := testContext(t), numbered[events.VideoID]('v', 1)
	excluded := map[events.UserID]bool{numbered[events.UserID]('u', 1): true}
	_, movers := s.runs.StartDiff(ctx, replay.Order{}, replay.DiffRequest{From: replay.Point{Seq: 1}, Top: 5})
	_, all := s.runs.StartReport(ctx, replay.Order{}, replay.ReportRequest{})
	_, without := s.runs.StartReport(ctx, replay.Order{}, replay.ReportRequest{ExcludeUsers: excluded})
	offline := replay.Options{Model: s.p.ModelConfig(), Memory: replay.NewMemory(replay.MemoryConfig{Model: 1 << 60})}
	_, movedOffline := replay.Movers(ctx, s.source, replay.Point{Seq: 1}, replay.Point{}, events.Views, 5, offline)
	_, withoutOffline := replay.Report(ctx, s.source, replay.ReportRequest{ExcludeUsers: excluded}, offline)
	for says, err := range map[string]error{
		"a read model that is folded for it: it may take ": movers, "the test leaves 1 MiB: narrow it down (--only video:ID), fold on disk (--on-disk)": all,
		"2 read models that are folded for it": without, "name the videos": movedOffline, "narrow it down": withoutOffline,
	} {
		if !errors.Is(err, replay.ErrMemory) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
	id, err := s.runs.StartAt(ctx, replay.Order{}, replay.AtRequest{At: replay.Point{}, Videos: []events.VideoID{video}})
	if c := ended[replay.CountsAt](s, id, err); c.Videos[0].Views != 2 || c.Span.Snapshot != 0 {
		t.Errorf("counted %+v", c)
	}
	id, err = s.runs.StartReport(ctx, replay.Order{}, replay.ReportRequest{Only: []replay.Entity{replay.Video(video)}, ExcludeUsers: excluded})
	if r := ended[replay.Reported](s, id, err); r.Excluded == 0 {
		t.Errorf("reported %+v", r)
	}
}

// TestAnExplanationThatOutgrowsMemoryIsRefused: a video may have more likes than there is
// memory to tell of, and the service must outlive the question.
func TestAnExplanationThatOutgrowsMemoryIsRefused(t *testing.T) {
	t.Parallel()
	const messages, liked = 40, 1000 // as many as a record batch holds
	video := numbered[events.VideoID]('v', 1)
	var log kept
	for seq := range uint64(messages) {
		likes := events.Entry{Events: liked}
		for n := range liked {
			d := events.VideoLike{Video: video, User: numbered[events.UserID]('u', int(seq)*liked+n)}
			likes.Bytes = events.AppendEvent(likes.Bytes, events.Meta{Type: events.TypeVideoLiked, Time: events.TimeOf(testTime)}, d)
		}
		h := events.BatchHeader{Incarnation: incarnation, ID: batchID(seq + 1)}
		log = append(log, eventlog.Message{Seq: seq + 1, Stored: testTime, BatchID: h.ID.String(), Subject: eventlog.BatchSubject, Data: bareBatch(h, likes)})
	}
	for free, refused := range map[uint64]bool{1 << 20: true, 1 << 30: false} {
		memory := replay.NewMemory(replay.MemoryConfig{Free: func() (uint64, string) { return free, "the test" }})
		x, err := replay.Explain(testContext(t), log, replay.ExplainRequest{Entity: replay.Video(video)}, replay.Options{Model: modelConfig(), Memory: memory})
		switch {
		case refused && (!errors.Is(err, replay.ErrMemory) || !strings.Contains(err.Error(), "for all that bears on what is asked about") || !strings.Contains(err.Error(), "ask about less")):
			t.Errorf("with %d bytes: %v", free, err)
		case !refused && (err != nil || x.Video.Likes != messages*liked || x.Sum() != x.Video.Counters):
			t.Errorf("with %d bytes: %v", free, err)
		}
		if memory.Held() != 0 {
			t.Errorf("with %d bytes: %d are held", free, memory.Held())
		}
	}
}
