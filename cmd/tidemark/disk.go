package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"
)

// diskGuard watches the free space under the data directory. Below the limit
// no command is taken and no checkpoint begun, long before writing fails:
// Badger dies on a full disk.
type diskGuard struct {
	dir    string
	min    int64
	logger *slog.Logger
	free   atomic.Int64
	short  atomic.Bool
}

// diskPoll is how often free space is looked at: a fast disk writes some
// gigabytes in that time at most, commands far less.
const diskPoll = time.Second

// newDiskGuard looks once, so that a start on a full disk knows at once.
func newDiskGuard(dir string, minFree int64, logger *slog.Logger) (*diskGuard, error) {
	g := &diskGuard{dir: dir, min: minFree, logger: logger}
	return g, g.look()
}

// Run looks again and again until the context ends.
func (g *diskGuard) Run(ctx context.Context) error {
	ticker := time.NewTicker(diskPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := g.look(); err != nil {
				g.logger.Error("free disk space cannot be read", "dir", g.dir, "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (g *diskGuard) look() error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(g.dir, &stat); err != nil {
		return fmt.Errorf("read the free space under %s: %w", g.dir, err)
	}
	free := int64(stat.Bavail) * int64(stat.Bsize)
	g.free.Store(free)
	if short := free < g.min; g.short.Swap(short) != short {
		if short {
			g.logger.Error("disk space is short: commands are refused until there is more", "free_bytes", free, "min_bytes", g.min)
		} else {
			g.logger.Info("there is disk space again: commands are taken", "free_bytes", free)
		}
	}
	return nil
}

// Check returns why nothing may be written now, nil if it may.
func (g *diskGuard) Check() error {
	if g.short.Load() {
		return fmt.Errorf("%d bytes are free under the data directory, %d are kept in reserve", g.free.Load(), g.min)
	}
	return nil
}
