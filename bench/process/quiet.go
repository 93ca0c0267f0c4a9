package process

import (
	"context"
	"fmt"
	"time"
)

// Quiet waits until a server has nothing to do any more (checkpoints, vacuum):
// until it has used less than 1 % of a core for a second.
func (s *Server) Quiet(ctx context.Context) error {
	const limit = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	last, err := s.CPU()
	for err == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%s is still busy after %s: %w", s.spec.Name, limit, ctx.Err())
		}
		used := last
		if last, err = s.CPU(); err == nil && last-used <= tick {
			return nil
		}
	}
	return err
}
