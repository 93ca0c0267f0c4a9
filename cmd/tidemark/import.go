package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/archive/intake"
)

// importCmd holds the ways to import what an application has already.
type importCmd struct {
	Postgres importPostgresCmd `cmd:"" help:"Import the rows of an application's Postgres tables, as they are now."`
}

type importPostgresCmd struct {
	intakeFlags
	DryRun bool `help:"Read and judge all rows, and send nothing."`
	JSON   bool `name:"json" help:"Print the report as JSON."`
}

// Run imports, and prints what became of the rows.
func (c *importPostgresCmd) Run(ctx context.Context) error {
	m, err := c.load()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, c.PostgresURL)
	if err != nil {
		return fmt.Errorf("--postgres-url: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	total, err := intake.Estimate(ctx, conn, m)
	if err != nil {
		return err
	}
	var sink intake.Sink = intake.DrySink{Now: time.Now}
	if !c.DryRun {
		service, closeSink, err := c.sink()
		if err != nil {
			return err
		}
		defer closeSink()
		sink = service
	}
	bar := newBar(int(total))
	im := intake.Import{Mapping: m, Sink: sink, Concurrency: c.Concurrency, Progress: func(n int) { _ = bar.Add(n) }}
	report, _, err := im.Run(ctx, conn)
	_ = bar.Exit()
	report.DryRun = c.DryRun
	if err := errors.Join(err, c.print(report)); err != nil {
		return err
	}
	if bad := report.Bad(); bad > 0 {
		return fmt.Errorf("%d rows are not in, all others are; the report says why", bad)
	}
	return nil
}

func (c *importPostgresCmd) print(r *intake.Report) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return r.Write(os.Stdout)
}
