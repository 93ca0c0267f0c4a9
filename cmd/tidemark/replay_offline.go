package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tidemark-io/tidemark/archive"
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
	Postgres      postgresFlags `embed:"" prefix:"postgres-" group:"Archive"`
}

// Validate refuses flags that need --offline. What the environment says, a
// container's to begin with, is the service's own setting, and refuses nothing.
func (l *lookFlags) Validate() error {
	if !l.Offline && l.NATS.URL != os.Getenv("TIDEMARK_NATS_URL") {
		return errors.New("--nats-url is for --offline: a running service knows where its log is")
	}
	if !l.Offline && l.Postgres.URL != os.Getenv("TIDEMARK_POSTGRES_URL") {
		return errors.New("--postgres-url is for --offline: a running service knows where its archive is")
	}
	return l.adminFlags.Validate()
}

// offline is a log that was opened without its service.
type offline struct {
	log     *eventlog.Log
	archive *archive.Archive // nil without --postgres-url
	lock    *os.File
	source  replay.Source
	// options fold as the service would.
	options replay.Options
}

func (o *offline) close() {
	if o.archive != nil {
		o.archive.Close()
	}
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
	o.options = replay.Options{
		Model: readmodel.Config{
			Incarnation: o.log.Incarnation(), Lineage: o.log.Lineage(), DedupeHorizon: l.DedupeHorizon, OutcomeHorizon: outcomeHorizon,
		},
		Snapshots: replay.NewSnapshots(projector.SnapshotsDir(service.modelsDir()), logger),
		Memory:    replay.NewMemory(replay.MemoryConfig{Model: modelBytes(service.modelsDir())}),
		Who:       "this command",
	}
	return o, l.openArchive(o)
}

// modelBytes is about what the read model takes in memory whose checkpoint lies there:
// twice what its tables hold on the disk, since rows take more in memory. Without one it
// is not known.
func modelBytes(models string) (total uint64) {
	names, err := projector.ListModels(models)
	if err != nil || names.Current == "" {
		return 0
	}
	files, _ := os.ReadDir(filepath.Join(models, names.Current)) // an estimate
	for _, file := range files {
		info, err := file.Info()
		if kind := filepath.Ext(file.Name()); err == nil && kind != ".vlog" && kind != ".mem" { // made large in advance
			total += 2 * uint64(info.Size())
		}
	}
	return total
}

// foldOnDisk has folds of everything done in that directory.
func (o *offline) foldOnDisk(dir string) {
	cfg := projector.Config{ModelsDir: dir, MayWrite: func() error { return nil }, Now: time.Now}
	o.options.OnDisk = func(memory int, f projector.FoldOptions) (*projector.Scratch, error) {
		return projector.OpenScratch(cfg, o.options.Model, memory, f)
	}
}

// readFirst has exports read before the log.
func (o *offline) readFirst(ctx context.Context, dirs []string) error {
	var exports []*replay.Exported
	for _, dir := range dirs {
		x, err := replay.OpenExport(dir)
		if err != nil {
			return err
		}
		exports = append(exports, x)
	}
	s, err := replay.Behind(ctx, exports, o.source, o.log.Incarnation(), o.log.Lineage())
	o.source = s
	return err
}

// openArchive has an archive, where there is one, complete and index the log.
func (l *lookFlags) openArchive(o *offline) (err error) {
	if o.source = replay.FromLog(o.log); l.Postgres.URL == "" {
		return nil
	}
	o.archive, err = archive.New(archive.Config{URL: l.Postgres.URL, Schema: l.Postgres.Schema, Log: o.log})
	if err != nil {
		return fmt.Errorf("--postgres-url: %w", err)
	}
	o.source, o.options.Index = o.archive.Whole(), o.archive.Index()
	return nil
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
	meter, end := watch(kind)
	defer end()
	o.options.Meter = meter
	return here(o)
}
