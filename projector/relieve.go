package projector

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What a shadow has changed since its last checkpoint lies in memory. So that it is
// bounded, a shadow that is faster than its checkpoints waits for them, and where the
// disk may not be written to it waits until it may. The serving fold does neither.

// ErrDiskShort is returned where a model beside the serving one would be written to a
// disk on which there is too little space.
var ErrDiskShort = errors.New("disk space is short for a second read model: free some, or wait until there is more")

// mayBegin fails with ErrDiskShort where no model may be begun.
func mayBegin(cfg *Config) error {
	if err := cfg.MayWrite(); err != nil {
		return fmt.Errorf("%w: %w", ErrDiskShort, err)
	}
	return nil
}

// diskPoll is how often a shadow that waits for disk space looks again.
const diskPoll = 100 * time.Millisecond

// WhenPaused has fn called with why the shadow waits, and with nil when it goes on. It
// runs on the shadow's goroutine.
func (s *Shadow) WhenPaused(fn func(why error)) { s.paused = fn }

// AwaitDisk waits until the disk may be written to.
func (s *Shadow) AwaitDisk(ctx context.Context) error {
	why := s.e.cfg.MayWrite()
	if why == nil {
		return nil
	}
	s.e.cfg.Logger.Warn("a read model that is folded beside the serving one waits for disk space", "name", s.e.name, "reason", why)
	s.paused(why)
	defer s.paused(nil)
	ticker := time.NewTicker(diskPoll)
	defer ticker.Stop()
	for s.e.cfg.MayWrite() != nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// relieve keeps the shadow to its memory: what is not needed now is let go of, and
// while too much has changed it is written first.
func (s *Shadow) relieve(ctx context.Context) error {
	e := s.e
	if e.space != nil {
		e.space.Trim()
	}
	if e.failed {
		return errFailed
	}
	if !e.tooMuchChanged() {
		return nil
	}
	if e.saver.settle(); !e.tooMuchChanged() {
		return nil
	}
	if err := s.AwaitDisk(ctx); err != nil {
		return err
	}
	for e.tooMuchChanged() {
		if e.saver.beginNow(); !e.saver.busy {
			return fmt.Errorf("a checkpoint of model %s could not be written, and what has changed must not stay in memory: see the service's log", e.name)
		}
		e.saver.settle()
	}
	return nil
}

// tooMuchChanged reports whether more has changed than may wait for a checkpoint.
func (e *edition) tooMuchChanged() bool { return e.model.DirtyBytes()/2 > e.saver.bytes }
