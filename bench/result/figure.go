package result

import "slices"

// The units of figures.
const (
	PerSecond    = "/s"
	Microseconds = "µs"
	Milliseconds = "ms"
	Seconds      = "s"
	Bytes        = "B"
	Percent      = "%"
	Count        = ""
)

// Figure is one quantity, measured once a round.
type Figure struct {
	Unit string `json:"unit"`
	// Values stand in the order of the rounds. All subjects of a round were
	// measured close together, so values of the same round may be compared.
	Values []float64 `json:"values"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
}

// NewFigure returns the figure with these values of its rounds.
func NewFigure(unit string, values ...float64) Figure {
	var f Figure
	f.Unit = unit
	for _, v := range values {
		f = f.with(v)
	}
	return f
}

// with returns the figure with the value of one more round.
func (f Figure) with(value float64) Figure {
	f.Values = append(slices.Clip(f.Values), value)
	f.Median, f.Min, f.Max = Median(f.Values), slices.Min(f.Values), slices.Max(f.Values)
	return f
}

// Median returns the middle value, the mean of the middle two of an even
// number, and 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
