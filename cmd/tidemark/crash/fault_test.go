package crash

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

// TestFailingFsync makes fsyncs fail from some moment on, as a dying disk does:
// nothing is acknowledged that is not on it, the process gives up by itself,
// and the next start has all that was acknowledged before.
func TestFailingFsync(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("strace is missing, which makes system calls fail; install it on Linux with: apt-get install -y strace")
	}
	for _, c := range []struct {
		name, when string
		forever    bool
	}{
		{"the first of each thread", "1", false},
		{"all of them", "1+", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, filepath.Join(t.TempDir(), "data"))
			w := newWorkload(t, s, seed(t))
			for _, k := range w.workers {
				k.patient = true
			}
			s.start()
			running := w.begin()
			pause(s, 300*time.Millisecond)
			running.end()
			before := make([]int, len(w.workers))
			for i, k := range w.workers {
				before[i] = len(k.records)
			}
			failFsync(t, s, c.when)
			began := time.Now()
			running = w.begin()
			code := s.awaitExit(givesUp)
			gaveUp := time.Since(began)
			running.end()
			if code <= 0 {
				t.Errorf("exit status %d after the disk failed, want one that says so", code)
			}
			for i, k := range w.workers {
				for _, r := range k.records[before[i]:] {
					if r.fate == acknowledged && c.forever {
						w.violation("I1: acknowledged although no fsync succeeds: %v", r)
					}
				}
			}
			_, reason, _ := strings.Cut(s.Said(), "\ntidemark: ")
			if !strings.Contains(reason, "event log makes no progress") {
				t.Errorf("the process does not give the wedged log as its reason; it said last: %q", reason)
			}
			t.Logf("gave up after %v with status %d", gaveUp.Round(time.Millisecond), code)
			s.start()
			w.verify()
			w.report(1)
		})
	}
}

// givesUp is how long a process may go on whose log takes nothing any more: eight
// seconds by itself, and what it takes a busy machine to end it.
const givesUp = 30 * time.Second

// failFsync attaches strace to the process and returns when the fsyncs of all
// threads fail with EIO. when counts them by thread, in strace's words.
func failFsync(t *testing.T, s *site, when string) {
	t.Helper()
	tracer := exec.Command("strace", "-f", "-p", strconv.Itoa(s.PID()), "-o", filepath.Join(t.TempDir(), "trace"),
		"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when="+when)
	said := served.NewLog()
	tracer.Stderr = said
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = tracer.Wait() // it ends with the process that it traces
		close(ended)
	}()
	t.Cleanup(func() {
		_ = tracer.Process.Kill()
		<-ended
	})
	deadline := time.NewTimer(served.Patience)
	defer deadline.Stop()
	for {
		text, more := said.Watch()
		// It attaches to the threads one by one, and says so of the first.
		if strings.Contains(text, "attached") {
			break
		}
		select {
		case <-more:
		case <-ended:
			t.Fatalf("strace cannot attach: %s", text)
		case <-deadline.C:
			t.Fatalf("strace does not attach: %s", text)
		}
	}
	if err := s.Poll("strace to have all threads", served.Patience, func() (bool, string) {
		return allTraced(s.PID(), tracer.Process.Pid)
	}); err != nil {
		t.Fatal(err)
	}
}

func allTraced(pid, tracer int) (bool, string) {
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	want := "TracerPid:\t" + strconv.Itoa(tracer) + "\n"
	for _, file := range files {
		status, err := os.ReadFile(file)
		if err == nil && !strings.Contains(string(status), want) {
			return false, file + " is not traced"
		}
	}
	return len(files) > 0, "no threads"
}

// TestShortDisk fills the disk under the service: commands are refused with
// what is wrong, reads go on, also across a restart, and it ends by itself when
// there is space again.
func TestShortDisk(t *testing.T) {
	d := newDisk(t, "400M")
	s := newSite(t, filepath.Join(d.dir, "data"), "--min-free-disk="+strconv.Itoa(128<<20))
	w := newWorkload(t, s, seed(t))
	s.start()
	running := w.begin()
	pause(s, 300*time.Millisecond)
	filler := filepath.Join(d.dir, "filler")
	d.must("fallocate", "-l", strconv.FormatInt(d.free()-64<<20, 10), filler)
	probe := w.workers[0]
	await := func(what string, limit time.Duration, check func(r *record) bool) time.Duration {
		t.Helper()
		began := time.Now()
		if err := s.Poll(what, limit, func() (bool, string) {
			r := &record{command: probe.view()}
			if err := r.send(httpClient, s.URL); err != nil {
				return false, err.Error()
			}
			return check(r), r.String()
		}); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	full := func(r *record) bool { return r.status == http.StatusServiceUnavailable && r.slug == "storage-full" }
	refusedAfter := await("commands to be refused", served.Patience, full)
	pause(s, 300*time.Millisecond) // under load all the same
	w.shortOfSpace()
	running.end()

	s.stop()
	s.launch()
	if err := s.AwaitAddress(); err != nil {
		t.Fatal(err)
	}
	await("commands to be refused after a restart", served.Patience, full)
	w.shortOfSpace()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	takenAfter := await("commands to be taken again", served.Patience, func(r *record) bool { return r.fate == acknowledged })
	if err := s.AwaitReady(readyWithin); err != nil {
		t.Fatal(err)
	}
	running = w.begin()
	pause(s, 200*time.Millisecond)
	running.end()
	w.unrecorded = probe.user
	w.verify()
	t.Logf("refused %v after the disk was filled, taken %v after it was freed", refusedAfter.Round(time.Millisecond), takenAfter.Round(time.Millisecond))
}

// shortOfSpace asks what still works when the disk is short.
func (w *workload) shortOfSpace() {
	w.t.Helper()
	counts, _, _, err := w.metadata(httpClient, w.steady, "")
	if err != nil || len(counts) == 0 {
		w.t.Errorf("F14: reads do not go on: %v, %v", counts, err)
	}
	if status, said := w.site.Readyz(); !strings.Contains(said, "storage-full") {
		w.t.Errorf("F14: /readyz does not name the state: status %d, %s", status, said)
	}
}
