package log

import (
	"crypto/rand"
	"fmt"
	"maps"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
)

// LineageKey is the key of the earlier incarnations in the events stream's
// metadata: incarnation:last sequence, oldest first, with commas between them.
const LineageKey = "tidemark-lineage"

// identity is what the events stream's metadata says of the log.
type identity struct {
	incarnation events.Incarnation
	lineage     events.Lineage
	imported    uint64 // up to here the messages are copies
	adoption    string // what is to be recorded of the last adoption
}

// NewIncarnation returns one that no log has.
func NewIncarnation() (inc events.Incarnation) {
	_, _ = rand.Read(inc[:]) // never returns an error
	return inc
}

// metadata returns that of a stream with this identity, which keeps what else
// is there.
func (id identity) metadata(before map[string]string) map[string]string {
	after := map[string]string{}
	maps.Copy(after, before)
	after[IncarnationKey] = id.incarnation.String()
	if delete(after, LineageKey); len(id.lineage) > 0 {
		after[LineageKey] = id.lineage.String()
	}
	return after
}

// streamIdentity reads the incarnation and its ancestors from the stream's metadata.
func streamIdentity(info *jetstream.StreamInfo) (id identity, err error) {
	name := info.Config.Name
	if id.incarnation, err = events.ParseIncarnation(info.Config.Metadata[IncarnationKey]); err != nil {
		return identity{}, fmt.Errorf("%w: %s has no %s in its metadata: it was made by hand, or is a copy of a log. Adopt it, with the service stopped: tidemark replay log adopt",
			ErrStreamConfig, name, IncarnationKey)
	}
	if id.lineage, err = events.ParseLineage(info.Config.Metadata[LineageKey]); err != nil {
		return identity{}, fmt.Errorf("%w: %s in the metadata of %s: %w", ErrStreamConfig, LineageKey, name, err)
	}
	id.adoption = info.Config.Metadata[AdoptionKey]
	id.imported, err = importedUpTo(info.Config.Metadata)
	return id, err
}

// identify reads the identity; for one who is about to adopt the log, of a
// stream that has none too.
func (c *Config) identify(info *jetstream.StreamInfo) (identity, error) {
	if c.Adopting && info.Config.Metadata[IncarnationKey] == "" {
		return identity{}, nil
	}
	return streamIdentity(info)
}

// Lineage lists the incarnations that the log had before.
func (l *Log) Lineage() events.Lineage { return l.lineage }
