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
// one. They exclude each other, by a lock of the database: captures of a source share it while
// they follow, as long as their connection lasts, and whoever imports has it alone: an import
// by itself, with or without a slot, and a capture that has yet to. An import without a slot may
// come through a pooler of transactions, which keeps connections: its lock is its transaction's,
// and that lasts until all is sent. A capture that goes on after an import tells every change
// since it stood, the newest last.

// errImporting: an import of the source is under way. It is waited for.
var errImporting = errors.New("an import of the same source is under way, and is waited for")

// lockName names the lock of a source.
const lockName = "(hashtext('tidemark intake'), hashtext($1))"

// claim takes the lock for a capture, which others share, or alone for one that imports.
func (c *Capture) claim(ctx context.Context, conn *pgx.Conn) error {
	if !c.ImportOnly && c.state.Imported {
		return besideCaptures(ctx, conn, c.Mapping)
	}
	return c.alone(ctx, conn)
}

// alone takes the lock to import.
func (c *Capture) alone(ctx context.Context, conn *pgx.Conn) error {
	free, err := tryLock(ctx, conn, "pg_try_advisory_lock", c.Mapping)
	switch {
	case err != nil:
		return err
	case free:
		c.claimed = true
		return nil
	case c.claimed:
		return errImporting // this one: Postgres has yet to notice that its connection was lost
	case !c.ImportOnly:
		return fmt.Errorf("source %s is followed by another tidemark ingest postgres, or imported: what would be imported now could be put over newer start values. That is waited for; stop it until this one follows", c.Mapping.Source)
	}
	return errFollowed(c.Mapping)
}

// share lets others follow beside a capture that has imported.
func (c *Capture) share(ctx context.Context, conn *pgx.Conn) error {
	if err := besideCaptures(ctx, conn, c.Mapping); err != nil {
		return err // it has the lock alone, so it is free
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_unlock"+lockName, c.Mapping.Source); err != nil {
		return fmt.Errorf("let others follow source %s: %w", c.Mapping.Source, err)
	}
	return nil
}

// besideCaptures takes the lock that captures share.
func besideCaptures(ctx context.Context, conn *pgx.Conn, m *mapping.Mapping) error {
	free, err := tryLock(ctx, conn, "pg_try_advisory_lock_shared", m)
	if err == nil && !free {
		err = errImporting
	}
	return err
}

// aloneIn takes the lock for an import by itself, in its transaction. It fails with
// ErrSetUp while a capture or another import goes on. A standby has locks of its own, and
// nothing there tells who follows the primary: from one, nothing is imported.
func aloneIn(ctx context.Context, tx pgx.Tx, m *mapping.Mapping) error {
	var standby, free bool
	err := tx.QueryRow(ctx, "SELECT pg_is_in_recovery(), pg_try_advisory_xact_lock"+lockName, m.Source).Scan(&standby, &free)
	switch {
	case err != nil:
		return fmt.Errorf("look for others that bring source %s in: %w", m.Source, err)
	case standby:
		return setUp("this is a standby, where nobody can tell whether a running tidemark ingest postgres follows source %s: what is read here could be put over newer start values. Import from the primary; --dry-run may read here", m.Source)
	case !free:
		return errFollowed(m)
	}
	return nil
}

// errFollowed is ErrSetUp: somebody else brings the source in.
func errFollowed(m *mapping.Mapping) error {
	return setUp("source %s is followed by a running tidemark ingest postgres, or imported by another: what is read now could be put over newer start values. Stop that, import, and start it again; it tells all that changed meanwhile", m.Source)
}

func tryLock(ctx context.Context, conn *pgx.Conn, how string, m *mapping.Mapping) (free bool, err error) {
	if err = conn.QueryRow(ctx, "SELECT "+how+lockName, m.Source).Scan(&free); err != nil {
		return false, fmt.Errorf("look for others that bring source %s in: %w", m.Source, err)
	}
	return free, nil
}
