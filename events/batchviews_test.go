package events

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// TestViewsReadWhatNextReads walks the same record batch twice: by Views where
// that takes something, and by Next alone.
func TestViewsReadWhatNextReads(t *testing.T) {
	const latest = Time(1000)
	rapid.Check(t, func(t *rapid.T) {
		var entries []Entry
		for range rapid.IntRange(0, 30).Draw(t, "entries") {
			m := Meta{Type: TypeVideoViewed, Time: rapid.SampledFrom([]Time{0, 999, 1000, 1001, MaxTime + 1, MinTime - 1}).Draw(t, "time"), Arrival: rapid.Bool().Draw(t, "arrival")}
			var d Data = VideoViewed{Video: VideoID{byte(rapid.IntRange(0, 9).Draw(t, "video"))}}
			var raw []byte
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				m.Source, m.ID = []byte("s"), []byte("i")
			case 1:
				m.Type, d = TypeVideoLiked, VideoLike{}
			case 2:
				raw = AppendEvent(AppendCommand(nil, Command{Kind: RecordView, Events: 1}), m, d)
			case 3:
				d = VideoPublished{} // as long as a view
				m.Type = TypeVideoPublished
			case 4:
				raw = AppendEvent(nil, m, d)
				raw[1+rapid.IntRange(0, 1).Draw(t, "where")] |= 4 // another layout, or a flag that nobody knows
			case 5:
				raw = closeFrame(append(AppendEvent(nil, m, d), 0), 0) // too long
			}
			if raw == nil {
				raw = AppendEvent(nil, m, d)
			}
			entries = append(entries, Entry{Bytes: raw, Events: 1})
		}
		batch, err := ReadBatch(AppendBatch(nil, BatchHeader{}, entries))
		if err != nil {
			t.Fatal(err)
		}
		var e, same Event
		views := make([]View, rapid.IntRange(1, 5).Draw(t, "at once"))
		fast, slow := batch.Cursor(), batch.Cursor()
		for {
			n := fast.Views(views, latest)
			for _, v := range views[:n] {
				step, err := slow.Next(&e)
				d, dataErr := Decode[VideoViewed](&e)
				if err := errors.Join(err, dataErr); step != StepEvent || err != nil || slow.Command != nil {
					t.Fatalf("step %d, %v: taken for a view", step, err)
				}
				if want := (View{d.Video, min(e.Time, latest), e.Index}); e.Type != TypeVideoViewed || e.HasIdentity() || v != want || !e.Arrival && e.Time > latest {
					t.Fatalf("%+v, want %+v of %+v", v, want, e)
				}
			}
			step, err := fast.Next(&same)
			wantStep, wantErr := slow.Next(&e)
			if step == StepEvent && same.Index != e.Index || step != wantStep || (err == nil) != (wantErr == nil) || (fast.Command == nil) != (slow.Command == nil) {
				t.Fatalf("step %d of index %d, %v; want %d of %d, %v", step, same.Index, err, wantStep, e.Index, wantErr)
			}
			if step == StepEnd {
				return
			}
			if n == 0 && step == StepEvent && err == nil && fast.Command == nil && same.Type == TypeVideoViewed && !same.HasIdentity() &&
				len(same.data) == 32 && (same.Arrival || same.Time <= latest) {
				t.Fatalf("not taken for a view: %+v", same)
			}
		}
	})
}
