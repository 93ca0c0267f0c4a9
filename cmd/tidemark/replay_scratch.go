package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// scratch is a directory of a process, for folds on disk without a service. It is
// locked, so that who comes next can tell it from one that a kill has left.
type scratch struct {
	dir  string
	lock *os.File
}

// scratchName begins the names of such directories.
const scratchName = "report-"

// openScratch makes a directory in the data directory, which need not be there, and
// removes those that were left.
func openScratch(dataDir string) (s *scratch, err error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create the data directory: %w", err)
	}
	if err := removeScratch(dataDir); err != nil {
		return nil, err
	}
	s = &scratch{}
	if s.dir, err = os.MkdirTemp(dataDir, scratchName); err != nil {
		return nil, fmt.Errorf("make a directory to fold in: %w", err)
	}
	if s.lock, err = lockDir(s.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

func (s *scratch) close() error { return errors.Join(os.RemoveAll(s.dir), s.lock.Close()) }

// removeScratch removes the directories whose process has ended.
func removeScratch(dataDir string) error {
	left, err := filepath.Glob(filepath.Join(dataDir, scratchName+"*"))
	if err != nil {
		return fmt.Errorf("look for what a report has left: %w", err)
	}
	for _, dir := range left {
		lock, err := lockDir(dir)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
			continue // it is at work, or has just ended
		}
		if err == nil {
			err = errors.Join(os.RemoveAll(dir), lock.Close())
		}
		if err != nil {
			return fmt.Errorf("remove what a report has left: %w", err)
		}
	}
	return nil
}

// lockDir fails with EWOULDBLOCK where another process has the directory.
func lockDir(dir string) (*os.File, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close() // nothing was written
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return file, nil
}
