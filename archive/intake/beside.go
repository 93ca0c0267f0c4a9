package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
)

// A start value replaces the one before, in the order of the log. So an import that sends
// what it saw while a capture sends what came after that could put an older one over a newer
// one. They exclude each other, by a lock of the database that ends with the connection:
// captures of a source share it, and an import by itself has it alone. A capture that goes
// on after an import tells every change since it stood, the newest last.

// errImporting: an import by itself is under way. It is waited for.
var errImporting = errors.New("an import of the same source is under way, and is waited for")

// lockName names the lock of a source.
const lockName = "(hashtext('tidemark intake'), hashtext($1))"

// besideCaptures takes the lock that captures share.
func besideCaptures(ctx context.Context, conn *pgx.Conn, m *mapping.Mapping) error {
	free, err := tryLock(ctx, conn, "pg_try_advisory_lock_shared", m)
	if err == nil && !free {
		err = errImporting
	}
	return err
}

// aloneWith takes the lock for an import by itself. It fails with ErrSetUp while a capture
// or another import goes on.
func aloneWith(ctx context.Context, conn *pgx.Conn, m *mapping.Mapping) error {
	free, err := tryLock(ctx, conn, "pg_try_advisory_lock", m)
	if err == nil && !free {
		err = setUp("source %s is followed by a running tidemark ingest postgres, or imported by another: what is read now could be put over newer start values. Stop that, import, and start it again; it tells all that changed meanwhile", m.Source)
	}
	return err
}

func tryLock(ctx context.Context, conn *pgx.Conn, how string, m *mapping.Mapping) (free bool, err error) {
	if err = conn.QueryRow(ctx, "SELECT "+how+lockName, m.Source).Scan(&free); err != nil {
		return false, fmt.Errorf("look for others that bring source %s in: %w", m.Source, err)
	}
	return free, nil
}
