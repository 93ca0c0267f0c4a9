package archive

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrate brings the schema to this binary's version. A schema of a later
// version is refused: rows would be written that it does not know.
func migrate(ctx context.Context, cfg *pgx.ConnConfig, schema string) error {
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	if err := ensureSchema(ctx, db, schema); err != nil {
		return err
	}
	provider, err := migrations(db)
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of schema %s: %w", schema, err)
	}
	if current > target {
		return fmt.Errorf("%w: schema %s has version %d, this binary knows up to %d: run the newer tidemark", ErrForeign, schema, current, target)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	return nil
}

// migrations are those of this binary, for the schema that the connections have.
func migrations(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// ensureSchema makes the schema. One that is there needs no right to make any:
// IF NOT EXISTS would ask for it all the same.
func ensureSchema(ctx context.Context, db *sql.DB, schema string) error {
	var there bool
	quoted := pgx.Identifier{schema}.Sanitize()
	err := db.QueryRowContext(ctx, "SELECT to_regnamespace($1) IS NOT NULL", quoted).Scan(&there)
	if err == nil && !there {
		_, err = db.ExecContext(ctx, "CREATE SCHEMA "+quoted)
	}
	if err != nil {
		return fmt.Errorf("create schema %s: %w", schema, err)
	}
	return nil
}
