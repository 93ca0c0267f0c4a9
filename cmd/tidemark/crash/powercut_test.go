package crash

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestPowerCut takes the disk away under load, time and again: what was
// acknowledged must have been on it.
func TestPowerCut(t *testing.T) {
	cuts := setting(t, "CRASH_POWER_CUTS", 10)
	d := newDisk(t, "2G")
	n := seed(t)
	rng := rand.New(rand.NewPCG(n, 98))
	s := newSite(t, filepath.Join(d.dir, "data"))
	w := newWorkload(t, s, n)
	for cycle := range cuts {
		s.start(checkpoints(cycle))
		w.settle()
		w.repeat()
		running := w.begin()
		if !pause(s, time.Duration(100+rng.IntN(1400))*time.Millisecond) {
			t.Fatal(s.Ended("by itself"))
		}
		d.cut(s)
		running.end()
	}
	s.start()
	w.verify()
	w.report(cuts)
}

// TestPowerCutWithoutSyncIsSeen is the negative control: a service that
// acknowledges before fsync loses commands, and the checks must say so.
func TestPowerCutWithoutSyncIsSeen(t *testing.T) {
	const tries = 20
	d := newDisk(t, "2G")
	n := seed(t)
	rng := rand.New(rand.NewPCG(n, 97))
	for try := range tries {
		s := newSite(t, filepath.Join(d.dir, fmt.Sprint("data-", try)), "--nats-unsafe-sync-interval=1h")
		w := newWorkload(t, s, n+uint64(try))
		s.start()
		running := w.begin()
		if !pause(s, time.Duration(500+rng.IntN(1000))*time.Millisecond) {
			t.Fatal(s.Ended("by itself"))
		}
		d.cut(s)
		running.end()
		count, _ := w.tally()
		b, err := readLog(t.Context(), s.Dir)
		if err != nil {
			t.Logf("seen in try %d: of %d acknowledged commands the log cannot even be read: %v", try+1, count[acknowledged], err)
			return
		}
		if lost := w.lost(b); len(lost) > 0 {
			t.Logf("seen in try %d: %d of %d acknowledged commands are lost, such as\n%s", try+1, len(lost), count[acknowledged], lost[0])
			return
		}
	}
	t.Fatalf("no loss was found in %d power cuts of a service that does not fsync: the checks see nothing", tries)
}
