package intake

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// Errors after which a capture does not go on by itself.
var (
	// ErrSetUp: the tables cannot be imported or followed as things are; the text says
	// what to change.
	ErrSetUp = errors.New("the application's tables cannot be brought in as things are")
	// ErrSlotGone: the slot is not there any more, or Postgres has thrown away
	// what it kept, so changes are lost to it.
	ErrSlotGone = errors.New("the slot is gone, and with it the changes that were not taken yet: end the capture with --drop, remove its state file, and start it again to import anew; what was deleted meanwhile must be deleted again")
	// ErrPublicationGone: somebody removed the publication. Postgres tells no change
	// from before a publication was made, and so none behind it either.
	ErrPublicationGone = errors.New("the publication is gone, and without it the slot tells nothing that was not taken yet: end the capture with --drop, remove its state file, and start it again to import anew; what was deleted meanwhile must be deleted again")
	// ErrRewound: the database is an older one than was followed.
	ErrRewound = errors.New("the database was put back to an earlier state, so its log says something else than what was taken from it: end the capture with --drop, remove its state file, and start it again to import anew; what the database has lost stays counted")
	// ErrSchemaChanged: a table lost a column that the mapping names.
	ErrSchemaChanged = errors.New("a table has changed")
	// ErrTruncated: a mapped table was emptied without telling its rows.
	ErrTruncated = errors.New("a table was truncated")
)

func setUp(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrSetUp, fmt.Errorf(format, args...))
}

// refused makes ErrSetUp of an error by which Postgres says that it lets nobody do
// that: another try is answered alike.
func refused(err error) error {
	var answer *pgconn.PgError
	codes := []string{"28000", "28P01", "3D000", "42501"} // no such role or rule, wrong password, no such database, no right
	if errors.As(err, &answer) && slices.Contains(codes, answer.Code) && !errors.Is(err, ErrSetUp) {
		return setUp("%w", err)
	}
	return err
}

// answered makes ErrSetUp of an error by which Postgres refuses a statement, and
// leaves alone those that say that it is away.
func answered(err error) error {
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.Code[:2] != "57" && answer.Code[:2] != "40" { // it shuts down; a deadlock
		return setUp("%w", err)
	}
	return err
}
