package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

// slot is what Postgres says of a replication slot.
type slot struct {
	there  bool
	active bool
	lost   bool
}

// lookAtSlot fails with ErrSetUp where the name is taken: slots of all databases
// of a cluster have one space of names.
func lookAtSlot(ctx context.Context, conn *pgx.Conn, name string) (s slot, err error) {
	var ours bool
	err = conn.QueryRow(ctx, `SELECT true, active, coalesce(wal_status = 'lost', false), coalesce(`+ourSlot+`, false)
		FROM pg_replication_slots WHERE slot_name = $1`, name).Scan(&s.there, &s.active, &s.lost, &ours)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return slot{}, nil
	case err != nil:
		return s, fmt.Errorf("look for slot %s: %w", name, err)
	case !ours:
		return s, setUp("slot %s is another database's or another program's; choose another --slot", name)
	}
	return s, nil
}

// ourSlot tells slots that are none of this program's in this database.
const ourSlot = "database = current_database() AND plugin = 'pgoutput'"

// createSlot makes the slot, and returns the snapshot that it begins at. The
// snapshot lasts until the replication connection is used again.
func createSlot(ctx context.Context, replication *pgconn.PgConn, name string) (snapshot string, err error) {
	statement := "CREATE_REPLICATION_SLOT " + pgx.Identifier{name}.Sanitize() + " LOGICAL pgoutput EXPORT_SNAPSHOT"
	results, err := replication.Exec(ctx, statement).ReadAll()
	if err != nil {
		return "", answered(fmt.Errorf("create slot %s: %w", name, err))
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
		_, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND "+ourSlot, name)
		var inUse *pgconn.PgError
		if !errors.As(err, &inUse) || inUse.Code != "55006" || time.Now().After(deadline) {
			return err
		}
		if !sleep.For(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
}
