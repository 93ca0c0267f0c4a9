package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Errors after which a capture does not go on by itself.
var (
	// ErrSetUp: the database cannot be followed as it is; the text says what to change.
	ErrSetUp = errors.New("changes cannot be followed")
	// ErrSlotGone: the slot is not there any more, or Postgres has thrown away
	// what it kept, so changes are lost to it.
	ErrSlotGone = errors.New("the slot is gone, and with it the changes that were not taken yet: end the capture with --drop, remove its state file, and start it again to import anew; what was deleted meanwhile must be deleted again")
	// ErrSchemaChanged: a table lost a column that the mapping names.
	ErrSchemaChanged = errors.New("a table has changed")
	// ErrTruncated: a mapped table was emptied without telling its rows.
	ErrTruncated = errors.New("a table was truncated")
)

func setUp(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrSetUp, fmt.Errorf(format, args...))
}

// quotedOnce lists the names of tables, each once.
func quotedOnce(sources []source) []string {
	set := map[string]bool{}
	for _, s := range sources {
		set[s.quoted()] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// openPublication makes the publication, or makes it hold the mapped tables.
func openPublication(ctx context.Context, conn *pgx.Conn, name string, sources []source) error {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = $1)", name).Scan(&there); err != nil {
		return fmt.Errorf("look for publication %s: %w", name, err)
	}
	quoted, tables := pgx.Identifier{name}.Sanitize(), strings.Join(quotedOnce(sources), ", ")
	// Changes of partitions are told under the name of the table that has them.
	const asRoot = "(publish_via_partition_root = true)"
	statements := []string{"CREATE PUBLICATION " + quoted + " FOR TABLE " + tables + " WITH " + asRoot}
	if there {
		statements = []string{"ALTER PUBLICATION " + quoted + " SET TABLE " + tables, "ALTER PUBLICATION " + quoted + " SET " + asRoot}
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return setUp("publication %s: %w", name, err)
		}
	}
	return nil
}

// slot is what Postgres says of a replication slot.
type slot struct {
	there  bool
	active bool
	lost   bool
}

func lookAtSlot(ctx context.Context, conn *pgx.Conn, name string) (s slot, err error) {
	err = conn.QueryRow(ctx, "SELECT true, active, coalesce(wal_status = 'lost', false) FROM pg_replication_slots WHERE slot_name = $1", name).
		Scan(&s.there, &s.active, &s.lost)
	if errors.Is(err, pgx.ErrNoRows) {
		return slot{}, nil
	}
	if err != nil {
		return s, fmt.Errorf("look for slot %s: %w", name, err)
	}
	return s, nil
}

// createSlot makes the slot, and returns the snapshot that it begins at. The
// snapshot lasts until the replication connection is used again.
func createSlot(ctx context.Context, replication *pgconn.PgConn, name string) (snapshot string, err error) {
	statement := "CREATE_REPLICATION_SLOT " + pgx.Identifier{name}.Sanitize() + " LOGICAL pgoutput EXPORT_SNAPSHOT"
	results, err := replication.Exec(ctx, statement).ReadAll()
	if err != nil {
		return "", setUp("create slot %s: %w", name, err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) < 3 {
		return "", fmt.Errorf("create slot %s: the answer has another form than expected", name)
	}
	return string(results[0].Rows[0][2]), nil
}

// systemOf names the database cluster.
func systemOf(ctx context.Context, replication *pgconn.PgConn) (string, error) {
	results, err := replication.Exec(ctx, "IDENTIFY_SYSTEM").ReadAll()
	if err != nil {
		return "", fmt.Errorf("ask which database cluster it is: %w", err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) < 1 {
		return "", errors.New("ask which database cluster it is: the answer has another form than expected")
	}
	return string(results[0].Rows[0][0]), nil
}

// Drop removes slot and publication; those that are not there are no error.
func Drop(ctx context.Context, url, name string) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all is done
	if err := dropSlot(ctx, conn, name); err != nil {
		return fmt.Errorf("drop slot %s: %w", name, err)
	}
	if _, err := conn.Exec(ctx, "DROP PUBLICATION IF EXISTS "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("drop publication %s: %w", name, err)
	}
	return nil
}

// leaveLimit is how long Postgres may take to notice that a connection has ended.
const leaveLimit = 5 * time.Second

// dropSlot waits a moment for a connection that has just ended; one that goes on
// is an error.
func dropSlot(ctx context.Context, conn *pgx.Conn, name string) error {
	for deadline := time.Now().Add(leaveLimit); ; {
		_, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", name)
		var inUse *pgconn.PgError
		if !errors.As(err, &inUse) || inUse.Code != "55006" || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
