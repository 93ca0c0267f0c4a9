package crash

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDamagedReadModel takes away or garbles what was folded while the service
// is stopped: it folds the log again, and all counts are as they were.
func TestDamagedReadModel(t *testing.T) {
	s := newSite(t, filepath.Join(t.TempDir(), "data"), "--checkpoint-interval=100ms")
	w := newWorkload(t, s, seed(t))
	s.start()
	running := w.begin()
	pause(s, 1500*time.Millisecond)
	running.end()
	s.Kill()
	pristine := s.Dir
	s.start()
	want, err := w.ask()
	if err != nil {
		t.Fatal(err)
	}
	s.Kill()
	for _, damage := range []struct {
		name string
		do   func(t *testing.T, models string)
	}{
		{"models removed", func(t *testing.T, models string) { must(t, os.RemoveAll(models)) }},
		{"CURRENT removed", func(t *testing.T, models string) { must(t, os.Remove(filepath.Join(models, "CURRENT"))) }},
		{"CURRENT garbled", func(t *testing.T, models string) { garble(t, models, "CURRENT", 0) }},
		{"CURRENT empty", func(t *testing.T, models string) { must(t, os.Truncate(filepath.Join(models, "CURRENT"), 0)) }},
		{"MANIFEST garbled", func(t *testing.T, models string) { garble(t, models, "MANIFEST", 8) }},
		{"tables garbled", func(t *testing.T, models string) { garble(t, models, ".sst", 64) }},
		{"files of tables garbled", func(t *testing.T, models string) { garble(t, models, ".flat", 64) }},
		{"files of tables removed", func(t *testing.T, models string) { removeFiles(t, models, ".flat") }},
		{"value logs garbled", func(t *testing.T, models string) { garble(t, models, ".vlog", 64) }},
		{"write-ahead logs garbled", func(t *testing.T, models string) { garble(t, models, ".mem", 64) }},
		{"everything emptied", func(t *testing.T, models string) { empty(t, models) }},
	} {
		t.Run(damage.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if out, err := exec.Command("cp", "-a", pristine, dir).CombinedOutput(); err != nil {
				t.Fatalf("copy the data directory: %v: %s", err, out)
			}
			damage.do(t, filepath.Join(dir, "models"))
			s := newSite(t, dir)
			s.start()
			w := w.at(t, s)
			got, err := w.ask()
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got.videos, want.videos) || !maps.Equal(got.unread, want.unread) {
				t.Errorf("I2: before the damage\n%v\nnow\n%v", want, got)
			}
			running := w.begin()
			pause(s, 100*time.Millisecond)
			running.end()
			w.verify()
			t.Logf("rebuilt: %t; %s", strings.Contains(s.Log.String(), "rebuilding"), s.readiness())
		})
	}
}

// TestLostLog takes the event log away while the service is stopped: a start
// that would answer zero for every counter is refused, with what to do.
func TestLostLog(t *testing.T) {
	for _, c := range []struct {
		name string
		flag string
		end  func(*site)
	}{
		{"after a stop", "--checkpoint-interval=10s", (*site).stop},
		{"after a crash behind a checkpoint", "--checkpoint-interval=50ms", (*site).Kill},
		{"after a crash before the first checkpoint", "--checkpoint-interval=1h", (*site).Kill},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, filepath.Join(t.TempDir(), "data"), c.flag)
			w := newWorkload(t, s, seed(t))
			s.start()
			running := w.begin()
			pause(s, 500*time.Millisecond)
			running.end()
			c.end(s)
			must(t, os.RemoveAll(filepath.Join(s.Dir, "jetstream")))
			for range 2 { // the refusal stands
				if err := s.tryStart(); err == nil {
					told, _ := w.tally()
					counts, _, _, _ := w.metadata(httpClient, w.steady, "")
					t.Fatalf("the service starts on an empty log, although %d commands were acknowledged; it serves %v", told[acknowledged], counts)
				}
				if code := s.awaitExit(gracefulStop); code <= 0 {
					t.Errorf("exit status %d, want one that says what happened", code)
				}
				if said := s.Said(); !strings.Contains(said, "Put the right log back") {
					t.Errorf("it does not say what to do:\n%s", said)
				}
			}
		})
	}
}

// at is the workload against another site, which has the same log.
func (w *workload) at(t *testing.T, s *site) *workload {
	moved := &workload{t: t, site: s, steady: w.steady, moderated: w.moderated, strangers: w.strangers}
	for _, k := range w.workers {
		twin := *k
		twin.w, twin.likes, twin.views, twin.records = moved, maps.Clone(k.likes), maps.Clone(k.views), append([]*record{}, k.records...)
		twin.serial += 1 << 20 * (1 + len(t.Name())) // keys of its own
		moved.workers = append(moved.workers, &twin)
	}
	return moved
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// garble overwrites the middle of each file whose name ends in or begins with
// name, and spares its first bytes.
func garble(t *testing.T, models, name string, spare int) {
	t.Helper()
	found := 0
	eachFile(t, models, func(path string) {
		base := filepath.Base(path)
		if !strings.HasSuffix(base, name) && !strings.HasPrefix(base, name) {
			return
		}
		data, err := os.ReadFile(path)
		must(t, err)
		if len(data) <= spare {
			return
		}
		found++
		middle := data[spare:]
		copy(middle[len(middle)/3:], bytes.Repeat([]byte("garbage!"), min(len(middle)/24+1, 64)))
		must(t, os.WriteFile(path, data, 0o600))
	})
	if found == 0 {
		t.Logf("there is no %s file to garble", name)
	}
}

func removeFiles(t *testing.T, models, suffix string) {
	t.Helper()
	eachFile(t, models, func(path string) {
		if strings.HasSuffix(path, suffix) {
			must(t, os.Remove(path))
		}
	})
}

func empty(t *testing.T, models string) {
	t.Helper()
	eachFile(t, models, func(path string) { must(t, os.Truncate(path, 0)) })
}

func eachFile(t *testing.T, dir string, fn func(path string)) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			fn(path)
		}
		return err
	}))
}
