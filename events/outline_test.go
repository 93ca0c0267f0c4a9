package events

import (
	"bytes"
	"testing"
)

// mustOutline holds an outline against the cursor: of every event that the cursor
// can read it tells the same.
func mustOutline(t *testing.T, batch *Batch) {
	t.Helper()
	outline, cursor := batch.Outline(), batch.Cursor()
	var g Glimpse
	var e Event
	for {
		step, err := cursor.Next(&e)
		if step == StepCommand {
			continue
		}
		if more := outline.Next(&g); more != (step == StepEvent) {
			t.Fatalf("more: %t behind event %d, the cursor is at step %d", more, g.Index, step)
		}
		if step == StepEnd {
			return
		}
		if g.Index != e.Index || g.Type != 0 && g.Type != e.Type {
			t.Fatalf("event %d of %v, want %d of %v", g.Index, g.Type, e.Index, e.Type)
		}
		if err != nil {
			continue
		}
		if g.Type == 0 || g.Time != e.Time || !bytes.Equal(g.Source, e.Source) || !bytes.Equal(g.ID, e.ID) {
			t.Fatalf("%+v, want %+v", g, e)
		}
		mustSee(t, &g, &e)
	}
}

// mustSee compares what the event is about.
func mustSee(t *testing.T, g *Glimpse, e *Event) {
	t.Helper()
	same := func(what string, got []byte, want [16]byte, err error) {
		if err == nil && !bytes.Equal(got, want[:]) {
			t.Fatalf("%s of %v is %x, want %x", what, e.Type, got, want)
		}
	}
	switch e.Type {
	case TypeVideoPublished:
		d, err := Decode[VideoPublished](e)
		same("video", g.Video(), d.Video, err)
	case TypeVideoViewed:
		d, err := Decode[VideoViewed](e)
		same("video", g.Video(), d.Video, err)
	case TypeVideoLiked, TypeVideoUnliked:
		d, err := Decode[VideoLike](e)
		same("video", g.Video(), d.Video, err)
		same("liker", g.Liker(), d.User, err)
	case TypeVideoDeleted, TypeVideoRestored:
		d, err := Decode[VideoVisibility](e)
		same("video", g.Video(), d.Video, err)
	case TypeCounterBaseline:
		d, err := Decode[CounterBaseline](e)
		same("video", g.Video(), d.Video, err)
	default:
		if e.Type >= TypeCommentCreated && e.Type <= TypeGlitchDeleted {
			d, err := Decode[VideoItem](e)
			same("video", g.Video(), d.Video, err)
			same("item", g.Item(), d.Item, err)
			return
		} else if g.Video() != nil || g.Liker() != nil {
			t.Fatalf("%v is about no video", e.Type)
		}
	}
	if g.Item() != nil {
		t.Fatalf("%v is about no item", e.Type)
	}
}
