package projector

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Checkpointed is what the checkpoint of a stopped service says of the log that
// it was folded from.
type Checkpointed struct {
	// Incarnation is the log's at the time of the checkpoint.
	Incarnation events.Incarnation
	// SavedAt is when it was written.
	SavedAt time.Time
	last    fingerprint
}

// ReadCheckpoint reads what is to be known of the current model's checkpoint; ok
// is false where there is none yet.
func ReadCheckpoint(modelsDir string, logger *slog.Logger) (c Checkpointed, ok bool, err error) {
	return PeekCheckpoint(modelsDir, logger, nil)
}

// PeekCheckpoint does as ReadCheckpoint does, and shows look, where that is set, what
// the checkpoint holds in rows: for as long as look runs.
func PeekCheckpoint(modelsDir string, logger *slog.Logger, look func(*readmodel.Snapshot) error) (c Checkpointed, ok bool, err error) {
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
	c.last, c.SavedAt = m.Last, m.SavedAt
	if c.Incarnation, err = events.ParseIncarnation(m.Incarnation); err != nil || look == nil {
		return c, err == nil, err
	}
	s, err := readmodel.Peek(m.Model, store.View())
	if err == nil {
		err = look(s)
	}
	return c, err == nil, err
}

// Seq is the last message that was folded.
func (c *Checkpointed) Seq() uint64 { return c.last.Seq }

// Matches reports whether the message is the last that was folded, as it was.
func (c *Checkpointed) Matches(m *eventlog.Message) bool { return c.last.is(m) }
