package projector

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidemark-io/tidemark/projector/checkpoint"
)

// A model that was rebuilt on disk waits for the next start, which loads it into
// memory in place of the current one. It becomes the current one when it is loaded
// and fits the log; else the start goes on as if there were none.

// takeNext takes the model that this start is to take, and reports whether it did.
func (p *Projector) takeNext(ctx context.Context, l *Loading, first, last uint64) bool {
	<-l.done
	p.live.name, p.live.store = l.name, l.store
	err := l.usable()
	if err == nil {
		err = p.resume(ctx, l, first, last)
	}
	if err == nil {
		err = p.nextIsCurrent(l.name)
	}
	if err == nil {
		p.cfg.Logger.Info("this start takes a read model that was rebuilt on disk", "name", l.name, "position", p.live.model.At().String())
		return true
	}
	l.Close()
	p.live = p.edition()
	p.cfg.Logger.Error("the read model that this start was to take cannot be used; the one of before serves on", "name", l.name, "reason", err)
	var doubt errDoubt
	if errors.As(err, &doubt) { // else the machine is in trouble: the next start may take it
		if err := p.forgetNext(); err != nil {
			p.cfg.Logger.Warn("it could not be removed", "name", l.name, "error", err)
		}
	}
	return false
}

// nextIsCurrent gives the model a generation above all that served, and writes the
// files that name the models.
func (p *Projector) nextIsCurrent(name string) error {
	generation, err := p.models.NextGeneration()
	if err != nil {
		return err
	}
	p.live.model.SetGeneration(generation)
	if err := p.live.writeFirst(); err != nil {
		return err
	}
	n, err := namesBeside(p.models)
	if err != nil {
		return err
	}
	switch n.Current, _, err = p.models.Current(); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, checkpoint.ErrDamaged):
		p.cfg.Logger.Error("the current read model is gone; there is no way back to it", "error", err)
	case err != nil:
		return err
	}
	switch n.Current {
	case name:
	case "":
		n.Current = name
	default:
		n.Current, n.Previous = name, n.Current
		_ = os.Remove(filepath.Join(p.models.Path(n.Previous), keptFile)) // it is older than the model may be
	}
	if n.Rebuilding == name {
		n.Rebuilding, n.note = "", ""
	}
	return errors.Join(p.name(n), p.models.SetNext(""))
}

// forgetNext removes a model that no start is to take any more. One that is kept to
// go back to stays.
func (p *Projector) forgetNext() error {
	n, err := namesBeside(p.models)
	if err != nil {
		return err
	}
	if err := p.setNext("", nil); err != nil || n.Next == "" || n.Next == n.Previous {
		return err
	}
	return p.models.Remove(n.Next)
}

// setNext names the model that the next start takes, or none, and tells who waits for
// the one that was named before to be forgotten. Call it with naming held.
func (p *Projector) setNext(name string, forgotten func()) error {
	if err := p.models.SetNext(name); err != nil {
		return err
	}
	if p.nextForgotten != nil {
		p.nextForgotten()
	}
	p.nextForgotten = forgotten
	return nil
}
