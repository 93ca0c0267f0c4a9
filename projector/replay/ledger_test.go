package replay

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	list, err := ReadRuns(left)
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
