package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/events"
)

// Freshness is what the pipeline needs to know of the read model.
type Freshness interface {
	// Wait returns nil as soon as the read model has folded at least
	// t.Ceiling, ErrStale when ctx ends before that, and ErrOtherIncarnation
	// at once where t is a position of another log or of a lost tail.
	Wait(ctx context.Context, t events.Token) error
	// Position returns the header value Tidemark-Position of the present
	// moment: one token whose floor and ceiling are the folded position.
	Position() []string
	// AsOf returns the header value Tidemark-As-Of of the present moment.
	AsOf() []string
	// Both return slices of one string that are shared between requests and
	// never changed, neither by their readers nor by the read model.
}

// Errors of Freshness.Wait.
var (
	// ErrStale: the position was not reached in time; the client may ask again.
	ErrStale = errors.New("read model has not reached the position in time")
	// ErrOtherIncarnation: the position will never be reached.
	ErrOtherIncarnation = errors.New("position belongs to another incarnation of the log")
)

// errUnsettled is a fault of a handler: see Call.Settle.
var errUnsettled = errors.New("handler answered a request with Tidemark-After without Settle")

// Settle waits, within the wait limit, until the read model has folded the
// request's Tidemark-After; without one it returns at once. A handler calls it
// after it has judged the content and before it looks at state, so that a
// request that is wrong is told so first. It returns the error to answer with.
func (c *Call) Settle(ctx context.Context) error {
	c.settled = true
	if !c.hasAfter {
		return nil
	}
	s := c.route.server
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WaitLimit)
	defer cancel()
	switch err := s.cfg.ReadModel.Wait(ctx, c.after); {
	case err == nil:
		c.observeReadModel()
		return nil
	case errors.Is(err, ErrOtherIncarnation):
		return OtherIncarnation
	case errors.Is(err, ErrStale), errors.Is(err, context.DeadlineExceeded):
		return StaleReadModel
	case errors.Is(err, context.Canceled):
		return Unavailable
	default:
		return fmt.Errorf("wait for Tidemark-After: %w", err)
	}
}

// observeReadModel takes position and time before the state is read: said of
// an answer read afterwards they claim too little and never too much.
func (c *Call) observeReadModel() {
	if c.route.versioned {
		c.position = c.route.server.cfg.ReadModel.Position()
		c.asOf = c.route.server.cfg.ReadModel.AsOf()
	}
}

// SetPosition gives the answer's Tidemark-Position as a slice of one string,
// which may be shared and must not change any more. Where the handler gives
// none, the answer carries the read model's position from before the handler
// ran. That is a sound floor; a handler that reads counters while the fold
// goes on, and a command, know better.
func (c *Call) SetPosition(value []string) { c.position = value }

// SetToken gives the answer's Tidemark-Position. It allocates the header value;
// who answers with the same token often keeps one for SetPosition.
func (c *Call) SetToken(t events.Token) {
	c.scratch = t.AppendTo(c.scratch[:0])
	c.position = []string{string(c.scratch)}
}

// After returns the request's Tidemark-After; ok is false where there is none.
func (c *Call) After() (t events.Token, ok bool) { return c.after, c.hasAfter }
