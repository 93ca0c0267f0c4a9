package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

// awaitPoll is how often somebody who waits for the archive looks where it is.
const awaitPoll = 100 * time.Millisecond

// ErrBehind: the archive did not come to a message in the time that was given.
var ErrBehind = errors.New("archive is behind")

// doubts reports whether what is archived is to be judged anew. Which fold serves here
// says nothing of what another process archives.
func (a *Archive) doubts(p *Position) bool {
	archives := a.cfg.Spool != nil && a.cfg.Judges != nil && a.Status().Err == nil // this process does
	return p.rejudge.to != nil || archives && a.cfg.Judges() != p.fold
}

var errGoesOn = errors.New("it goes on: give it longer, or see tidemark replay status")

// Await waits until the archive has a message of this log, and nothing of it is to be
// judged anew, for so long at the most, and fails with ErrBehind, which says how far it
// is and why it stands still. What no retry mends is not waited for. It asks the
// database, which another process may fill.
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
		case err == nil && at.incarnation == a.cfg.Log.Incarnation() && at.Seq >= seq && !a.doubts(&at):
			return nil
		case errors.Is(why, ErrForeign), errors.Is(why, ErrDamaged):
			return fmt.Errorf("%w: it is at message %d, the fold at %d, and it does not go on: %w", ErrBehind, at.Seq, seq, why)
		case sleep.For(bounded, awaitPoll):
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if at.Seq >= seq && err == nil && why == nil {
			return fmt.Errorf("%w: after %v it is being judged anew, since another fold serves than the one that judged, and is at message %d: %w",
				ErrBehind, limit, at.rejudge.done, cmp.Or(a.Status().Rejudge.Err, errGoesOn))
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
		return fmt.Errorf("%w; %w", behind, errGoesOn)
	}
}
