package chart

import (
	"math"
	"strconv"
	"strings"
)

// axis maps values to pixels.
type axis struct {
	low, high float64 // values
	from, to  float64 // pixels; from may be the greater
	log       bool
	ticks     []float64
}

// linear returns an axis from 0 that holds high, with round ticks.
func linear(high, from, to float64, ticks int) axis {
	if high <= 0 {
		high = 1
	}
	step := niceStep(high / float64(ticks))
	a := axis{high: math.Ceil(high/step-1e-9) * step, from: from, to: to}
	for n := 0; float64(n)*step <= a.high*(1+1e-9); n++ {
		a.ticks = append(a.ticks, float64(n)*step)
	}
	return a
}

// niceStep is the smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is at least v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// logarithmic returns an axis whose ends are 1, 2 or 5 times a power of ten and
// whose ticks are powers of ten, with the 2s and 5s where there are few of them.
func logarithmic(low, high, from, to float64) axis {
	a := axis{low: roundLog(low, false), high: roundLog(high, true), from: from, to: to, log: true}
	if a.low >= a.high {
		a.low, a.high = a.low/2, a.high*2
	}
	fine := math.Log10(a.high/a.low) < 2.5
	for exp := math.Floor(math.Log10(a.low)); exp <= math.Log10(a.high)+1e-9; exp++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, exp)
			if v >= a.low*(1-1e-9) && v <= a.high*(1+1e-9) && (m == 1 || fine) {
				a.ticks = append(a.ticks, v)
			}
		}
	}
	return a
}

func roundLog(v float64, up bool) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	if up {
		for _, m := range []float64{1, 2, 5} {
			if v <= m*power*(1+1e-9) {
				return m * power
			}
		}
		return 10 * power
	}
	for _, m := range []float64{5, 2} {
		if v >= m*power*(1-1e-9) {
			return m * power
		}
	}
	return power
}

// at returns the pixel of a value; what lies below a logarithmic axis is put at its end.
func (a *axis) at(v float64) float64 {
	share := (v - a.low) / (a.high - a.low)
	if a.log {
		share = math.Log(max(v, a.low)/a.low) / math.Log(a.high/a.low)
	}
	return a.from + share*(a.to-a.from)
}

// short prints a number for a tick or a label with three digits: 1,500 stays
// as it is, 10 thousand is 10 k, a million 1 M.
func short(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 1e6:
		return digits(v/1e6) + " M"
	case abs >= 1e4:
		return digits(v/1e3) + " k"
	case abs >= 1e3:
		text := strconv.FormatFloat(v, 'f', 0, 64)
		return text[:len(text)-3] + "," + text[len(text)-3:]
	}
	return digits(v)
}

func digits(v float64) string {
	if v == 0 {
		return "0"
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
