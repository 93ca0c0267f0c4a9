package projector

import "testing"

// What a judgement says of its fold stays the same while models that are equal take
// each other's place, also over a crash, and changes where one does that differs.
func TestJudgementsTellWhichFoldJudged(t *testing.T) {
	w := newWorld(t)
	var last FoldID
	w.judge = func(j *Judgement) { last = j.Fold }
	w.openLog("log")
	w.start()
	at := 0
	judged := func(when string, want FoldID) {
		t.Helper()
		w.commits(at, 3)
		at += 3
		w.equal(when)
		if got := w.p.Judges(); got != want || last != want {
			t.Errorf("%s: judged by %+v, %+v judges, want %+v", when, last, got, want)
		}
	}
	succeed := func(s *Shadow, err error, equal bool) uint32 {
		t.Helper()
		w.must(err)
		if !w.compare(s) {
			t.Error("another digest")
		}
		w.must(s.Succeeds(equal))
		return w.switchTo(s).Generation
	}
	first := CurrentFold()
	judged("first", first)
	s, err := w.p.NewShadow(testContext(t), nil, ShadowOptions{})
	succeed(s, err, true)
	judged("an equal one", first)
	s, err = w.p.NewShadow(testContext(t), nil, ShadowOptions{})
	other := FoldID{Version: foldVersion, Epoch: succeed(s, err, false)}
	judged("one that differed", other)
	w.crash()
	w.start()
	w.equal("after the crash")
	judged("after the crash", other)
	s, err = w.p.PreviousShadow(testContext(t), ShadowOptions{Read: w.read})
	succeed(s, err, true)
	judged("the one before, by now equal", other)
	s, err = w.p.PreviousShadow(testContext(t), ShadowOptions{Read: w.read})
	back := succeed(s, err, false)
	judged("back to one that differed", FoldID{Version: foldVersion, Epoch: back})
}
