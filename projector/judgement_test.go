package projector

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// videoOf is the video that an event with a counter of its own is about.
func videoOf(t fatal, e *events.Event) events.VideoID {
	if like, err := events.Decode[events.VideoLike](e); err == nil {
		return like.Video // a view has the same members
	}
	item, err := events.Decode[events.VideoItem](e)
	if err != nil {
		t.Fatalf("event %d of %v: %v", e.Index, e.Type, err)
	}
	return item.Video
}

// addUp adds to sums what a judgement says of its message.
func addUp(t fatal, sums map[events.VideoID]readmodel.Counts, m *eventlog.Message, j *Judgement) {
	add := func(video events.VideoID, delta readmodel.Counts) {
		sum := sums[video]
		for c := range sum {
			sum[c] += delta[c]
		}
		sums[video] = sum
	}
	for _, c := range j.Changes {
		add(c.Video, c.Counts)
	}
	batch, err := events.ReadBatch(m.Data)
	if err != nil {
		return
	}
	var e events.Event
	for cursor := batch.Cursor(); ; {
		step, _ := cursor.Next(&e)
		if step == events.StepEnd {
			return
		}
		if step != events.StepEvent || int(e.Index) >= len(j.Verdicts) || j.Verdicts[e.Index].Delta == 0 {
			continue
		}
		counter, ok := CounterOf(e.Type)
		if !ok {
			t.Fatalf("message %d: event %d of %v has a delta", m.Seq, e.Index, e.Type)
		}
		var delta readmodel.Counts
		delta[counter] = int64(j.Verdicts[e.Index].Delta)
		add(videoOf(t, &e), delta)
	}
}

// What the judgements of a log say adds up to the counters, every event has its
// verdict, and being asked for them changes nothing.
func TestJudgementsAddUpToTheCounters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := messagesOf(drawLog(t, 1, 60))
		plain := newFold()
		foldAll(t, plain, log)
		sums := map[events.VideoID]readmodel.Counts{}
		var at *eventlog.Message
		judged := NewFold(readmodel.New(testModelConfig()), FoldOptions{Judge: func(j *Judgement) {
			var read Judgement
			if err := read.Parse(j.AppendTo(nil)); err != nil {
				t.Fatalf("message %d: %v", j.Seq, err)
			}
			if batch, err := events.ReadBatch(at.Data); err == nil && len(read.Verdicts) != batch.Events && len(read.Reasons) == 0 {
				t.Fatalf("message %d: %d verdicts on %d events", j.Seq, len(read.Verdicts), batch.Events)
			}
			addUp(t, sums, at, &read)
		}})
		for i := range log {
			at = &log[i]
			foldAll(t, judged, log[i:i+1])
		}
		if got, want := judged.model.Digest(), plain.model.Digest(); got != want {
			t.Fatalf("judged %v, plain %v", got, want)
		}
		for video, sum := range sums {
			var slot readmodel.Slot
			if number, ok := plain.model.Videos.Find(video); ok {
				plain.model.Videos.Read(number, &slot)
			}
			if slot.Counts != sum {
				t.Fatalf("video %v: judgements add up to %v, it counts %v", video, sum, slot.Counts)
			}
		}
		for number := range plain.model.Videos.Len() {
			var slot readmodel.Slot
			plain.model.Videos.Read(uint32(number), &slot)
			if sum := sums[plain.model.Videos.ID(uint32(number))]; slot.Counts != sum {
				t.Fatalf("video %d counts %v, judgements add up to %v", number, slot.Counts, sum)
			}
		}
	})
}

func FuzzJudgement(f *testing.F) {
	j := Judgement{Seq: 7, Verdicts: []Verdict{{readmodel.Applied, 1}, {readmodel.Poisoned, 0}}, Reasons: []PoisonReason{{1, "why"}}}
	f.Add(j.AppendTo(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var read Judgement
		if read.Parse(data) != nil {
			return
		}
		var again Judgement
		if err := again.Parse(read.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
	})
}

// A judge that panics stops the fold, and not the process: the message was folded and
// is shown, and nothing of the model stays locked.
func TestAJudgeThatPanicsStopsTheFold(t *testing.T) {
	f := NewFold(readmodel.New(testModelConfig()), FoldOptions{Judge: func(*Judgement) { panic("the judge's own fault") }})
	err := f.message(decode(ownMessage(1, testTime, bare(t, testTime, "video.viewed v1")...)))
	if err == nil || !strings.Contains(err.Error(), "the judge's own fault") {
		t.Fatal(err)
	}
	if at := f.Model().Snapshot().At.Seq; at != 1 {
		t.Errorf("the model shows message %d", at)
	}
	seen := 0
	f.Model().Trending.Scores(readmodel.ByViews, 0, testTime, func(uint32, int32) { seen++ })
	if seen != 1 {
		t.Errorf("%d videos are trending", seen)
	}
}
