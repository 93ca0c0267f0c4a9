package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// ErrReplaced is returned to who compares a model with the serving one when
// another has taken its place meanwhile.
var ErrReplaced = errors.New("another read model serves by now: begin anew")

// Mend writes the keys of the serving model anew that a comparison with the shadow
// has found to differ, between two record batches, and raises its generation. Call
// Follow before. It returns how many keys were written; a checkpoint follows.
func (p *Projector) Mend(ctx context.Context, s *Shadow, c *readmodel.Comparison) (mended int, generation uint32, err error) {
	if generation, err = p.models.NextGeneration(); err != nil {
		return 0, 0, err
	}
	for {
		var written chan error
		asked := p.Lockstep(ctx, s, func(live, _ *readmodel.Model) {
			e := p.live
			switch {
			case !c.Of(live):
				err = ErrReplaced
			case e.saver.busy: // what is being written does not change
				written = make(chan error, 1)
				e.saver.awaited = append(e.saver.awaited, written)
			default:
				mended, err = c.Mend(generation)
				e.mends++
				e.id.Epoch = generation // what was wrong had judged by it
				p.judgesAs(e.id)
				e.saver.begin()
			}
		})
		if asked != nil || err != nil || written == nil {
			return mended, generation, errors.Join(asked, err)
		}
		select {
		case err := <-written:
			if err != nil {
				return 0, 0, fmt.Errorf("wait for a checkpoint of the serving model: %w", err)
			}
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}
