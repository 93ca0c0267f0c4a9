package crash

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestKillUnderLoad kills the process at random moments, under load and while
// it starts, and starts it again on what is left. In half of the cycles
// checkpoints are written all the time, so that many kills hit one.
func TestKillUnderLoad(t *testing.T) {
	cycles := setting(t, "CRASH_KILLS", 30)
	n := seed(t)
	rng := rand.New(rand.NewPCG(n, 99))
	s := newSite(t, filepath.Join(t.TempDir(), "data"))
	w := newWorkload(t, s, n)
	early := 0
	for cycle := range cycles {
		s.start(checkpoints(cycle))
		w.settle()
		w.repeat()
		running := w.begin()
		if !pause(s, time.Duration(50+rng.IntN(1450))*time.Millisecond) {
			t.Fatal(s.Ended("by itself"))
		}
		s.Kill()
		running.end()
		if cycle%3 == 2 {
			early++
			s.launch(checkpoints(cycle))
			if !pause(s, time.Duration(5+rng.IntN(245))*time.Millisecond) {
				t.Fatal(s.Ended("by itself during its start"))
			}
			s.Kill()
		}
	}
	s.start()
	w.verify()
	w.report(cycles + early)
	t.Logf("%d of the kills hit a start", early)
}

// checkpoints is a flag: every other cycle has short intervals of 100 to 300 ms.
func checkpoints(cycle int) string {
	if cycle%2 == 0 {
		return "--checkpoint-interval=10s"
	}
	return "--checkpoint-interval=" + (time.Duration(100+100*(cycle/2%3)) * time.Millisecond).String()
}

// report prints the figures of a test.
func (w *workload) report(crashes int) {
	count, keyed := w.tally()
	polled := 0
	for _, r := range w.readers {
		polled += r.polled
	}
	w.t.Logf("%d commands acknowledged (%d with a key), %d refused, %d unknown, %d polls; %s",
		count[acknowledged], keyed, count[refused], count[unknown], polled, w.site.readiness())
	if !w.t.Failed() {
		w.t.Logf("0 of %d acknowledged commands lost or counted twice; no failure in %d crashes: rate below 3/%d", count[acknowledged], crashes, crashes)
	}
}
