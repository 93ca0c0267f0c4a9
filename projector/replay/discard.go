package replay

import "context"

// StartDiscard gives up a rebuilt model that does not serve, and removes it: one
// that waits to be accepted, since it differs or was held back, one whose rebuild
// failed or was interrupted, or, where there is none of these, the one that the next
// start was to take. It fails with projector.ErrNothingToDiscard. A rebuild under way
// is cancelled instead.
func (r *Runs) StartDiscard(_ context.Context, o DiscardOptions) (RunID, error) {
	p := r.cfg.Projector
	if _, err := p.Unserved(); err != nil {
		return "", err
	}
	return r.Start(KindDiscard, o.Order, func(ctx context.Context, m *Meter) (any, error) {
		name, err := p.Unserved()
		if err != nil {
			return nil, err
		}
		m.Phase("removing " + name)
		result := &DiscardResult{Model: name}
		r.decide(m.run, name, result)
		if err := p.Discard(name); err != nil {
			return nil, err
		}
		if needs, err := p.Needs(); err == nil && len(needs) > 0 {
			result.Needed = needs[0]
		}
		return result, nil
	})
}
