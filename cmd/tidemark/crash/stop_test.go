package crash

import (
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestStopUnderLoad ends the service with SIGTERM while clients work with it:
// each of them has an answer or was never heard.
func TestStopUnderLoad(t *testing.T) {
	const cycles = 10
	n := seed(t)
	rng := rand.New(rand.NewPCG(n, 96))
	s := newSite(t, filepath.Join(t.TempDir(), "data"))
	w := newWorkload(t, s, n)
	slowest := time.Duration(0)
	var left []string
	for range cycles {
		s.start()
		running := w.begin()
		if !pause(s, time.Duration(50+rng.IntN(600))*time.Millisecond) {
			t.Fatal(s.Ended("by itself"))
		}
		began := time.Now()
		s.stop()
		slowest = max(slowest, time.Since(began))
		running.end()
		for _, k := range w.workers {
			if last := k.records[len(k.records)-1]; last.fate == unknown {
				left = append(left, last.String())
			}
		}
	}
	s.start()
	w.verify()
	w.report(cycles)
	if len(left) > 0 {
		t.Errorf("I4: %d requests had no definite answer when the service was stopped, of %d clients in %d stops; such as\n%s", len(left), workerCount, cycles, left[0])
	}
	t.Logf("the slowest of %d stops took %v", cycles, slowest.Round(time.Millisecond))
}

// TestPausedProcess freezes the process for longer than its clients wait:
// they repeat with their keys, and nothing is lost or counted twice.
func TestPausedProcess(t *testing.T) {
	n := seed(t)
	s := newSite(t, filepath.Join(t.TempDir(), "data"))
	w := newWorkload(t, s, n)
	hasty := &http.Client{Timeout: 1500 * time.Millisecond, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for _, k := range w.workers {
		k.client, k.patient = hasty, true
	}
	s.start()
	running := w.begin()
	for range 2 {
		pause(s, 400*time.Millisecond)
		s.signal(syscall.SIGSTOP)
		pause(s, 3*time.Second)
		s.signal(syscall.SIGCONT)
	}
	pause(s, 500*time.Millisecond)
	running.end()
	if err := s.AwaitReady(readyWithin); err != nil {
		t.Fatal(err)
	}
	w.verify()
	w.report(2)
}
