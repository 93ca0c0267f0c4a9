package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WorkloadReport is what a workload saw.
type WorkloadReport struct {
	Seconds float64              `json:"seconds"`
	Kinds   map[Kind]*KindReport `json:"kinds"`
	// ServerCPU is the service's processor time for one request of the mix, in
	// microseconds: what it used meanwhile by all requests. 0 where it does not tell.
	ServerCPU float64 `json:"server_cpu_us_per_request,omitempty"`

	latency map[Kind]*histogram
}

// KindReport is what a workload saw of one kind of request. Latencies are in
// milliseconds and hold failed requests too.
type KindReport struct {
	Requests          uint64  `json:"requests"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	P50               float64 `json:"p50_ms"`
	P99               float64 `json:"p99_ms"`
	Max               float64 `json:"max_ms"`
	// Errors counts answers other than 2xx by status, and requests without one.
	Errors map[string]uint64 `json:"errors"`
	// ErrorSample is one of them.
	ErrorSample string `json:"error_sample,omitempty"`
	// Unsent counts requests that were due and not sent when the time was up,
	// because the service kept their senders waiting. A worker's are counted
	// with its jobs.
	Unsent uint64 `json:"unsent"`
}

// Failed is how many requests got no 2xx.
func (k *KindReport) Failed() (n uint64) {
	for _, count := range k.Errors {
		n += count
	}
	return n
}

func newWorkloadReport(took time.Duration) *WorkloadReport {
	return &WorkloadReport{Seconds: took.Seconds(), Kinds: map[Kind]*KindReport{}, latency: map[Kind]*histogram{}}
}

func (r *WorkloadReport) kind(kind Kind) *KindReport {
	if r.Kinds[kind] == nil {
		r.Kinds[kind], r.latency[kind] = &KindReport{Errors: map[string]uint64{}}, &histogram{}
	}
	return r.Kinds[kind]
}

func (r *WorkloadReport) add(a *actor, unsent uint64) {
	for kind, s := range a.stats {
		k := r.kind(kind)
		k.Requests += s.requests
		r.latency[kind].merge(&s.latency)
		for class, n := range s.errors {
			k.Errors[class] += n
		}
		if k.ErrorSample == "" {
			k.ErrorSample = s.sample
		}
	}
	if unsent > 0 {
		r.kind(a.kind()).Unsent += unsent
	}
}

// kind is the kind by which an actor's unsent requests are counted.
func (a *actor) kind() Kind {
	for _, kind := range Kinds {
		if a.stats[kind] != nil {
			return kind
		}
	}
	next := a.next()
	return next.kind
}

func (r *WorkloadReport) finish() {
	millis := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for kind, k := range r.Kinds {
		h := r.latency[kind]
		k.RequestsPerSecond = float64(k.Requests) / r.Seconds
		k.P50, k.P99, k.Max = millis(h.quantile(0.50)), millis(h.quantile(0.99)), millis(h.max)
	}
}

// chargeCPU spreads the seconds that the service used over all requests.
func (r *WorkloadReport) chargeCPU(seconds float64) {
	var requests uint64
	for _, k := range r.Kinds {
		requests += k.Requests
	}
	if requests > 0 {
		r.ServerCPU = seconds * 1e6 / float64(requests)
	}
}

// Write prints the report for people.
func (r *WorkloadReport) Write(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "kind\trequests\tper second\tp50 ms\tp99 ms\tmax ms\terrors\tunsent\t")
	for _, kind := range Kinds {
		if k := r.Kinds[kind]; k != nil {
			fmt.Fprintf(table, "%s\t%d\t%.1f\t%.2f\t%.2f\t%.2f\t%d\t%d\t\n",
				kind, k.Requests, k.RequestsPerSecond, k.P50, k.P99, k.Max, k.Failed(), k.Unsent)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if r.ServerCPU > 0 {
		fmt.Fprintf(out, "server: %.1f µs of processor time a request\n", r.ServerCPU)
	}
	for _, kind := range Kinds {
		if k := r.Kinds[kind]; k != nil && k.Failed() > 0 {
			fmt.Fprintf(out, "%s errors: %v, one of them: %s\n", kind, k.Errors, k.ErrorSample)
		}
	}
	return nil
}

// Write prints the report for people.
func (r *ImportReport) Write(out io.Writer) error {
	_, err := fmt.Fprintf(out, "sent %d events in %.1f s, %.0f events/s: %d accepted, %d duplicates, %d rejected\n",
		r.Sent, r.Seconds, r.EventsPerSecond, r.Accepted, r.Duplicates, r.Rejected)
	if len(r.LeftOut) > 0 {
		var types []string
		for _, name := range slices.Sorted(maps.Keys(r.LeftOut)) {
			types = append(types, fmt.Sprintf("%d %q", r.LeftOut[name], name))
		}
		fmt.Fprintf(out, "left out, since tidemark does not count them: %s\n", strings.Join(types, ", "))
	}
	for _, sample := range r.Samples {
		fmt.Fprintf(out, "rejected: %s\n", sample)
	}
	return err
}
