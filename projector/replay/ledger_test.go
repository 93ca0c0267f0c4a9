package replay

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/projector"
)

// owner is runs that remember in a file, until stop.
func owner(t *testing.T, file string, now func() time.Time) (r *Runs, stop func()) {
	t.Helper()
	r = NewRuns(Config{File: file, Now: now})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	awaitAccepting(t, r)
	return r, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func found(what string) Work {
	return func(context.Context, *Meter) (any, error) { return what, nil }
}

func TestARequestThatIsRepeatedBeginsOneRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs.json")
	now := time.Unix(1_800_000_000, 0)
	order := Order{Reason: "why", Once: &Once{Key: [16]byte{1}, Request: [16]byte{2}}}
	other := Order{Once: &Once{Key: [16]byte{1}, Request: [16]byte{3}}}
	r, stop := owner(t, file, func() time.Time { return now })
	first, err := r.Start(KindVerify, order, found("something"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(shortly(t), first); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if id, err := r.Start(KindVerify, order, untilCancelled); err != nil || id != first {
			t.Errorf("the repeat began %s, the first is %s: %v", id, first, err)
		}
		if _, err := r.Start(KindRebuild, other, untilCancelled); !errors.Is(err, ErrKeyReused) {
			t.Errorf("another request under the key: %v", err)
		}
		one, err := r.Status(first)
		if err != nil || one.State != StateDone || one.Result != "something" || one.Order.Reason != "why" || one.Ended == nil {
			t.Errorf("%+v %v", one, err)
		}
		stop()
		r, stop = owner(t, file, func() time.Time { return now })
	}
	now = now.Add(keptKeys + time.Second)
	if id, err := r.Start(KindVerify, order, found("more")); err != nil || id == first {
		t.Errorf("after %v it began %s: %v", keptKeys, id, err)
	}
	stop()
}

// Who is to decide on a model needs what was found, longer than somebody waits for it:
// how many keys differ, and the first of them.
func TestDifferencesOutliveALongResult(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs.json")
	now := time.Unix(1_800_000_000, 0)
	clock := func() time.Time { return now }
	d := Differences{Count: 5000}
	archive := &ArchiveResult{}
	for n := range namedDifferences {
		d.Keys = append(d.Keys, Difference{Kind: "video", ID: strings.Repeat("x", 100+n), Live: "1", Log: "2"})
		archive.Differ("views", strings.Repeat("x", 100), "is not there")
	}
	verified := VerifyResult{Events: 7, Differences: d, Archive: archive}
	for _, result := range []any{&verified, &RepairResult{VerifyResult: verified, Repaired: 9}, &RebuildResult{Events: 7, Differences: &d}} {
		r, stop := owner(t, file, clock)
		id, err := r.Start(KindRepair, Order{}, func(context.Context, *Meter) (any, error) { return result, nil })
		if err != nil {
			t.Fatal(err)
		}
		tells := func(what string, keys int) {
			t.Helper()
			one, err := r.Wait(shortly(t), id)
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(one.Result)
			if err != nil {
				t.Fatal(err)
			}
			var told struct {
				Events      int64
				Differences Differences
				Archive     *ArchiveResult
			}
			if err := json.Unmarshal(b, &told); err != nil {
				t.Fatal(err)
			}
			if told.Events != 7 || told.Differences.Count != 5000 || len(told.Differences.Keys) != keys ||
				told.Archive != nil && (told.Archive.Count != namedDifferences || len(told.Archive.Differences) != keys) {
				t.Errorf("%T, %s: %d of %d keys are named", result, what, len(told.Differences.Keys), told.Differences.Count)
			}
		}
		tells("at its end", namedDifferences)
		now = now.Add(keptLong + time.Second)
		r.mu.Lock()
		r.shorten()
		r.mu.Unlock()
		tells("later", keptNamed)
		stop()
		r, stop = owner(t, file, clock)
		tells("after a restart", keptNamed)
		stop()
	}
	for n := range d.Keys {
		d.Keys[n].ID = strings.Repeat("x", maxKeptResult/10)
	}
	if kept := brief(&RebuildResult{Differences: &d}).(*RebuildResult).Differences; kept.Count != 5000 || len(kept.Keys) == 0 || len(kept.Keys) > 10 {
		t.Errorf("of long ones %d of %d are named", len(kept.Keys), kept.Count)
	}
}

// TestRunsThatTheProcessDidNotEnd: it was killed.
func TestRunsThatTheProcessDidNotEnd(t *testing.T) {
	dir := t.TempDir()
	file, left := filepath.Join(dir, "runs.json"), filepath.Join(dir, "left")
	r, stop := owner(t, file, time.Now)
	id, err := r.Start(KindRepair, Order{}, untilCancelled)
	if err != nil {
		t.Fatal(err)
	}
	killed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := os.WriteFile(left, killed, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := ReadRuns(left, projector.ModelNames{})
	if err != nil || len(list) != 1 || list[0].ID != id || list[0].State != StateCancelled || !strings.Contains(list[0].Error, "service ended") {
		t.Errorf("%+v %v", list, err)
	}
	r, stop = owner(t, left, time.Now)
	defer stop()
	if one, err := r.Status(id); err != nil || one.State != StateCancelled {
		t.Errorf("%+v %v", one, err)
	}
	if _, err := r.Start(KindRepair, Order{}, found("all")); err != nil {
		t.Error(err)
	}
}

func TestADamagedFileOfRunsIsDoneWithout(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs.json")
	if err := os.WriteFile(file, []byte(`{"runs":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, stop := owner(t, file, time.Now)
	defer stop()
	if _, err := r.Start(KindVerify, Order{}, found("all")); err != nil || len(r.List()) != 1 {
		t.Error(err, r.List())
	}
}

// TestARequestWithAKeyThatCannotBeRememberedBeginsNothing: a repeat would begin it anew.
func TestARequestWithAKeyThatCannotBeRememberedBeginsNothing(t *testing.T) {
	r, stop := owner(t, filepath.Join(t.TempDir(), "gone", "runs.json"), time.Now)
	defer stop()
	if _, err := r.Start(KindVerify, Order{Once: &Once{}}, untilCancelled); err == nil || len(r.List()) != 0 {
		t.Error(err, r.List())
	}
	if _, err := r.Start(KindVerify, Order{}, found("all")); err != nil {
		t.Error(err)
	}
}

// TestNobodyWaitsForTheDiskWhoLooksAtRuns: the file cannot be opened until somebody
// reads it.
func TestNobodyWaitsForTheDiskWhoLooksAtRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs.json")
	r, stop := owner(t, file, time.Now)
	defer stop()
	if err := syscall.Mkfifo(file+".new", 0o600); err != nil {
		t.Fatal(err)
	}
	type began struct {
		id  RunID
		err error
	}
	begun := make(chan began, 1)
	go func() {
		id, err := r.Start(KindRebuild, Order{}, found("all"))
		begun <- began{id, err}
	}()
	looked := make(chan []Run)
	go func() {
		for {
			if list := r.List(); len(list) > 0 {
				looked <- list
				return
			}
		}
	}()
	select {
	case list := <-looked:
		if list[0].State != StateRunning {
			t.Errorf("%+v", list)
		}
		if _, err := r.Start(KindSwitch, Order{}, found("more")); !errors.Is(err, ErrBusy) {
			t.Errorf("another run beside it: %v", err)
		}
	case <-shortly(t).Done():
		t.Error("who looks waits for the disk")
	}
	both, err := os.OpenFile(file+".new", os.O_RDWR, 0) // and now it can be opened
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	b := <-begun
	if b.err != nil {
		t.Fatal(b.err)
	}
	if one, err := r.Wait(shortly(t), b.id); err != nil || one.State != StateDone {
		t.Errorf("%+v %v", one, err)
	}
}

// TestACrashIsToldByTheModelsThatTheFilesName: what a run was about to do has been
// done or not.
func TestACrashIsToldByTheModelsThatTheFilesName(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  Kind
		names projector.ModelNames
		state State
		says  string // member of the result that is true
	}{
		{"killed after the switch", KindRebuild, projector.ModelNames{Current: "model-000002", Previous: "model-000001"}, StateDone, "switched"},
		{"before it", KindRebuild, projector.ModelNames{Current: "model-000001", Rebuilding: "model-000002"}, StateCancelled, ""},
		{"after the next start was told", KindSwitch, projector.ModelNames{Current: "model-000001", Next: "model-000002"}, StateDone, "next_start"},
		{"after that start", KindSwitch, projector.ModelNames{Current: "model-000002", Previous: "model-000001"}, StateDone, "switched"},
		{"after a rollback", KindRollback, projector.ModelNames{Current: "model-000002", Previous: "model-000003"}, StateDone, "switched"},
		{"after a discard", KindDiscard, projector.ModelNames{Current: "model-000001"}, StateDone, ""},
		{"before a discard", KindDiscard, projector.ModelNames{Current: "model-000001", Rebuilding: "model-000002"}, StateCancelled, ""},
		{"before a discard, and the start took the model", KindDiscard, projector.ModelNames{Current: "model-000002", Previous: "model-000001"}, StateCancelled, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "runs.json")
			r, stop := owner(t, file, time.Now)
			decided := make(chan struct{})
			id, err := r.Start(c.kind, Order{}, func(ctx context.Context, m *Meter) (any, error) {
				r.decide(m.run, "model-000002", &RebuildResult{Model: "model-000002", Events: 7, Equal: true})
				close(decided)
				return untilCancelled(ctx, m)
			})
			if err != nil {
				t.Fatal(err)
			}
			<-decided
			killed, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			stop()
			if err := os.WriteFile(file, killed, 0o600); err != nil {
				t.Fatal(err)
			}
			list, err := ReadRuns(file, c.names)
			if err != nil || len(list) != 1 || list[0].ID != id || list[0].State != c.state || (list[0].Error == "") != (c.state == StateDone) {
				t.Fatalf("%+v %v", list, err)
			}
			result, _ := list[0].Result.(map[string]any)
			if c.state == StateDone && (result["model"] != "model-000002" || result["events"] != 7.0 || c.says != "" && result[c.says] != true) {
				t.Errorf("%v", result)
			}
		})
	}
}

// The way back is given up once no file names it; until then it is as it was.
func TestACrashWithinTheDiscardOfTheWayBack(t *testing.T) {
	l := ledger{Decides: []decision{{Run: "r", Model: "model-000001", Result: json.RawMessage(`{"model":"model-000001","previous":true}`)}}}
	for names, done := range map[projector.ModelNames]bool{
		{Current: "model-000002", Previous: "model-000001"}: false,
		{Current: "model-000002"}:                           true,
	} {
		r := Run{ID: "r", Kind: KindDiscard}
		if l.decided(&r, names) != done || (r.State == StateDone) != done {
			t.Errorf("with %+v it is told as %q", names, r.State)
		}
	}
}
