package replay

import (
	"context"
	"fmt"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// Import fills an empty event log with an export of a whole one, of the format
// messages or parquet. A fold of the copy gives the same state digest. The copy
// has an incarnation of its own, in whose lineage the original's stands. One that
// was cut short goes on where it stopped. The log must not be open elsewhere.
func Import(ctx context.Context, dir string, cfg eventlog.Config, meter *Meter) (*Manifest, error) {
	x, err := OpenExport(dir)
	if err != nil {
		return nil, err
	}
	if x.First != 1 {
		return nil, fmt.Errorf("%w: %s begins at message %d: a log is imported from its first message on", ErrExport, dir, x.First)
	}
	original := eventlog.Original{Last: x.Last}
	if original.Incarnation, err = events.ParseIncarnation(x.Incarnation); err == nil {
		original.Lineage, err = events.ParseLineage(x.Lineage)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrExport, dir, err)
	}
	err = eventlog.Import(ctx, cfg, original, func(ctx context.Context, from uint64, fn func(eventlog.Message) error) error {
		meter.Pass("importing", from, x.Last)
		return x.Read(ctx, from, x.Last, func(m eventlog.Message) error {
			held := 0
			if h, _, err := events.ReadBatchHeader(m.Data); err == nil {
				held = h.Events
			}
			meter.Read(m.Seq, held)
			return fn(m)
		})
	})
	if err != nil {
		return nil, err
	}
	return &x.Manifest, nil
}
