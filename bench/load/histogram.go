package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts latencies from 1 µs to 10 minutes with three digits. It is
// not safe for concurrent use.
type Histogram struct{ h *hdrhistogram.Histogram }

// NewHistogram returns an empty one.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.New(1, (10 * time.Minute).Microseconds(), 3)}
}

// Record counts a latency; what is above 10 minutes counts as that.
func (h *Histogram) Record(d time.Duration) {
	_ = h.h.RecordValue(min(max(d.Microseconds(), 1), h.h.HighestTrackableValue())) // within the range
}

// Merge adds what another one has counted.
func (h *Histogram) Merge(o *Histogram) { h.h.Merge(o.h) }

// Count returns how many were recorded.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Quantile returns the latency that the fraction q, 0 to 1, stayed within, in
// milliseconds.
func (h *Histogram) Quantile(q float64) float64 {
	return float64(h.h.ValueAtQuantile(q*100)) / 1000
}

// Max returns the greatest latency in milliseconds.
func (h *Histogram) Max() float64 { return float64(h.h.Max()) / 1000 }
