package replay_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/cmd/tidemark/load"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// realTrace is a cut of a real trace, as record batches of a few events each,
// some of which were sent twice, and its videos.
func realTrace(t testing.TB) (kept, []events.VideoID) {
	t.Helper()
	trace, err := load.ReadTrace("../../cmd/tidemark/load/testdata/kuairand-cut.ndjson", "")
	if err != nil {
		t.Fatal(err)
	}
	var (
		random = rand.New(rand.NewPCG(7, 0))
		reader events.CloudEventReader
		log    kept
		stored = testTime
		videos []events.VideoID
		seen   = map[events.VideoID]bool{}
	)
	for rest := trace.Events; len(rest) > 0; {
		n := min(1+random.IntN(20), len(rest))
		in, err := reader.Read(bytes.Join(rest[:n], []byte("\n")), events.CloudEventLines, events.CloudEventRules{Now: stored})
		if err != nil || len(in.Rejected) > 0 {
			t.Fatalf("read the trace: %v, rejected %v", err, in.Rejected)
		}
		id := batchID(uint64(len(log) + 1))
		entry := events.Entry{Bytes: in.Frames, Events: in.Events}
		stored = stored.Add(time.Duration(random.IntN(9000)) * time.Millisecond)
		log = append(log, eventlog.Message{
			Seq: uint64(len(log) + 1), Stored: stored, BatchID: id.String(), Subject: eventlog.BatchSubject,
			Data: bareBatch(events.BatchHeader{Incarnation: incarnation, ID: id}, entry),
		})
		if random.IntN(20) > 0 { // else the same again
			rest = rest[n:]
		}
	}
	for _, m := range log {
		b, err := events.ReadBatch(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		var e events.Event
		for cursor := b.Cursor(); ; {
			step, err := cursor.Next(&e)
			if step == events.StepEnd {
				break
			}
			if id := videoOf(&e); err == nil && !seen[id] {
				seen[id] = true
				videos = append(videos, id)
			}
		}
	}
	return log, videos
}

// videoOf returns the video of an event of the trace, with which its data begins.
func videoOf(e *events.Event) (id events.VideoID) {
	switch e.Type {
	case events.TypeVideoViewed:
		d, _ := events.Decode[events.VideoViewed](e)
		return d.Video
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		d, _ := events.Decode[events.VideoLike](e)
		return d.Video
	case events.TypeVideoPublished:
		d, _ := events.Decode[events.VideoPublished](e)
		return d.Video
	}
	d, _ := events.Decode[events.VideoItem](e)
	return d.Video
}

// bareBatch makes a record batch of events that stand in one entry's bytes.
func bareBatch(h events.BatchHeader, frames events.Entry) []byte {
	entries := make([]events.Entry, frames.Events)
	for i := range entries {
		entries[i].Events = 1
	}
	entries[0].Bytes = frames.Bytes
	return events.AppendBatch(nil, h, entries)
}

func TestCountsAtAHundredPointsOfARealTrace(t *testing.T) {
	t.Parallel()
	log, videos := realTrace(t)
	random := rand.New(rand.NewPCG(11, 0))
	points := map[uint64]bool{uint64(len(log)): true}
	for len(points) < 100 {
		points[1+uint64(random.IntN(len(log)))] = true
	}
	recount(log, func(s *oracle.State) {
		if !points[s.At] {
			return
		}
		asked := make([]events.VideoID, 30)
		for i := range asked {
			asked[i] = videos[random.IntN(len(videos))]
		}
		point := replay.Point{Seq: s.At}
		if random.IntN(2) == 0 && (s.At == uint64(len(log)) || log[s.At].Stored.After(log[s.At-1].Stored)) {
			point = replay.Point{Time: log[s.At-1].Stored}
		}
		got, err := replay.At(testContext(t), log, point, asked, replay.Options{Model: modelConfig()})
		if err != nil {
			t.Fatal(err)
		}
		if got.Span.Last != s.At {
			t.Errorf("%v: counted up to message %d, want %d", point, got.Span.Last, s.At)
		}
		for i, id := range asked {
			want := named(s.Counts(oracle.ID(id)))
			known := s.Videos[oracle.ID(id)] != nil && s.Videos[oracle.ID(id)].Known
			if c := got.Videos[i]; c.Counters != want || c.Known != known || c.Video != id.String() {
				t.Errorf("%v at %v: %+v, a recount gives %+v, known %v", id, point, c, want, known)
			}
		}
	})
}

func TestExplanationsOfARealTraceAddUp(t *testing.T) {
	t.Parallel()
	log, videos := realTrace(t)
	live, count := foldWhole(t, modelConfig(), log), recount(log, nil)
	random := rand.New(rand.NewPCG(12, 0))
	for range 100 {
		id := videos[random.IntN(len(videos))]
		x := explain(t, log, replay.Video(id), modelConfig())
		checkVideo(t, x, live, 0)
		if want := named(count.Counts(oracle.ID(id))); x.Sum() != want {
			t.Errorf("%v: events add up to %+v, a recount gives %+v", id, x.Sum(), want)
		}
	}
}
