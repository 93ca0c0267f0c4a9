package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockDirectory takes the lock that Badger itself would take: an exclusive
// flock on the directory. Holding it here covers the checks before Badger opens
// the files, and tells a held lock from other failures.
func lockDirectory(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open checkpoint directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("lock %s: %w", dir, ErrLocked)
	}
	return nil, fmt.Errorf("lock checkpoint directory %s: %w", dir, err)
}
