package main

import (
	"fmt"
	"syscall"
)

const (
	// usualConnections are kept unless a flag says otherwise: 380 MB of them.
	usualConnections = 20_000
	// ownFiles is left to the event log, the checkpoints and the archive, which
	// hold some hundreds of files open at most; half of them all where the limit
	// is low.
	ownFiles = 4096
)

// connections is how many connections of clients are kept at a time.
func (s *serveCmd) connections() (int, error) {
	if s.MaxConnections > 0 {
		return s.MaxConnections, nil
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 0, fmt.Errorf("read the limit on open files: %w", err)
	}
	return int(min(usualConnections, files.Cur-min(files.Cur/2, ownFiles))), nil
}
