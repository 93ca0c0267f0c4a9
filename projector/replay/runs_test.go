package replay

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// running returns runs that can be started; they end with the test.
func running(t *testing.T) *Runs { return runningBy(t, time.Now) }

// runningBy is running by that clock.
func runningBy(t *testing.T, now func() time.Time) *Runs {
	t.Helper()
	r := NewRuns(Config{Now: now})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	awaitAccepting(t, r)
	return r
}

// awaitAccepting waits until runs can be started.
func awaitAccepting(t *testing.T, r *Runs) {
	t.Helper()
	ctx := shortly(t)
	for tick := time.Tick(time.Millisecond); r.accepts() != nil; {
		select {
		case <-tick:
		case <-ctx.Done():
			t.Fatal("no run is accepted: ", r.accepts())
		}
	}
}

func shortly(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// untilCancelled is work that ends when it is cancelled.
func untilCancelled(ctx context.Context, _ *Meter) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestRunsThatExcludeOneAnother(t *testing.T) {
	r := running(t)
	first, err := r.Start(KindRebuild, Order{}, untilCancelled)
	if err != nil {
		t.Fatal(err)
	}
	for kind, free := range map[Kind]bool{KindRebuild: false, KindSwitch: false, KindRepair: false, KindVerify: true, "export": true} {
		if _, err := r.Start(kind, Order{}, untilCancelled); free != (err == nil) || !free && !errors.Is(err, ErrBusy) {
			t.Errorf("%s beside a rebuild: %v", kind, err)
		}
	}
	if err := r.Cancel(shortly(t), first, Order{}); err != nil {
		t.Fatal(err)
	}
	ended, err := r.Wait(shortly(t), first)
	if err != nil || ended.State != StateCancelled || ended.Ended == nil {
		t.Errorf("%+v %v", ended, err)
	}
	if _, err := r.Start(KindRepair, Order{}, untilCancelled); err != nil {
		t.Errorf("after the rebuild has ended: %v", err)
	}
}

// Who starts or discards a rebuild decides what becomes of one that a start calls for.
func TestWhatAPersonBeginsSettlesWhatAStartCallsFor(t *testing.T) {
	for kind, settles := range map[Kind]bool{KindRebuild: true, KindSwitch: true, KindRollback: true, KindDiscard: true, KindRepair: false, KindVerify: false} {
		r := running(t)
		if r.settledByHand() {
			t.Errorf("before any %s it is settled", kind)
		}
		if _, err := r.Start(kind, Order{}, untilCancelled); err != nil {
			t.Fatal(err)
		}
		if r.settledByHand() != settles {
			t.Errorf("%s settles it: %t", kind, !settles)
		}
	}
}

func TestRunKeepsItsResultAndError(t *testing.T) {
	r := running(t)
	broken := errors.New("broken")
	id, err := r.Start("export", Order{Reason: "why"}, func(_ context.Context, m *Meter) (any, error) {
		m.Phase("reading")
		m.Expect(9, 100)
		m.Read(3, 40)
		return 7, broken
	})
	if err != nil {
		t.Fatal(err)
	}
	ended, err := r.Wait(shortly(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if ended.State != StateFailed || !errors.Is(ended.Err(), broken) || ended.Result != 7 || ended.Order.Reason != "why" ||
		ended.Progress.Events != 40 || ended.Progress.Seq != 3 || ended.Progress.Total != 100 {
		t.Errorf("%+v", ended)
	}
	if _, err := r.Status("nothing"); !errors.Is(err, ErrNoRun) {
		t.Error(err)
	}
}

// TestALongResultIsToldByItsRunAlone, while somebody may wait for it.
func TestALongResultIsToldByItsRunAlone(t *testing.T) {
	var passed atomic.Int64
	r := runningBy(t, func() time.Time { return time.Unix(passed.Load(), 0) })
	var ids []RunID
	for _, bytes := range []int{maxKeptResult, 1} {
		id, err := r.Start("look", Order{}, func(context.Context, *Meter) (any, error) { return strings.Repeat("x", bytes), nil })
		if err != nil {
			t.Fatal(err)
		}
		if run, err := r.Wait(shortly(t), id); err != nil || len(run.Result.(string)) != bytes {
			t.Fatalf("%+v, %v", run, err)
		}
		ids = append(ids, id)
	}
	if list := r.List(); list[0].Result == nil || list[1].Result != nil {
		t.Errorf("the list tells %v and %v", list[0].Result, list[1].Result)
	}
	for _, kept := range []bool{true, false} {
		id, err := r.Start("another", Order{}, func(context.Context, *Meter) (any, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Wait(shortly(t), id); err != nil {
			t.Fatal(err)
		}
		long, err := r.Status(ids[0])
		if err != nil || long.State != StateDone || (long.Result != nil) != kept {
			t.Errorf("after %d s: %v, %s, its result is there: %t", passed.Load(), err, long.State, long.Result != nil)
		}
		if short, err := r.Status(ids[1]); err != nil || short.Result == nil {
			t.Errorf("the short one: %+v, %v", short, err)
		}
		passed.Add(int64(keptLong.Seconds()) + 1)
	}
}

func TestRunsThatEndedAreForgottenInTheEnd(t *testing.T) {
	r := running(t)
	nothing := func(context.Context, *Meter) (any, error) { return nil, nil }
	long, err := r.Start("long", Order{}, untilCancelled)
	if err != nil {
		t.Fatal(err)
	}
	for range keptRuns + 10 {
		id, err := r.Start("short", Order{}, nothing)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Wait(shortly(t), id); err != nil {
			t.Fatal(err)
		}
	}
	list := r.List()
	if len(list) != keptRuns || list[len(list)-1].ID != long || list[0].Kind != "short" {
		t.Errorf("%d runs are kept, the oldest is %s", len(list), list[len(list)-1].Kind)
	}
}

func TestRunsEndWithTheirOwner(t *testing.T) {
	r := NewRuns(Config{})
	if _, err := r.Start("early", Order{}, untilCancelled); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	awaitAccepting(t, r)
	id, err := r.Start("long", Order{}, untilCancelled)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	if ended, err := r.Status(id); err != nil || ended.State != StateCancelled {
		t.Errorf("%+v %v", ended, err)
	}
}

func TestRateIsOfTheLastSeconds(t *testing.T) {
	now := time.Unix(0, 0)
	m := NewMeter(func() time.Time { return now })
	m.Expect(100, 10_000)
	for range 10 {
		now = now.Add(time.Second)
		m.Read(1, 100)
		m.Progress()
	}
	now = now.Add(time.Second)
	m.Read(1, 1000)
	if p := m.Progress(); p.Rate < 150 || p.Rate > 1000 || p.SecondsLeft == 0 {
		t.Errorf("%+v", p)
	}
	m.Reset(5, 500)
	now = now.Add(time.Second)
	m.Read(6, 300)
	if p := m.Progress(); p.Rate != 300 || p.Events != 800 {
		t.Errorf("%+v", p)
	}
}
