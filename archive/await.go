package archive

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// awaitPoll is how often somebody who waits for the archive looks where it is.
const awaitPoll = 100 * time.Millisecond

// ErrBehind: the archive did not come to a message in the time that was given.
var ErrBehind = errors.New("archive is behind")

// Await waits until the archive has a message of this log, for so long at the most,
// and fails with ErrBehind, which says how far it is and why it stands still. What no
// retry mends is not waited for. It asks the database, which another process may fill.
func (a *Archive) Await(ctx context.Context, seq uint64, limit time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	at := a.Status().Position
	for {
		position, err := readPosition(bounded, a.pool, "")
		if err == nil {
			at = position
		}
		why := a.Status().Err
		switch {
		case err == nil && at.incarnation == a.cfg.Log.Incarnation() && at.Seq >= seq:
			return nil
		case errors.Is(why, ErrForeign), errors.Is(why, ErrDamaged):
			return fmt.Errorf("%w: it is at message %d, the fold at %d, and it does not go on: %w", ErrBehind, at.Seq, seq, why)
		case sleep(bounded, awaitPoll):
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		}
		behind := fmt.Errorf("%w: after %v it is at message %d, and the fold at %d", ErrBehind, limit, at.Seq, seq)
		switch {
		case why != nil:
			return fmt.Errorf("%w; it does not go on: %w", behind, why)
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("%w; the database does not say more: %w", behind, err)
		case a.cfg.Spool == nil:
			return fmt.Errorf("%w; another process writes it: see whether that runs, with the role archive, and what its status says", behind)
		}
		return fmt.Errorf("%w; it goes on: give it longer, or see tidemark replay status", behind)
	}
}
