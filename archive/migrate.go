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
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	if err := ensureSchema(ctx, db, schema); err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
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
