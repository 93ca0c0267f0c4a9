package replay_test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/projector/replay"
)

// opened returns the models of which the process has a file open, or mapped into memory.
func opened(t *testing.T, models string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	note := func(path string) {
		if in, err := filepath.Rel(models, path); err == nil && filepath.IsLocal(in) {
			name, _, _ := strings.Cut(in, "/")
			names[name] = true
		}
	}
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if path, err := os.Readlink(link); err == nil {
			note(path)
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		if at := strings.Index(lines.Text(), "/"); at >= 0 {
			note(lines.Text()[at:])
		}
	}
	return names
}

// Switches, rollbacks, verifications, and rebuilds that are cancelled wherever they
// are, leave no file open but the serving model's, no goroutine and no directory.
func TestRunsLeaveNothingBehind(t *testing.T) {
	s := newService(t, func(s *service) { s.snapshots = 3 })
	s.say(10)
	s.snapshot()
	round := func(n int) {
		s.say(1)
		s.rebuild(replay.RebuildOptions{FromSnapshot: n%2 == 0})
		s.done(s.runs.StartRollback(testContext(t), replay.RollbackOptions{}))
		s.verify()
		for _, o := range []replay.RebuildOptions{{}, {FromSnapshot: true}, {OnDisk: true}} {
			id, err := s.runs.StartRebuild(testContext(t), o)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(n) * 7 * time.Millisecond) // wherever it is then
			if err := s.runs.Cancel(testContext(t), id, replay.Order{}); err != nil {
				t.Fatal(err)
			}
			s.run(id, nil)
		}
	}
	round(0)
	goroutines := runtime.NumGoroutine()
	for n := range 5 {
		round(n)
	}
	dir := filepath.Join(s.dir, "models")
	wait := testContext(t) // a model is closed behind its last reader
	for len(opened(t, dir)) > 1 || runtime.NumGoroutine() > goroutines+2 {
		if wait.Err() != nil {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			t.Fatalf("open are %v; %d goroutines, %d before\n%s", opened(t, dir), runtime.NumGoroutine(), goroutines, stacks)
		}
		time.Sleep(time.Millisecond)
	}
	if names := models(t, s); len(names) > 4 { // serving, previous, one for the next start, snapshots
		t.Errorf("there are %v", names)
	}
	s.recounted("in the end")
}
