package archive

import "errors"

// Errors that no retry mends; the archive stands still and says so until
// somebody has done what the message asks for.
var (
	// ErrForeign: the schema holds the archive of another log, or of a later
	// version of tidemark. Use another --postgres-schema or database.
	ErrForeign = errors.New("schema is not this log's archive")
	// ErrDamaged: rows and position contradict each other: somebody restored or
	// changed tables one by one. Restore the whole schema from one backup.
	ErrDamaged = errors.New("archive is not whole")
	// ErrBusy: another process archives into the schema. It is waited for.
	ErrBusy = errors.New("another process archives into this schema")
	// ErrUnavailable: no archive is configured, or it does not answer now.
	ErrUnavailable = errors.New("archive does not answer")
)
