package archive

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// settings holds for every connection of the archive, whatever its role and its
// database are set to. They are set by statements: a pooler does not pass on what is
// asked for while connecting.
//
// A commit is on the server's disk when it is answered: the log forgets what is
// archived. WriteLimit bounds what this process does, and no time limit of the role.
const settings = `SET search_path = %s; SET timezone = 'UTC'; SET client_encoding = 'UTF8'; SET synchronous_commit = on;
SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off;
SELECT set_config(name, '0', false) FROM pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')`

// settle returns what sets a new connection up.
func settle(schema string) pgconn.AfterConnectFunc {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		if _, err := conn.Exec(ctx, fmt.Sprintf(settings, pgx.Identifier{schema}.Sanitize())).ReadAll(); err != nil {
			return fmt.Errorf("set up a connection: %w", err)
		}
		return nil
	}
}
