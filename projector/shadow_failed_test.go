package projector

import (
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// TestAShadowThatFailedWithinAMessageIsNotWritten: its tables hold half of the message,
// so that a checkpoint of it would lose the other half for whoever goes on with it.
func TestAShadowThatFailedWithinAMessageIsNotWritten(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 40)
	s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{}))
	w.catchUp(s, 10)
	_, err := s.Save()
	w.must(err)

	s.e.fold = NewFold(s.e.model, FoldOptions{Only: func(*events.Event) bool {
		if at := s.At(); at.Seq > 20 && at.Index > 0 { // an event of the message has been folded
			panic("a disk that cannot be read")
		}
		return true
	}})
	if err := s.CatchUp(testContext(t), w.read, w.end(), func(uint64, int) error { return nil }); err == nil {
		t.Fatal("no message failed: the test shows nothing")
	}
	failed := s.At()
	w.must(s.Close())

	s = w.begun(w.p.ResumeShadow(testContext(t), ShadowOptions{Read: w.read}))
	if s.At().Seq >= failed.Seq {
		t.Errorf("it goes on at %v, and failed at %v", s.At(), failed)
	}
	if !w.compare(s) {
		t.Error("another digest than the serving model's")
	}
	w.must(s.Discard())
}
