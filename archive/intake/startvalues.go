package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
)

// oneEach fails with ErrSetUp where rows of start values name a video twice: the last would
// replace the others. statement reads them; whether a row is there is not looked at, so an
// entry with conditions is left alone.
func oneEach(ctx context.Context, tx pgx.Tx, e *mapping.Entry, plan *mapping.Plan, statement string) error {
	column := plan.StartValuesOf()
	if column == "" {
		return nil
	}
	quoted := pgx.Identifier{column}.Sanitize()
	var video string
	err := tx.QueryRow(ctx, "SELECT "+quoted+"::text FROM (\n"+strings.TrimRight(statement, "; \t\r\n")+"\n) AS entry WHERE "+quoted+" IS NOT NULL GROUP BY "+quoted+" HAVING count(*) > 1 LIMIT 1").Scan(&video)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case e.Query != "" && illFormed(err):
		return setUp("%s: the query must stand as a subquery, to look for videos with several start values; end it without a ; or a comment, and name each column once: %w", e.Name(), err)
	case err != nil:
		return fmt.Errorf("look for videos with several start values: %w", err)
	}
	return setUp("%s has several rows of video %.64q, of which the last would replace the others' start values; add them up in a query", e.Name(), video)
}

// illFormed reports whether Postgres did not understand a statement, or what it names.
func illFormed(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && strings.HasPrefix(answer.Code, "42") && answer.Code != "42501" // no right
}
