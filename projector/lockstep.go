package projector

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// ErrBehind is returned where a shadow is further behind the serving fold than
// the messages that are kept for it: read on from the log, then try again.
var ErrBehind = errors.New("the shadow is too far behind the serving fold")

const (
	// recentMessages and recentBytes bound the messages kept for shadows.
	recentMessages = 4096
	recentBytes    = 32 << 20
	// lockstepEvents bounds what of a shadow's lag is folded while the serving
	// fold waits: a tenth of a millisecond for views, a fraction of one for rows.
	lockstepEvents = 256
	// lockstepPatience is after how many tries the bound is doubled with each: a
	// serving fold that has much to fold itself would run away for ever.
	lockstepPatience = 32
)

// recent keeps the last messages that were folded, as long as a shadow follows.
// They are shared with it, and so never changed.
type recent struct {
	followers atomic.Int32
	messages  []*decodedMessage // in order, each the next of the one before
	bytes     int
}

// note takes a message that was folded.
func (r *recent) note(msg *decodedMessage) {
	if r.followers.Load() == 0 {
		r.messages, r.bytes = nil, 0
		return
	}
	r.messages = append(r.messages, msg)
	r.bytes += len(msg.Data)
	for len(r.messages) > recentMessages || r.bytes > recentBytes {
		r.bytes -= len(r.messages[0].Data)
		r.messages[0] = nil
		r.messages = r.messages[1:]
	}
}

// between returns the messages after seq up to last, if they are all there.
func (r *recent) between(seq, last uint64) ([]*decodedMessage, error) {
	switch {
	case seq == last:
		return nil, nil
	case seq > last:
		return nil, fmt.Errorf("the shadow stands at message %d, beyond the serving fold at %d", seq, last)
	case len(r.messages) == 0 || r.messages[0].Seq > seq+1:
		return nil, ErrBehind
	}
	return r.messages[seq+1-r.messages[0].Seq:], nil
}

// Follow keeps the messages that are folded from now on for shadows that are in
// lockstep, until the function it returns is called.
func (p *Projector) Follow() (unfollow func()) {
	p.recent.followers.Add(1)
	var done atomic.Bool
	return func() {
		if !done.Swap(true) {
			p.recent.followers.Add(-1)
		}
	}
}

// Lockstep runs fn in the serving fold, between two record batches, while the
// shadow is at the same position. The caller's goroutine owns the shadow, and has
// called Follow. fn must be quick: reads go on meanwhile, and nothing is folded.
// It fails with ErrBehind, with ErrStopped, and where the shadow cannot be folded on.
func (p *Projector) Lockstep(ctx context.Context, s *Shadow, fn func(live, shadow *readmodel.Model)) error {
	if err := s.relieve(ctx); err != nil {
		return err
	}
	_, err := p.lockstep(ctx, s, fn)
	return err
}

// lockstep is Lockstep, and tells how long the serving fold waited for it.
func (p *Projector) lockstep(ctx context.Context, s *Shadow, fn func(live, shadow *readmodel.Model)) (waited time.Duration, err error) {
	budget := lockstepEvents
	for try := 1; ; try++ {
		var todo []*decodedMessage
		done := false
		asked := p.between(ctx, func() {
			begun := time.Now()
			defer func() { waited = time.Since(begun) }()
			todo, err = p.recent.between(s.e.model.At().Seq, p.live.model.At().Seq)
			if err != nil || eventsOf(todo) > budget {
				return
			}
			err = s.e.guard(func() error {
				if err := s.foldAll(todo); err != nil {
					return err
				}
				fn(p.live.model, s.e.model)
				done = true
				return nil
			})
		})
		if asked != nil || err != nil || done {
			return waited, errors.Join(asked, err)
		}
		// Beside the serving fold, which goes on meanwhile.
		if err := s.foldAll(todo); err != nil {
			return 0, err
		}
		if try > lockstepPatience {
			budget *= 2
		}
	}
}

func eventsOf(messages []*decodedMessage) (n int) {
	for _, m := range messages {
		n += m.batch.Events
	}
	return n
}
