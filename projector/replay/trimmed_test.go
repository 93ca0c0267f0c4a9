package replay_test

import (
	"errors"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// TestPointsThatWereTrimmedAreRefused: the snapshot of the last message that was
// trimmed stands for that message, and for none before it.
func TestPointsThatWereTrimmedAreRefused(t *testing.T) {
	s := newService(t, func(s *service) { s.snapshots = 5 })
	s.say(3)
	info := s.snapshot()
	s.say(1)
	s.end()
	whole := mustRead(t, s.source)
	s.stop()
	s.source = kept(whole[info.Seq:])
	s.start()
	ids := []events.VideoID{numbered[events.VideoID]('v', 0)}
	for _, at := range []replay.Point{{Seq: 2}, {Seq: info.Seq - 1}, {Time: whole[1].Stored}, {Time: whole[0].Stored.Add(-1)}} {
		if ended := s.run(s.runs.StartAt(testContext(t), replay.Order{}, replay.AtRequest{At: at, Videos: ids})); !errors.Is(ended.Err(), replay.ErrGap) {
			t.Errorf("at %v: %v, %+v", at, ended.Err(), ended.Result)
		}
		if ended := s.run(s.runs.StartDiff(testContext(t), replay.Order{}, replay.DiffRequest{From: at, Top: 3})); !errors.Is(ended.Err(), replay.ErrGap) {
			t.Errorf("from %v: %v, %+v", at, ended.Err(), ended.Result)
		}
	}
	for _, at := range []replay.Point{{Seq: info.Seq}, {Time: whole[info.Seq-1].Stored}, {Seq: info.Seq + 1}, {}} {
		s.done(s.runs.StartAt(testContext(t), replay.Order{}, replay.AtRequest{At: at, Videos: ids}))
	}
}
