package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// unlimited lifts what bounds the statements of the application's own roles: an
// import reads for as long as it takes, and waits for the service meanwhile.
const unlimited = `SELECT set_config(name, '0', false) FROM pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')`

// connectLimit bounds a connect, unless the address does.
const connectLimit = 30 * time.Second

// bind has a connection bring text as UTF-8, whatever the database keeps it in, and be
// given up where nobody answers.
func bind(config *pgconn.Config) {
	config.RuntimeParams["client_encoding"] = "UTF8"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectLimit
	}
}

// connect connects for questions and for reading.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, setUp("%w", err)
	}
	bind(&config.Config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		if _, err = conn.Exec(ctx, unlimited); err != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("connect to Postgres: %w", err)
	}
	return conn, nil
}

// connectReplication connects for the stream of changes.
func connectReplication(ctx context.Context, url string) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, setUp("%w", err)
	}
	bind(config)
	config.RuntimeParams["replication"] = "database"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["datestyle"] = "ISO"
	for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		config.RuntimeParams[limit] = "0"
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to Postgres for replication: %w", err)
	}
	return conn, nil
}
