package intake

import (
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// Report says what became of the rows of each entry.
type Report struct {
	Entries []EntryReport `json:"entries"`
	Seconds float64       `json:"seconds"`
	DryRun  bool          `json:"dry_run,omitempty"`

	mu sync.Mutex
}

// EntryReport is what became of the rows of one entry of the mapping.
type EntryReport struct {
	Entry string `json:"entry"`
	// Rows were read, NotThere of them do not fulfil the conditions, and Unfit
	// fit no event.
	Rows     int64 `json:"rows"`
	NotThere int64 `json:"not_there"`
	Unfit    int64 `json:"unfit"`
	// Events followed from the others. Rejected is what the service refused.
	Events     int64 `json:"events"`
	Accepted   int64 `json:"accepted"`
	Duplicates int64 `json:"duplicates"`
	Rejected   int64 `json:"rejected"`
	// Samples quotes the first rows that are unfit or were rejected, with the reason.
	Samples []string `json:"samples,omitempty"`
}

// samplesKept is how many rows are quoted for an entry; all are counted.
const samplesKept = 10

func (r *Report) note(entry int, fn func(*EntryReport)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn(&r.Entries[entry])
}

// unfit notes a row that fits no event. Its key is quoted, and nothing else of it.
func (r *Report) unfit(from origin, why string) {
	r.note(from.entry, func(e *EntryReport) {
		e.Unfit++
		e.sample(from.key, why)
	})
}

func (e *EntryReport) sample(key, why string) {
	const longest = 64
	if len(e.Samples) < samplesKept {
		e.Samples = append(e.Samples, fmt.Sprintf("%.*q: %s", longest, key, why))
	}
}

// sent notes what became of a batch. Duplicates of a batch that holds events of
// several entries are counted with its first event's.
func (r *Report) sent(b *batch, o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, from := range b.origins {
		r.Entries[from.entry].Events++
		r.Entries[from.entry].Accepted++
	}
	if len(b.origins) > 0 {
		first := &r.Entries[b.origins[0].entry]
		first.Duplicates += int64(o.Duplicates)
		first.Accepted -= int64(o.Duplicates)
	}
	for _, rejected := range o.Rejected {
		if rejected.Index < 0 || rejected.Index >= len(b.origins) {
			continue
		}
		from := b.origins[rejected.Index]
		e := &r.Entries[from.entry]
		e.Accepted--
		e.Rejected++
		e.sample(from.key, rejected.Detail)
	}
}

// Bad counts the rows and events that are not in.
func (r *Report) Bad() (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.Entries {
		n += r.Entries[i].Unfit + r.Entries[i].Rejected
	}
	return n
}

// Sums adds up the entries.
func (r *Report) Sums() (sum EntryReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.Entries {
		e := &r.Entries[i]
		sum.Rows += e.Rows
		sum.NotThere += e.NotThere
		sum.Unfit += e.Unfit
		sum.Events += e.Events
		sum.Accepted += e.Accepted
		sum.Duplicates += e.Duplicates
		sum.Rejected += e.Rejected
	}
	return sum
}

// Write writes the report for people.
func (r *Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "rows\tnot there\tunfit\tevents\taccepted\tduplicates\trejected\t  entry")
	line := func(e *EntryReport, name string) {
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t  %s\n", e.Rows, e.NotThere, e.Unfit, e.Events, e.Accepted, e.Duplicates, e.Rejected, name)
	}
	sum := r.Sums()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.Entries {
		line(&r.Entries[i], r.Entries[i].Entry)
	}
	line(&sum, "all")
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range r.Entries {
		for _, s := range r.Entries[i].Samples {
			fmt.Fprintf(w, "%s, key %s\n", r.Entries[i].Entry, s)
		}
	}
	verb := "sent"
	if r.DryRun {
		verb = "judged, nothing was sent"
	}
	_, err := fmt.Fprintf(w, "%d events %s in %v (%.0f rows/s)\n", sum.Events, verb,
		time.Duration(r.Seconds*float64(time.Second)).Round(time.Millisecond), float64(sum.Rows)/max(r.Seconds, 1e-9))
	return err
}

func newReport(names []string) *Report {
	r := &Report{Entries: make([]EntryReport, len(names))}
	for i, name := range names {
		r.Entries[i].Entry = name
	}
	return r
}
