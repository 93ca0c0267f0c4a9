package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tidemark-io/tidemark/archive/intake"
)

// ingestCmd holds the ways to follow an application that goes on.
type ingestCmd struct {
	Postgres ingestPostgresCmd `cmd:"" help:"Import the rows of an application's Postgres tables, then follow their changes by logical replication."`
}

type ingestPostgresCmd struct {
	intakeFlags
	Slot          string `default:"tidemark" help:"Name of the replication slot and the publication; made if absent."`
	State         string `placeholder:"FILE" help:"Where the capture's state is kept; tidemark-ingest-<slot>.json unless given."`
	UntilCaughtUp bool   `help:"End once everything that was committed at the start is taken."`
	SkipTruncate  bool   `help:"Where a table is truncated, leave the counts of its rows as they are; without it the capture ends."`
	OpsListen     string `help:"Address of /metrics."`
	Drop          bool   `help:"Remove slot and publication, and do nothing else: nothing is captured any more."`
}

// Run follows until the context ends.
func (c *ingestPostgresCmd) Run(ctx context.Context) error {
	if c.Drop {
		return intake.Drop(ctx, c.PostgresURL, c.Slot)
	}
	m, err := c.load()
	if err != nil {
		return err
	}
	sink, closeSink, err := c.sink()
	if err != nil {
		return err
	}
	defer closeSink()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	capture := &intake.Capture{
		URL: c.PostgresURL, Mapping: m, Sink: sink, Slot: c.Slot, StateFile: stateFile(c.State, c.Slot), Concurrency: c.Concurrency,
		SkipTruncate: c.SkipTruncate, UntilCaughtUp: c.UntilCaughtUp, Logger: logger, Now: time.Now,
		Imported: func(r *intake.Report) {
			logger.Info("the rows are imported, following their changes", "slot", c.Slot)
			_ = r.Write(os.Stderr)
		},
	}
	parts := newParts()
	if c.OpsListen != "" {
		listener, err := listen("--ops-listen", c.OpsListen)
		if err != nil {
			return err
		}
		logger.Info("metrics are served", "address", "http://"+listener.Addr().String())
		parts.start("metrics", serveMetrics(listener, ingestMetrics(capture.Stats())))
	}
	done := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	parts.start("capture", func(ctx context.Context) error {
		err := capture.Run(ctx)
		done <- err
		stop() // what it came to is told below
		<-ctx.Done()
		return nil
	})
	err = parts.wait(ctx)
	s := capture.Stats()
	logger.Info("the capture has ended", "transactions", s.Transactions.Load(), "changes", s.Changes.Load(),
		"events", s.Events.Load(), "rejected", s.Rejected.Load(), "unfit", s.Unfit.Load())
	return errors.Join(<-done, err)
}

// stateFile is where the state of a slot's capture is kept.
func stateFile(given, slot string) string {
	if given != "" {
		return given
	}
	return "tidemark-ingest-" + slot + ".json"
}

// ingestMetrics describes a capture to Prometheus.
func ingestMetrics(s *intake.Stats) *prometheus.Registry {
	registry := newRegistry()
	counter := func(name, help string, value func() int64) {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter("tidemark_ingest_transactions_total", "Transactions of the application taken.", s.Transactions.Load)
	counter("tidemark_ingest_changes_total", "Changed rows taken.", s.Changes.Load)
	counter("tidemark_ingest_events_total", "Events sent.", s.Events.Load)
	counter("tidemark_ingest_rejected_total", "Events that the service refused.", s.Rejected.Load)
	counter("tidemark_ingest_unfit_total", "Changed rows that fit no event.", s.Unfit.Load)
	gauge("tidemark_ingest_slot_lag_bytes", "Write-ahead log that Postgres keeps for the slot.", func() float64 { return float64(s.LagBytes.Load()) })
	gauge("tidemark_ingest_following", "1 once the import is finished.", func() float64 {
		if s.Following.Load() {
			return 1
		}
		return 0
	})
	gauge("tidemark_ingest_last_commit_timestamp_seconds", "Time of the last commit taken.", func() float64 { return float64(s.LastCommit.Load()) })
	return registry
}

// serveMetrics serves /metrics until the context ends.
func serveMetrics(listener net.Listener, registry *prometheus.Registry) func(context.Context) error {
	return func(ctx context.Context) error {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}
