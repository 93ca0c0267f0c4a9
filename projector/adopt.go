package projector

import (
	"fmt"
	"log/slog"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
)

// Checkpointed is what the checkpoint of a stopped service says of the log that
// it was folded from.
type Checkpointed struct {
	// Incarnation is the log's at the time of the checkpoint.
	Incarnation events.Incarnation
	last        fingerprint
}

// ReadCheckpoint reads what is to be known of the current model's checkpoint; ok
// is false where there is none yet.
func ReadCheckpoint(modelsDir string, logger *slog.Logger) (c Checkpointed, ok bool, err error) {
	name, path, err := checkpoint.Models{Dir: modelsDir}.Current()
	if err != nil || name == "" {
		return c, false, err
	}
	store, err := checkpoint.Open(path, checkpoint.Options{Logger: logger})
	if err != nil {
		return c, false, fmt.Errorf("open the checkpoint: %w", err)
	}
	defer store.Close() // it is only read
	version, data := store.Latest()
	if version == 0 {
		return c, false, nil
	}
	m, err := decodeMarker(data)
	if err != nil {
		return c, false, err
	}
	c.last = m.Last
	c.Incarnation, err = events.ParseIncarnation(m.Incarnation)
	return c, err == nil, err
}

// Seq is the last message that was folded.
func (c *Checkpointed) Seq() uint64 { return c.last.Seq }

// Matches reports whether the message is the last that was folded, as it was.
func (c *Checkpointed) Matches(m *eventlog.Message) bool { return c.last.is(m) }
