package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/tidemark-io/tidemark/archive/intake"
	"github.com/tidemark-io/tidemark/archive/intake/mapping"
)

// importCmd holds the ways to import what an application has already.
type importCmd struct {
	Postgres importPostgresCmd `cmd:"" help:"Import the rows of an application's Postgres tables, as they are now."`
}

type importPostgresCmd struct {
	intakeFlags
	DryRun bool   `help:"Read and judge all rows, and send nothing."`
	JSON   bool   `name:"json" help:"Print the report as JSON."`
	Slot   string `placeholder:"NAME" help:"Make a replication slot that keeps what changes from this import on, for: tidemark ingest postgres --slot NAME."`
	State  string `placeholder:"FILE" help:"State file of the capture that goes on with --slot; tidemark-ingest-<slot>.json unless given."`
}

// Validate refuses what cannot be meant.
func (c *importPostgresCmd) Validate() error {
	if c.DryRun && c.Slot != "" {
		return errors.New("a dry run makes no slot: leave out --slot or --dry-run")
	}
	return c.intakeFlags.Validate()
}

// Run imports, and prints what became of the rows.
func (c *importPostgresCmd) Run(ctx context.Context) error {
	m, err := c.load()
	if err != nil {
		return err
	}
	total, err := intake.Estimate(ctx, c.PostgresURL, m)
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
	report, err := c.run(ctx, m, sink, func(n int) { _ = bar.Add(n) })
	_ = bar.Exit()
	if report == nil {
		return err
	}
	report.DryRun = c.DryRun
	if err := errors.Join(err, c.print(report)); err != nil {
		return err
	}
	switch bad := report.Bad(); {
	case bad > 0 && c.DryRun:
		return fmt.Errorf("%d rows would not be in, all others would; the report says why", bad)
	case bad > 0:
		return fmt.Errorf("%d rows are not in, all others are; the report says why", bad)
	}
	return nil
}

// run imports: by itself, or as the beginning of a capture.
func (c *importPostgresCmd) run(ctx context.Context, m *mapping.Mapping, sink intake.Sink, progress func(int)) (report *intake.Report, err error) {
	if c.Slot == "" {
		im := intake.Import{Mapping: m, Sink: sink, Concurrency: c.Concurrency, Progress: progress, Now: time.Now}
		report, _, err = im.RunOn(ctx, c.PostgresURL)
		return report, err
	}
	capture := &intake.Capture{
		URL: c.PostgresURL, Mapping: m, Sink: sink, Slot: c.Slot, StateFile: stateFile(c.State, c.Slot), Concurrency: c.Concurrency,
		ImportOnly: true, Progress: progress, Imported: func(r *intake.Report) { report = r },
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Now: time.Now,
	}
	err = capture.Run(ctx)
	switch {
	case err != nil || report != nil:
	case ctx.Err() != nil:
		err = fmt.Errorf("the import was stopped: %w; do it again, or have tidemark ingest postgres --slot %s do it; nothing counts twice", ctx.Err(), c.Slot)
	default:
		err = fmt.Errorf("slot %s was imported before; go on with: tidemark ingest postgres --slot %s", c.Slot, c.Slot)
	}
	return report, err
}

func (c *importPostgresCmd) print(r *intake.Report) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return r.Write(os.Stdout)
}
