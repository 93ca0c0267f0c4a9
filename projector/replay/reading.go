package replay

import (
	"fmt"
	"time"
)

// Reading says how the events of an answer were found, and how fast.
type Reading struct {
	// Way is how: WayScan or WayIndex.
	Way Way `json:"way"`
	// Because says why it was a scan where there is an index.
	Because string `json:"because,omitempty"`
	// First and Last are the messages between which it was looked, and Indexed
	// the last that the index knew of: those behind it were scanned.
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	Indexed uint64 `json:"indexed,omitempty"`
	// Passes is how often, since what is found out late can make earlier events
	// matter; Messages and Events were read in all of them together, in Seconds.
	Passes   int     `json:"passes"`
	Messages uint64  `json:"messages"`
	Events   uint64  `json:"events"`
	Seconds  float64 `json:"seconds"`
}

// Way is a way of finding events.
type Way string

// The ways.
const (
	WayScan  Way = "scan"  // every message was read
	WayIndex Way = "index" // those that an index names, and what it does not know yet
)

// Rate is how many events were read in a second.
func (r *Reading) Rate() float64 {
	if r.Seconds == 0 {
		return 0
	}
	return float64(r.Events) / r.Seconds
}

// begin begins a pass, which the function returned ends.
func (r *Reading) begin(from, to uint64) (end func()) {
	if r.Way == "" {
		r.Way = WayScan
	}
	if r.Passes == 0 || from < r.First {
		r.First = from
	}
	r.Last = max(r.Last, to)
	r.Passes++
	begun := time.Now()
	return func() { r.Seconds += time.Since(begun).Seconds() }
}

// phase names a pass, for who watches.
func (r *Reading) phase(from, to uint64) string {
	if r.Way == WayIndex {
		return fmt.Sprintf("reading what the index names of messages %d to %d", from, to)
	}
	return fmt.Sprintf("reading messages %d to %d", from, to)
}

func (r *Reading) message(events uint64) {
	r.Messages++
	r.Events += events
}
