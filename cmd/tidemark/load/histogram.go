package load

import (
	"math/bits"
	"time"
)

// A histogram counts latencies in microseconds: exactly below 128, then in 64
// steps for each doubling, so that a quantile is at most 1.6 % too high.
const (
	stepBits  = 6
	steps     = 1 << stepBits
	doublings = 21                      // up to 2^28 µs, 4.5 minutes
	lastStep  = steps*(doublings+2) - 1 // holds all that is longer, too
)

// histogram is not safe for concurrent use: each actor has its own, merged at
// the end. The zero value is empty.
type histogram struct {
	counts [lastStep + 1]uint32
	total  uint64
	max    time.Duration
}

func (h *histogram) record(d time.Duration) {
	h.max = max(h.max, d)
	h.total++
	h.counts[step(uint64(max(0, d.Microseconds())))]++
}

func step(micros uint64) int {
	doubling := max(0, bits.Len64(micros)-stepBits-1)
	return min(doubling*steps+int(micros>>doubling), lastStep)
}

// top is the greatest latency that a step holds.
func top(s int) time.Duration {
	doubling := max(0, s/steps-1)
	return time.Duration((s-doubling*steps+1)<<doubling-1) * time.Microsecond
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.max = max(h.max, o.max)
}

// quantile is the latency that the fraction q, 0 to 1, of all stayed within.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.total))
	for s, n := range h.counts {
		if uint64(n) > rank {
			return min(top(s), h.max)
		}
		rank -= uint64(n)
	}
	return h.max
}
