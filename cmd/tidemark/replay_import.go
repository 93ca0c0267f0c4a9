package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/cmd/tidemark/load"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

type replayImportCmd struct {
	adminFlags `embed:""`
	Dir        string        `arg:"" type:"existingdir" help:"Directory of the export."`
	Events     bool          `help:"Send an export of events to the running service at --url, as POST /v1/events takes them; without it an export of messages or parquet fills the empty log in --data-dir, or outside (--nats-url), with the service stopped."`
	YesRemote  bool          `help:"The service at --url is on another machine, and meant; with --events."`
	RetryLimit time.Duration `default:"30s" help:"How long a call is repeated that the service cannot take; with --events."`
	NATS       natsFlags     `embed:"" prefix:"nats-" group:"Event log"`
}

// Run imports.
func (i *replayImportCmd) Run(ctx context.Context) error {
	if i.Events {
		return i.send(ctx)
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	service := serveCmd{DataDir: i.DataDir, NATS: i.NATS}
	lock, err := lockDataDir(i.DataDir)
	if err != nil {
		return err
	}
	defer lock.Close()
	models := service.modelsDir()
	if projector.Begun(models) {
		return fmt.Errorf("%s has folded a log already: import into another --data-dir, or move its folder models away", i.DataDir)
	}
	meter, end := watch("import")
	defer end()
	cfg := service.logConfig(logger)
	m, err := replay.Import(ctx, i.Dir, cfg, meter)
	if err != nil {
		return err
	}
	end()
	incarnation, err := incarnationOf(ctx, cfg)
	if err != nil {
		return err
	}
	return i.printed(m, func(w io.Writer) {
		rows(w, "imported", fmt.Sprintf("messages %d to %d, %d events", m.First, m.Last, m.Events()),
			"incarnation", fmt.Sprintf("%s, after %s", incarnation, m.Incarnation),
			"next", "start the service: it folds the log from its beginning")
	})
}

func incarnationOf(ctx context.Context, cfg eventlog.Config) (string, error) {
	l, err := eventlog.Open(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Incarnation().String(), nil
}

// sendAtOnce is how many events go on their way before the next are read.
const sendAtOnce = 50_000

// send hands the events of an export to a running service. Their identities make
// it repeatable.
func (i *replayImportCmd) send(ctx context.Context) error {
	token, err := i.bearerOf(api.RoleService, api.RoleAdmin)
	if err != nil {
		return err
	}
	client, err := load.NewClient(i.URL, i.YesRemote, 4)
	if err != nil {
		return err
	}
	defer client.Close()
	importer := load.Importer{
		Client: client, Token: token, Format: load.FormatLines, BatchEvents: load.MaxBatchEvents, Repeat: 1,
		Concurrency: 1, // the order of the log decides
		RetryLimit:  i.RetryLimit,
	}
	total := &load.ImportReport{}
	trace := &load.Trace{}
	flush := func() error {
		if len(trace.Events) == 0 {
			return nil
		}
		report, err := importer.Run(ctx, trace)
		trace.Events = trace.Events[:0]
		total.Sent, total.Accepted = total.Sent+report.Sent, total.Accepted+report.Accepted
		total.Duplicates, total.Rejected = total.Duplicates+report.Duplicates, total.Rejected+report.Rejected
		total.Samples = append(total.Samples, report.Samples...)
		return err
	}
	err = replay.EachEvent(ctx, i.Dir, func(_ *replay.Part, line []byte) error {
		trace.Events = append(trace.Events, bytes.Clone(line))
		if len(trace.Events) < sendAtOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	return i.printed(total, func(w io.Writer) {
		rows(w, "sent", fmt.Sprintf("%d events", total.Sent), "accepted", total.Accepted, "duplicates", total.Duplicates, "rejected", total.Rejected)
		for _, sample := range total.Samples {
			fmt.Fprintln(w, "  "+sample)
		}
	})
}
