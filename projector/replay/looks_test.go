package replay_test

import (
	"errors"
	"testing"

	"github.com/tidemark-io/tidemark/events"
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
