package projector

import (
	"fmt"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
)

// Needs returns the first message that the read models of this directory may
// want of the log again: the one that the oldest of their checkpoints ends with,
// by which a start knows the log. The model that is kept to go back to counts, and
// the one that the next start takes; while one is being rebuilt, all messages are
// needed. It is for one goroutine.
func (p *Projector) Needs() (seq uint64, err error) {
	r, err := p.roles()
	if err != nil {
		return 0, err
	}
	if r.rebuilding != "" {
		return 1, nil
	}
	next, err := p.models.Next()
	if err != nil {
		return 0, err
	}
	seq = p.Stats().Saved.Seq
	for i, name := range []string{r.previous, next} {
		if name == "" {
			continue
		}
		k := &p.kept[i]
		if k.name != name {
			at, err := p.savedBy(name)
			if err != nil {
				return 0, err
			}
			*k = kept{name, at}
		}
		seq = min(seq, k.at)
	}
	return max(seq, 1), nil
}

// kept is a model that is kept, and the message that its checkpoint ends with.
type kept struct {
	name string
	at   uint64
}

// savedBy reads where the last checkpoint of a model ends that nobody has open.
func (p *Projector) savedBy(name string) (uint64, error) {
	store, err := checkpoint.Open(p.models.Path(name), checkpoint.Options{Logger: p.cfg.Logger})
	if err != nil {
		return 0, fmt.Errorf("open model %s, which is kept: %w", name, err)
	}
	defer func() { _ = store.Close() }() // it is only read
	version, data := store.Latest()
	if version == 0 {
		return 0, nil
	}
	mark, err := decodeMarker(data)
	if err != nil {
		return 0, fmt.Errorf("read the checkpoint of model %s, which is kept: %w", name, err)
	}
	return mark.Last.Seq, nil
}
