package archive

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

const (
	// retryLeast and retryMost bound the pause after a failure.
	retryLeast = 100 * time.Millisecond
	retryMost  = 10 * time.Second
)

// pauses are those between tries of what fails, each twice as long as the one before,
// and up to half of it less, so that not everybody tries at once.
type pauses struct{ next time.Duration }

// wait waits for the next one; it returns false where the context ends first.
func (p *pauses) wait(ctx context.Context) bool {
	now := max(p.next, retryLeast)
	p.next = min(2*now, retryMost)
	return sleep.For(ctx, now/2+rand.N(now/2))
}

// reset begins with short ones again.
func (p *pauses) reset() { p.next = 0 }
