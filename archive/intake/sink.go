package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
	"github.com/tidemark-io/tidemark/events"
)

// Sink takes events in, durably and in order, and returns what became of them.
// Several goroutines may call it.
type Sink interface {
	Send(ctx context.Context, batch [][]byte) (Outcome, error)
}

// Outcome is what a Sink made of a batch of events.
type Outcome struct {
	Accepted, Duplicates int
	Rejected             []Rejection
}

// Rejection names an event that is not taken, by its place in the batch.
type Rejection struct {
	Index  int
	Detail string
}

// DrySink judges events as the service would, and sends nothing.
type DrySink struct{ Now func() time.Time }

// Send returns which events would be rejected; all others count as accepted.
func (d DrySink) Send(_ context.Context, batch [][]byte) (Outcome, error) {
	var body []byte
	for _, event := range batch {
		body = append(append(body, event...), '\n')
	}
	var reader events.CloudEventReader
	in, err := reader.Read(body, events.CloudEventLines, events.CloudEventRules{Now: d.Now(), Admin: true})
	if err != nil {
		return Outcome{}, fmt.Errorf("judge %d events: %w", len(batch), err)
	}
	o := Outcome{Accepted: in.Events}
	for _, r := range in.Rejected {
		o.Rejected = append(o.Rejected, Rejection{Index: r.Index, Detail: r.Detail})
	}
	return o, nil
}

// The bounds of one call: those of a record batch, in which an event takes less than as
// JSON. They lie below those of POST /v1/events.
const (
	maxBatchEvents = events.MaxBatchEvents
	maxBatchBytes  = events.MaxBatchBytes - 16<<10
)

// origin is where an event of a batch comes from, for reports.
type origin struct {
	entry int
	key   string
}

// batch gathers events with where they come from.
type batch struct {
	events  [][]byte
	origins []origin
	bytes   int
}

// fits reports whether a row's events can still be added: they stay together,
// since the second may need the first.
func (b *batch) fits(n, bytes int) bool {
	return len(b.events) == 0 || len(b.events)+n <= maxBatchEvents && b.bytes+bytes <= maxBatchBytes
}

func (b *batch) add(encoded [][]byte, from origin) {
	for _, e := range encoded {
		b.events = append(b.events, e)
		b.origins = append(b.origins, from)
		b.bytes += len(e) + 1
	}
}

// encode writes made events as CloudEvents.
func encode(made []mapping.Made) (encoded [][]byte, bytes int, err error) {
	for i := range made {
		e := events.NewEvent(made[i].Meta, made[i].Data)
		text, err := events.AppendCloudEvent(nil, &e, events.CloudEventDefaults{})
		if err != nil {
			return nil, 0, err
		}
		encoded = append(encoded, text)
		bytes += len(text) + 1
	}
	return encoded, bytes, nil
}
