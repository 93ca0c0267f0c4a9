package projector

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tidemark-io/tidemark/durable"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
)

// A model that does not serve lies closed on the disk, and whoever opens it has it
// to himself. So who lets go of a model writes down beside it how far its last
// checkpoint goes, for those who only want to know that (Needs).

// keptFile is where that is written, in the model's directory.
const keptFile = "KEPT.json"

type kept struct {
	// Seq is the message that the last checkpoint ends with, or an earlier one.
	Seq uint64 `json:"sequence"`
	// Served is the message that its last checkpoint ended with when it served last, or
	// an earlier one: it may have been folded on since. It is 0 where that is not known.
	Served uint64 `json:"served_sequence,omitempty"`
}

// readKept returns what was written down of a model; false where nobody has.
func readKept(models checkpoint.Models, name string) (k kept, known bool) {
	b, err := os.ReadFile(filepath.Join(models.Path(name), keptFile))
	if err != nil || json.Unmarshal(b, &k) != nil {
		return kept{}, false
	}
	return k, true
}

func writeKept(models checkpoint.Models, name string, k kept) error {
	b, err := json.Marshal(k)
	if err == nil {
		err = durable.WriteFile(filepath.Join(models.Path(name), keptFile), append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write down where the checkpoint of model %s ends: %w", name, err)
	}
	return nil
}

// keep writes down where the last checkpoint ends, once that is on the disk. What is
// written too low keeps more of the log than is needed, so a failure is no fault.
func (e *edition) keep() {
	err := e.store.Sync()
	if err == nil {
		models := checkpoint.Models{Dir: e.cfg.ModelsDir}
		k, _ := readKept(models, e.name)
		k.Seq = e.saved.Seq
		err = writeKept(models, e.name, k)
	}
	if err != nil {
		e.cfg.Logger.Warn("the log may be kept for longer than is needed", "error", err)
	}
}

// keepUnknown looks into the models beside the serving one of which nobody has
// written down where they end. It is for the start, when none of them is open.
func (p *Projector) keepUnknown() {
	n, err := p.Names()
	if err != nil {
		p.cfg.Logger.Warn("the models beside the serving one are not known", "error", err)
		return
	}
	for _, name := range []string{n.Previous, n.Next, n.Rebuilding} {
		if name == "" || name == p.live.name {
			continue
		}
		if _, known := readKept(p.models, name); known {
			continue
		}
		seq, err := p.savedBy(name)
		if err == nil && name == n.Previous {
			err = writeKept(p.models, name, kept{seq, seq}) // it was replaced by this start, and has not been opened since
		} else if err == nil {
			err = writeKept(p.models, name, kept{Seq: seq})
		}
		if err != nil {
			p.cfg.Logger.Warn("it is not known how much of the log a model needs that is kept, so all of it is kept", "name", name, "error", err)
		}
	}
}

// PreviousServed returns a message up to which all snapshots are of the model that
// served before the present one, or of those before it; none where that is not known.
// What began to serve in its place may have a snapshot where it ended.
func (p *Projector) PreviousServed() (before events.Position, err error) {
	name, err := p.models.Previous()
	if err != nil || name == "" {
		return before, err
	}
	k, _ := readKept(p.models, name)
	return events.Position{Seq: max(k.Served, 1) - 1}, nil
}

// savedBy opens a model to read where its last checkpoint ends.
func (p *Projector) savedBy(name string) (seq uint64, err error) {
	mark, err := p.markOf(name)
	return mark.Last.Seq, err
}

// markOf opens a model to read the marker of its last checkpoint; an empty one where it
// has none.
func (p *Projector) markOf(name string) (mark marker, err error) {
	store, err := checkpoint.Open(p.models.Path(name), checkpoint.Options{Logger: p.cfg.Logger})
	if err != nil {
		return mark, fmt.Errorf("open model %s, which is kept: %w", name, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	version, data := store.Latest()
	if version == 0 {
		return mark, nil
	}
	if mark, err = decodeMarker(data); err != nil {
		return mark, fmt.Errorf("read the checkpoint of model %s, which is kept: %w", name, err)
	}
	return mark, nil
}
