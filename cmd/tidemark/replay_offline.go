package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// lookFlags say how to reach the log of a service: through the service, or by
// opening the log itself.
type lookFlags struct {
	adminFlags    `embed:""`
	Offline       bool          `group:"Service" help:"Open the log of the stopped service in --data-dir, or the one outside (--nats-url), in place of asking the service."`
	DedupeHorizon time.Duration `default:"168h" group:"Service" help:"The service's --dedupe-horizon; with --offline."`
	NATS          natsFlags     `embed:"" prefix:"nats-" group:"Event log"`
}

// Validate refuses flags that need --offline.
func (l *lookFlags) Validate() error {
	if l.NATS.URL != "" && !l.Offline {
		return fmt.Errorf("--nats-url is for --offline: a running service knows where its log is")
	}
	return l.adminFlags.Validate()
}

// offline is a log that was opened without its service.
type offline struct {
	log    *eventlog.Log
	lock   *os.File
	source replay.Source
	// options fold as the service would.
	options replay.Options
}

func (o *offline) close() {
	if o.log != nil {
		o.log.Close()
	}
	if o.lock != nil {
		_ = o.lock.Close() // releases the lock
	}
}

// openOffline opens the log, which no service may have open if it is embedded.
func (l *lookFlags) openOffline(ctx context.Context) (o *offline, err error) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	service := serveCmd{DataDir: l.DataDir, NATS: l.NATS}
	cfg := service.logConfig(logger)
	cfg.Existing = true
	o = &offline{}
	defer func() {
		if err != nil {
			o.close()
		}
	}()
	if cfg.URL == "" {
		if _, err := os.Stat(cfg.Dir); err != nil {
			return o, fmt.Errorf("there is no event log in %s: give the service's own --data-dir, or --nats-url", l.DataDir)
		}
		if o.lock, err = lockDataDir(l.DataDir); err != nil {
			return o, err
		}
	}
	if o.log, err = eventlog.Open(ctx, cfg); err != nil {
		return o, err
	}
	o.source = replay.FromLog(o.log)
	o.options = replay.Options{
		Model: readmodel.Config{
			Incarnation: o.log.Incarnation(), Lineage: o.log.Lineage(), DedupeHorizon: l.DedupeHorizon, OutcomeHorizon: outcomeHorizon,
		},
		Snapshots: replay.NewSnapshots(projector.SnapshotsDir(filepath.Join(l.DataDir, "models")), logger),
	}
	return o, nil
}

// answer gets the result of a run that looks back from the service, or makes it
// here with what the log says.
func answer[T any](ctx context.Context, l *lookFlags, kind string, body any, here func(*offline) (*T, error)) (*T, error) {
	if !l.Offline {
		client, err := l.client()
		if err != nil {
			return nil, err
		}
		ended, err := client.start(ctx, kind, body, false)
		if err != nil {
			return nil, err
		}
		result := new(T)
		return result, ended.ended(result)
	}
	o, err := l.openOffline(ctx)
	if err != nil {
		return nil, err
	}
	defer o.close()
	bar := newReading(kind)
	defer bar.end()
	o.options.Progress = bar.note
	return here(o)
}

// reading shows how far something got that reads a log here: a bar on a
// terminal, else a line now and then. Both go to standard error.
type reading struct {
	what string
	bar  *progressbar.ProgressBar
	next time.Time
	from time.Time
}

func newReading(what string) *reading {
	r := &reading{what: what, from: time.Now()}
	r.next = r.from.Add(followSlowly)
	if term.IsTerminal(int(os.Stderr.Fd())) {
		r.bar = newBar(-1)
		r.bar.Describe(what)
	}
	return r
}

func (r *reading) note(p replay.Progress) {
	if r.bar != nil {
		r.bar.ChangeMax64(int64(p.To - p.From + 1))
		_ = r.bar.Set64(int64(p.At - p.From + 1)) // a bar that cannot be drawn is nobody's loss
		return
	}
	if now := time.Now(); now.After(r.next) {
		r.next = now.Add(followSlowly)
		fmt.Fprintf(os.Stderr, "%s: message %d of %d to %d, %.0f events a second\n", r.what, p.At, p.From, p.To,
			float64(p.Events)/now.Sub(r.from).Seconds())
	}
}

func (r *reading) end() {
	if r.bar != nil {
		_ = r.bar.Exit()
	}
}
