package world

import "time"

// ViewBatch is the body of one call of /v1/events with views. Renumber makes a
// new batch of it in place, for far less than building one costs.
type ViewBatch struct {
	// Body is NDJSON.
	Body []byte
	// Videos are those that are viewed, one for each event.
	Videos []int
	ids    []int // where each event's identity stands
}

// NewViewBatch returns a batch with the views of these videos, numbered from 0.
func NewViewBatch(source string, videos []int, at time.Time) *ViewBatch {
	b := &ViewBatch{Videos: videos}
	const before = len(`{"specversion":"1.0","id":"`)
	for i, v := range videos {
		b.ids = append(b.ids, len(b.Body)+before)
		b.Body = AppendView(b.Body, source, uint64(i), v, at)
	}
	return b
}

// Renumber gives the events new identities, counted up from first.
func (b *ViewBatch) Renumber(first uint64) {
	for i, at := range b.ids {
		appendNumber(b.Body[at:at], first+uint64(i))
	}
}
