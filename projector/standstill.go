package projector

import (
	"fmt"
	"sync/atomic"
	"time"
)

// stallLimit is how long the fold may stand still while the log holds more
// before it counts as stalled. A message takes it microseconds, and the heaviest
// retraction seconds.
const stallLimit = 10 * time.Second

// unreadyStall is how long it may stand still and yet be ready. All nodes fold the
// same messages, and one that takes far longer than any before would take all of them
// from their balancer at once, although they can answer.
const unreadyStall = time.Minute

// standstill watches the fold's progress from outside: a fold that waits for a
// disk that hangs cannot say so itself.
type standstill struct {
	folded uint64       // the sequence folded at the last look; of one goroutine
	since  atomic.Int64 // since when it stands although there is more, in nanoseconds; 0 if it does not
}

// look takes the sequence that is folded and the log's last.
func (s *standstill) look(folded, last uint64, now time.Time) {
	stands := folded == s.folded && folded < last
	s.folded = folded
	if !stands {
		s.since.Store(0)
	} else if s.since.Load() == 0 {
		s.since.Store(now.UnixNano())
	}
}

// check fails where it has stood for as long as the limit.
func (s *standstill) check(now time.Time, limit time.Duration) error {
	since := s.since.Load()
	if since == 0 || now.Sub(time.Unix(0, since)) < limit {
		return nil
	}
	return fmt.Errorf("the fold makes no progress since %s although the log holds more", time.Unix(0, since).UTC().Format(time.RFC3339))
}
