package replay

import "context"

// StartDiscard gives up a rebuilt model that does not serve, and removes it: one
// that waits to be accepted, since it differs or was held back, one whose rebuild
// failed or was interrupted, or, where there is none of these, the one that the next
// start was to take. It fails with projector.ErrNothingToDiscard. A rebuild under way
// is cancelled instead. With Previous it gives up the model that served before the
// present one, and fails with projector.ErrNoPrevious where there is none.
func (r *Runs) StartDiscard(_ context.Context, o DiscardOptions) (RunID, error) {
	p := r.cfg.Projector
	which, discard := p.Unserved, func(_ context.Context, name string) error { return p.Discard(name) }
	order := o.Order
	if o.Previous {
		which, discard, order = p.WayBack, p.DiscardWayBack, order.Asking(map[string]bool{"previous": true})
	}
	if _, err := which(); err != nil {
		return "", err
	}
	return r.Start(KindDiscard, order, func(ctx context.Context, m *Meter) (any, error) {
		name, err := which()
		if err != nil {
			return nil, err
		}
		m.Phase("removing " + name)
		result := &DiscardResult{Model: name, Previous: o.Previous}
		r.decide(m.run, name, result)
		if err := discard(ctx, name); err != nil {
			return nil, err
		}
		if needs, err := p.Needs(); err == nil && len(needs) > 0 {
			result.Needed = needs[0]
		}
		return result, nil
	})
}
