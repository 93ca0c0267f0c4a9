package main

import (
	"context"
	"os"
	"runtime"
)

// fewProcessors is up to how many it matters that one is held by an fsync.
const fewProcessors = 4

// processors returns how many goroutines Go may run at a time. Where the process
// fsyncs each record batch itself, one of its few is in an fsync much of the time:
// Go takes it back for a poll that waits, but only between 20 µs and 10 ms later.
// So there is one more than the machine has. What the operator says is left alone.
func processors(gomaxprocs string, usual int, embedded bool) int {
	if gomaxprocs != "" || !embedded || usual > fewProcessors {
		return usual
	}
	return usual + 1
}

// spareProcessor has Go run as many until the context ends.
func (a *app) spareProcessor(ctx context.Context) error {
	usual := runtime.GOMAXPROCS(0)
	if n := processors(os.Getenv("GOMAXPROCS"), usual, a.log.Embedded()); n != usual {
		runtime.GOMAXPROCS(n)
		defer runtime.GOMAXPROCS(usual)
	}
	<-ctx.Done()
	return nil
}
