package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestGarbageIsCountedAgainstTheHeapWithoutTables(t *testing.T) {
	const MiB = 1 << 20
	for _, c := range []struct {
		gogc         string
		live, tables uint64
		percent      int
	}{
		{"", 0, 0, 1600}, // 64 MiB of garbage beside the least heap
		{"", 32 * MiB, 0, 200},
		{"", 128 * MiB, 0, 100},
		{"", 128 * MiB, 96 * MiB, 50},
		{"", 1024 * MiB, 960 * MiB, 6},
		{"", 100 << 30, 99 << 30, 1},
		{"rubbish", 128 * MiB, 0, 100},
		{"100", 32 * MiB, 0, 100},
		{"100", 128 * MiB, 96 * MiB, 25},
		{"800", 16 * MiB, 0, 800},
		{"800", 32 * MiB, 0, 400},          // garbage past 128 MiB
		{"800", 1024 * MiB, 512 * MiB, 50}, // or past what lives
		{"800", 128 * MiB, 96 * MiB, 100},
		{"800", 128 * MiB, 128 * MiB, 25}, // the runtime's least heap, 32 MiB
		{"800", 64 * MiB, 96 * MiB, 50},   // tables that grew since the last collection
	} {
		pace, ok := newCollector(c.gogc, func() uint64 { return c.tables })
		if !ok {
			t.Fatalf("GOGC=%q switched the pace off", c.gogc)
		}
		if got := pace.gogc(c.live); got != c.percent {
			t.Errorf("GOGC=%q with %d MiB live, %d of it tables: %d, want %d", c.gogc, c.live/MiB, c.tables/MiB, got, c.percent)
		}
	}
}

func TestThePaceIsFittedAfterEachCollection(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	looked := make(chan struct{})
	pace, _ := newCollector("", func() uint64 { looked <- struct{}{}; return 0 })
	done := make(chan error)
	go func() { done <- pace.run(ctx) }()
	for range 3 {
		<-looked
		runtime.GC()
	}
	stop()
	for {
		select {
		case <-looked: // of a collection before
			continue
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		}
		return
	}
}

func TestGOGCOffIsLeftAlone(t *testing.T) {
	for _, gogc := range []string{"off", "-1", "-100"} {
		if _, ok := newCollector(gogc, nil); ok {
			t.Errorf("GOGC=%s is paced", gogc)
		}
	}
}

func TestThePaceOfTheCollectorEndsWithTheService(t *testing.T) {
	before := debug.SetGCPercent(70)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	ended, stop := context.WithCancel(t.Context())
	stop()
	pace, _ := newCollector("", func() uint64 { return 0 })
	if err := pace.run(ended); err != nil {
		t.Error(err)
	}
	if got := debug.SetGCPercent(70); got != 70 {
		t.Errorf("GOGC is left at %d", got)
	}
}
