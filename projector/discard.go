package projector

import (
	"context"
	"errors"
	"fmt"
)

// ErrNothingToDiscard is returned where no model was rebuilt that does not serve.
var ErrNothingToDiscard = errors.New("there is nothing to discard: no rebuilt model waits, to be gone on with, to be accepted or for the next start")

// Unserved returns the model that Discard would remove: one that was being rebuilt
// or waits to be accepted, else the one that the next start takes. It fails with
// ErrNothingToDiscard.
func (p *Projector) Unserved() (name string, err error) {
	n, err := p.Names()
	switch {
	case err != nil:
		return "", err
	case n.Rebuilding != "":
		return n.Rebuilding, nil
	case n.Next != "":
		return n.Next, nil
	}
	return "", ErrNothingToDiscard
}

// Discard removes a model that Unserved has returned, which nobody has open. Who is
// killed within it leaves the model as it was, or none: it is not named any more
// before the first of its files goes, and what no file names the next start removes.
func (p *Projector) Discard(name string) error {
	p.naming.Lock()
	defer p.naming.Unlock()
	n, err := p.Names()
	if err != nil {
		return err
	}
	if n.Next == name {
		err = p.setNext("", nil)
	}
	if err == nil && n.Rebuilding == name {
		err = p.models.EndRebuilding()
	}
	if err != nil {
		return fmt.Errorf("discard model %s: %w", name, err)
	}
	if name == n.Previous || name == n.Current {
		return nil // a way back that was to be taken: it is kept as one
	}
	return p.models.Remove(name)
}

// AbandonRebuild removes a rebuild that nobody will go on with, if there is one.
func (p *Projector) AbandonRebuild() error {
	name, _, err := p.models.Rebuilding()
	if err != nil || name == "" {
		return err
	}
	return p.Discard(name)
}

// WayBack returns the model that served before the present one. It fails with
// ErrNoPrevious.
func (p *Projector) WayBack() (name string, err error) {
	if name, err = p.models.Previous(); err == nil && name == "" {
		err = ErrNoPrevious
	}
	return name, err
}

// DiscardWayBack removes the model that WayBack has returned, also where the next start
// was to take it. Who is killed within it leaves it as it was, or none.
func (p *Projector) DiscardWayBack(ctx context.Context, name string) error {
	if err := p.awaitRetired(ctx); err != nil {
		return err
	}
	p.naming.Lock()
	defer p.naming.Unlock()
	n, err := p.Names()
	if err == nil && n.Previous != name {
		err = ErrNoPrevious // another switch has replaced it
	}
	if err == nil && n.Next == name {
		err = p.setNext("", nil)
	}
	if err == nil {
		err = p.models.SetPrevious("")
	}
	if err != nil {
		return fmt.Errorf("discard model %s: %w", name, err)
	}
	return p.models.Remove(name)
}
