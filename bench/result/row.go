package result

import (
	"maps"
	"slices"
	"strings"
)

// The figures that several scenarios share. A scenario may have others.
const (
	Rate     = "requests"     // requests answered, /s
	CPU      = "cpu"          // processor time of the server and its database for one request, µs
	OwnCPU   = "cpu_server"   // of it, the process that speaks HTTP, µs
	StoreCPU = "cpu_database" // of it, the database behind it, µs
	P50      = "p50"          // ms
	P99      = "p99"          // ms
	P999     = "p99.9"        // ms
	Worst    = "max"          // ms
	Late     = "late"         // requests of an open loop that left over 1 ms late, %
	Body     = "body"         // mean size of an answer's body, B
	Events   = "events"       // events taken or folded, /s
)

// Row is what one subject did in one scenario.
type Row struct {
	Scenario string `json:"scenario"`
	// Subject is the server, the library or the variant that was measured.
	Subject string `json:"subject"`
	// Parameters are what the scenario was run with, such as ids=20.
	Parameters map[string]string `json:"parameters,omitempty"`
	// Figures by name.
	Figures map[string]Figure `json:"figures"`
	// Order is the names of the figures in the order of their first round.
	Order []string `json:"order"`
	// Note says what a reader must know to judge the figures.
	Note string `json:"note,omitempty"`
}

// Add adds the value of one more round to the figure of that name.
func (r *Row) Add(name, unit string, value float64) {
	if r.Figures == nil {
		r.Figures = make(map[string]Figure)
	}
	f, known := r.Figures[name]
	if !known {
		f.Unit = unit
		r.Order = append(r.Order, name)
	}
	r.Figures[name] = f.with(value)
}

// ParameterText returns the parameters as "a=1 b=2", ordered by name.
func (r *Row) ParameterText() string { return parameterText(r.Parameters) }

func parameterText(p map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(p)) {
		parts = append(parts, name+"="+p[name])
	}
	return strings.Join(parts, " ")
}
