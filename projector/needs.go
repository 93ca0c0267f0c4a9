package projector

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
)

// Need is somebody who may want messages of the log again: the log must not forget
// them.
type Need struct {
	// Seq is the first of them.
	Seq uint64 `json:"sequence"`
	// By is the kind of who needs them, and Why says it to people.
	By  NeededBy `json:"by"`
	Why string   `json:"why"`
}

// NeededBy is a kind of who needs messages of the log.
type NeededBy string

// The kinds. A start knows the log by the last message of its checkpoint, so that
// one is needed too.
const (
	NeededByCheckpoint NeededBy = "checkpoint" // the serving model's
	NeededByPrevious   NeededBy = "previous"   // the model that is kept to go back to
	NeededByNext       NeededBy = "next"       // the model that the next start takes
	NeededByHeld       NeededBy = "held"       // a rebuilt model that waits to be accepted
	NeededByRebuild    NeededBy = "rebuild"    // a rebuild under way, or to be gone on with
)

// RebuildNote is what a rebuild's note says to others than who left it, who may keep
// more in the same JSON object.
type RebuildNote struct {
	// Run names the rebuild to people.
	Run string `json:"run,omitempty"`
	// Held: it waits for somebody to accept it, since HeldSince.
	Held      bool      `json:"held,omitempty"`
	HeldSince time.Time `json:"held_since,omitzero"`
}

// Needs returns who needs the log from where, who needs most of it first. It may be
// called by many at once.
func (p *Projector) Needs() ([]Need, error) {
	p.naming.Lock()
	defer p.naming.Unlock()
	return needsOf(p.models, p.Stats().Saved.Seq)
}

// ListNeeds is Needs for the models of a stopped service, whose current one's
// checkpoint ends with that message.
func ListNeeds(modelsDir string, saved uint64) ([]Need, error) {
	return needsOf(checkpoint.Models{Dir: modelsDir}, saved)
}

func needsOf(models checkpoint.Models, saved uint64) (needs []Need, err error) {
	n, err := namesOf(models)
	if err != nil {
		return nil, fmt.Errorf("ask what the read models need of the log: %w", err)
	}
	add := func(by NeededBy, seq uint64, format string, args ...any) {
		needs = append(needs, Need{Seq: max(seq, 1), By: by, Why: fmt.Sprintf(format, args...)})
	}
	closed := func(by NeededBy, name, what string) {
		k, known := readKept(models, name)
		if !known {
			what += "; where its checkpoint ends is not known"
		}
		add(by, k.Seq, "%s, %s", name, what)
	}
	add(NeededByCheckpoint, saved, "the checkpoint of the model that serves")
	if n.Previous != "" {
		closed(NeededByPrevious, n.Previous, "which served before and is kept to go back to")
	}
	if n.Next != "" && n.Next != n.Previous {
		closed(NeededByNext, n.Next, "which the next start takes")
	}
	var note RebuildNote
	_ = json.Unmarshal([]byte(n.note), &note) // one that says nothing is under way
	switch {
	case n.Rebuilding == "" || n.Rebuilding == n.Next:
	case note.Held && note.HeldSince.IsZero():
		closed(NeededByHeld, n.Rebuilding, "which waits to be accepted")
	case note.Held:
		closed(NeededByHeld, n.Rebuilding, "which waits to be accepted since "+note.HeldSince.UTC().Format(time.RFC3339))
	case note.Run == "":
		add(NeededByRebuild, 1, "the rebuild into %s, which may read all of the log", n.Rebuilding)
	default:
		add(NeededByRebuild, 1, "rebuild %s into %s, which may read all of the log", note.Run, n.Rebuilding)
	}
	slices.SortStableFunc(needs, func(a, b Need) int { return cmp.Compare(a.Seq, b.Seq) })
	return needs, nil
}
