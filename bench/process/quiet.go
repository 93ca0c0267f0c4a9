package process

import (
	"context"
	"fmt"
	"time"
)

// Quiet waits until a server has nothing to do any more (checkpoints, vacuum):
// until it has used no more than the least that can be told (10 ms) for so long.
func (s *Server) Quiet(ctx context.Context, quiet time.Duration) error {
	const limit = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(quiet)
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
