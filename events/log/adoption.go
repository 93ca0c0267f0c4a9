package log

import (
	"context"
	"fmt"

	"github.com/tidemark-io/tidemark/events"
)

// AdoptionKey is the key, in the events stream's metadata, of what is still to be
// written into the log of its last adoption: it is set with the new incarnation, in
// one step, so that no adoption goes without its record, whatever ends in between.
const AdoptionKey = "tidemark-adoption"

// Adopt gives the log a new incarnation and writes down which it had before, and
// what is to be recorded of it: a text of the caller's, see Adoption.
// Whoever has it open finds it foreign from then on: so does this Log, which is to
// be closed and opened anew.
func (l *Log) Adopt(ctx context.Context, incarnation events.Incarnation, earlier events.Lineage, adoption string) error {
	id := identity{incarnation: incarnation, lineage: earlier}
	if err := l.updateMetadata(ctx, func(metadata map[string]string) map[string]string {
		metadata = id.metadata(metadata)
		metadata[AdoptionKey] = adoption
		return metadata
	}); err != nil {
		return fmt.Errorf("write the new incarnation of stream %s: %w", EventsStream, err)
	}
	return nil
}

// Adoption is what was to be recorded of the log's adoption when it was opened, and
// empty where nothing is.
func (l *Log) Adoption() string { return l.adoption }

// AdoptionRecorded notes that nothing is to be recorded any more.
func (l *Log) AdoptionRecorded(ctx context.Context) error {
	if err := l.updateMetadata(ctx, func(metadata map[string]string) map[string]string {
		delete(metadata, AdoptionKey)
		return metadata
	}); err != nil {
		return fmt.Errorf("note that the adoption of stream %s is recorded: %w", EventsStream, err)
	}
	return nil
}

func (l *Log) updateMetadata(ctx context.Context, change func(map[string]string) map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	stream, err := l.pubJS.Stream(ctx, EventsStream)
	if err != nil {
		return err
	}
	cfg := stream.CachedInfo().Config
	cfg.Metadata = change(cfg.Metadata)
	_, err = l.pubJS.UpdateStream(ctx, cfg)
	return err
}
