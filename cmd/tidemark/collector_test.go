package main

import (
	"context"
	"runtime/debug"
	"testing"
)

func TestGarbageMayGrowByABoundedAmount(t *testing.T) {
	for _, c := range []struct {
		live    uint64
		percent int
	}{
		{0, 800}, {4 << 20, 800}, {8 << 20, 800}, {16 << 20, 400}, {32 << 20, 200}, {48 << 20, 134},
		{64 << 20, 100}, {1 << 30, 100}, {100 << 30, 100},
	} {
		if got := collectorPercent(c.live); got != c.percent {
			t.Errorf("%d MiB live: GOGC %d, want %d", c.live>>20, got, c.percent)
		}
	}
}

func TestThePaceOfTheCollectorEndsWithTheService(t *testing.T) {
	before := debug.SetGCPercent(50)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	ended, stop := context.WithCancel(t.Context())
	stop()
	t.Setenv("GOGC", "50")
	if err := paceCollector(ended); err != nil {
		t.Error(err)
	}
	if got := debug.SetGCPercent(50); got != 50 {
		t.Errorf("the operator's GOGC became %d", got)
	}
	t.Setenv("GOGC", "")
	if err := paceCollector(ended); err != nil {
		t.Error(err)
	}
	if got := debug.SetGCPercent(50); got != 50 {
		t.Errorf("GOGC is left at %d", got)
	}
}
