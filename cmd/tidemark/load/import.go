package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// The forms in which events travel.
const (
	FormatLines = "ndjson"
	FormatBatch = "batch"
)

// The limits of POST /v1/events: events in one call, and bytes of its body: those of a
// record batch, which a call becomes, and in which an event takes less than as JSON.
const (
	MaxBatchEvents = 1000
	maxBatchBytes  = 512<<10 - 4<<10
)

// rejectedShown is how many rejected events a report quotes; all are counted.
const rejectedShown = 10

// Importer sends a trace through POST /v1/events.
type Importer struct {
	Client *Client
	// Token is a bearer token with the role service.
	Token string
	// Format is [FormatLines] or [FormatBatch].
	Format string
	// BatchEvents is how many events one call takes, 1 to [MaxBatchEvents].
	BatchEvents int
	// Repeat is how many times the whole trace is sent, from 1.
	Repeat int
	// Concurrency is how many calls are under way at once, from 1.
	Concurrency int
	// RetryLimit is how long a call is repeated that the service cannot take.
	RetryLimit time.Duration
	// Progress, if set, is told how many more events have their outcome. It is
	// called by one goroutine at a time.
	Progress func(events int)
}

// ImportReport is what became of an import.
type ImportReport struct {
	Sent       int            `json:"sent"`
	Accepted   int            `json:"accepted"`
	Duplicates int            `json:"duplicates"`
	Rejected   int            `json:"rejected"`
	LeftOut    map[string]int `json:"left_out"`
	// Samples quotes the first rejected events, with the service's reason.
	Samples []string `json:"rejected_samples,omitempty"`
	// Seconds is from the first call to the last outcome; reading the trace is
	// not in it, nor in the rate.
	Seconds         float64 `json:"seconds"`
	EventsPerSecond float64 `json:"events_per_second"`
}

// Outcome is what the service made of one batch.
type Outcome struct {
	Accepted   int        `json:"accepted"`
	Duplicates int        `json:"duplicates"`
	Rejected   []Rejected `json:"rejected"`
	events     int
	samples    []string
}

// Rejected names an event that was left out, by its place in the batch.
type Rejected struct {
	Index  int    `json:"index"`
	Detail string `json:"detail"`
}

// Run sends the trace and returns once every event that was sent is folded or
// rejected, so that whoever asks next sees all of it. On an error the report
// holds what was done until then; the import may be repeated as a whole, since
// events that are in already count as duplicates.
func (im *Importer) Run(ctx context.Context, trace *Trace) (*ImportReport, error) {
	start := time.Now()
	report := &ImportReport{LeftOut: trace.LeftOut}
	group, ctx := errgroup.WithContext(ctx)
	batches, outcomes := make(chan [][]byte), make(chan *Outcome)
	group.Go(func() error {
		defer close(batches)
		for batch := range im.batches(trace.Events) {
			select {
			case batches <- batch:
			case <-ctx.Done():
				return nil // the cause is reported by who failed
			}
		}
		return nil
	})
	for range im.Concurrency {
		group.Go(func() error {
			for batch := range batches {
				o, err := im.Send(ctx, batch)
				if err != nil {
					return err
				}
				outcomes <- o
			}
			return ctx.Err()
		})
	}
	var failed error
	go func() { failed = group.Wait(); close(outcomes) }()
	for o := range outcomes {
		report.add(o)
		if im.Progress != nil {
			im.Progress(o.events)
		}
	}
	report.Seconds = time.Since(start).Seconds()
	report.EventsPerSecond = float64(report.Sent) / report.Seconds
	return report, failed
}

// batches cuts the repeated trace into calls. A batch holds one event at least.
func (im *Importer) batches(events [][]byte) iter.Seq[[][]byte] {
	return func(yield func([][]byte) bool) {
		for range im.Repeat {
			for rest := events; len(rest) > 0; {
				n, size := 0, 0
				for n < len(rest) && n < im.BatchEvents && (n == 0 || size+len(rest[n]) < maxBatchBytes) {
					size += len(rest[n]) + 1
					n++
				}
				if !yield(rest[:n]) {
					return
				}
				rest = rest[n:]
			}
		}
	}
}

// Send sends one batch, of at most MaxBatchEvents, and returns once its events
// are folded or rejected. It may be called by many at once.
func (im *Importer) Send(ctx context.Context, batch [][]byte) (*Outcome, error) {
	r := &request{method: "POST", path: "/v1/events", token: im.Token, key: uuid.NewString()}
	if im.Format == FormatBatch {
		r.media = "application/cloudevents-batch+json"
		r.body = append(append([]byte{'['}, bytes.Join(batch, []byte{','})...), ']')
	} else {
		r.media = "application/x-ndjson"
		r.body = append(bytes.Join(batch, []byte{'\n'}), '\n')
	}
	a, err := im.Client.insist(ctx, r, im.RetryLimit)
	if err != nil {
		return nil, err
	}
	if !a.good() {
		return nil, fmt.Errorf("send %d events: the service answered %s", len(batch), a.said())
	}
	o := &Outcome{events: len(batch)}
	if err := json.Unmarshal(a.body, o); err != nil {
		return nil, fmt.Errorf("read the outcome of %d events: %w", len(batch), err)
	}
	if sum := o.Accepted + o.Duplicates + len(o.Rejected); sum != len(batch) {
		return nil, fmt.Errorf("the service answered for %d of %d events", sum, len(batch))
	}
	for _, rejected := range o.Rejected[:min(len(o.Rejected), rejectedShown)] {
		if rejected.Index < 0 || rejected.Index >= len(batch) {
			return nil, errors.New("the service rejected an event that was not sent")
		}
		o.samples = append(o.samples, fmt.Sprintf("%s: %s", rejected.Detail, batch[rejected.Index]))
	}
	return o, nil
}

func (r *ImportReport) add(o *Outcome) {
	r.Sent += o.events
	r.Accepted += o.Accepted
	r.Duplicates += o.Duplicates
	r.Rejected += len(o.Rejected)
	r.Samples = append(r.Samples, o.samples[:min(len(o.samples), rejectedShown-len(r.Samples))]...)
}
