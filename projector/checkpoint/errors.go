package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

var (
	// ErrDamaged is returned when the directory's contents cannot be trusted.
	// Set the directory aside (Models.SetAside) and rebuild from the log.
	ErrDamaged = errors.New("checkpoint is damaged: set its directory aside and rebuild it from the log")
	// ErrLocked is returned by Open when the directory is open already, in this
	// process or another.
	ErrLocked = errors.New("checkpoint is in use: stop the process that has it open")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("checkpoint is closed")
	// ErrRetired is returned by reads on a view that has been retired. Take a
	// newer one.
	ErrRetired = errors.New("view of the checkpoint has been retired: take a newer one")
	// ErrVersion is returned by Write for a version that is not above the latest.
	ErrVersion = errors.New("checkpoint version is not above the latest")
	// ErrBroken is returned by Write and Sync from the first fsync that failed on:
	// what the disk holds is unknown until the directory is opened anew. End the
	// process.
	ErrBroken = errors.New("checkpoint could not be synced: end the process and look at its disk")
	// ErrTooLarge is returned by Write for a marker, key or value beyond its limit.
	ErrTooLarge = errors.New("checkpoint entry is too large")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}

// environmental are errors that say something about the machine and nothing
// about the files' contents.
var environmental = []error{
	fs.ErrPermission, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS,
	syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOTDIR,
}

// classify tells damage from a machine in trouble. Badger formats the errors
// that it wraps, so that only their text is left to look at.
func classify(action string, err error) error {
	for _, e := range environmental {
		if errors.Is(err, e) || strings.Contains(err.Error(), e.Error()) {
			return fmt.Errorf("%s: %w", action, err)
		}
	}
	return damaged("%s: %w", action, err)
}
