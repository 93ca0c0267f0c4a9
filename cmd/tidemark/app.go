package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/archive"
	"github.com/tidemark-io/tidemark/command"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
	"github.com/tidemark-io/tidemark/projector/retention"
	"github.com/tidemark-io/tidemark/query"
)

// app is a running service: its parts in the order in which they start. They
// stop in the opposite order, each when nobody needs it any more.
type app struct {
	cfg    *serveCmd
	logger *slog.Logger

	lock      *os.File
	listener  net.Listener
	opsListen net.Listener
	disk      *diskGuard
	log       *eventlog.Log
	projector *projector.Projector
	writer    *eventlog.Writer
	recorder  *command.Recorder
	archive   *archive.Archive // nil without --postgres-url
	spool     *archive.Spool   // nil without the role archive
	memory    *replay.Memory   // of all folds beside the one that serves
	snapshots *replay.Snapshots
	retention *retention.Retention // nil without --log-keep
	runs      *replay.Runs
	keyFile   *api.KeyFile // nil without --jwks-file
	registry  *prometheus.Registry
	http      *api.HTTPServer
	ops       *api.HTTPServer
}

// runsFile is where a data directory keeps what is to be known of runs after a restart.
const runsFile = "runs.json"

// outcomeHorizon is how long outcomes of commands with an Idempotency-Key are
// remembered: the contract's 24 hours, and one to spare.
const outcomeHorizon = 25 * time.Hour

// newApp claims what the service has for itself: the data directory and its
// addresses. It serves nothing yet.
func newApp(cfg *serveCmd, logger *slog.Logger) (a *app, err error) {
	a = &app{cfg: cfg, logger: logger, registry: newRegistry()}
	connections, err := cfg.connections()
	if err != nil {
		return nil, err
	}
	if a.lock, err = lockDataDir(cfg.DataDir); err == nil {
		if err = removeScratch(cfg.DataDir); err == nil {
			err = a.listen()
		}
	}
	if err != nil {
		a.close()
		return nil, err
	}
	starting := api.Starting("The service is opening its event log and its read model.")
	a.http = api.NewHTTPServer(starting, logger)
	a.http.LimitConnections(connections)
	if a.opsListen != nil {
		a.ops = api.NewHTTPServer(starting, logger)
	}
	return a, nil
}

// open opens the log and the read model, which can take a while, and then lets
// the routes answer.
func (a *app) open(ctx context.Context) (err error) {
	cfg, logger := a.cfg, a.logger
	if a.disk, err = newDiskGuard(cfg.DataDir, int64(cfg.MinFreeDisk), logger); err != nil {
		return err
	}
	models := cfg.modelsDir()
	logConfig := cfg.logConfig(logger)
	logConfig.Existing = projector.Begun(models)
	folding := projector.Config{
		ModelsDir:          models,
		CheckpointInterval: cfg.CheckpointInterval, CheckpointBytes: int(cfg.CheckpointBytes),
		SnapshotInterval: cfg.SnapshotInterval, SnapshotsKept: cfg.SnapshotsKept,
		DedupeHorizon: cfg.DedupeHorizon, OutcomeHorizon: outcomeHorizon,
		IdentityBytes: int(cfg.IdentityMemory),
		MayWrite:      a.disk.Check, Logger: logger, Now: time.Now,
	}
	folding.Loading = projector.Preload(folding)
	if a.log, err = eventlog.Open(ctx, logConfig); err != nil {
		folding.Loading.Close()
		return err
	}
	folding.Log = a.log
	a.memory = replay.NewMemory(replay.MemoryConfig{Limit: uint64(cfg.ReplayMemory), Serving: a.model})
	if err = a.openArchive(&folding); err != nil {
		folding.Loading.Close()
		return err
	}
	if a.projector, err = projector.New(ctx, folding); err != nil {
		return err
	}
	if a.spool != nil {
		if err := a.spool.Begin(a.projector.Snapshot().At.Seq); err != nil {
			return err
		}
	}
	writes := newWriteMetrics(a.registry)
	a.writer = a.log.NewWriter(eventlog.WriterConfig{Logger: logger, OnBatch: writes.note})
	a.recorder = &command.Recorder{Log: a.writer, CommitLimit: cfg.CommitLimit, Now: time.Now}
	a.snapshots = replay.NewSnapshots(projector.SnapshotsDir(models), logger)
	a.runs = replay.NewRuns(replay.Config{
		Projector: a.projector, Source: a.source(), Log: replay.FromLog(a.log), Index: a.index(), Archive: a.verifiable(), Audit: a.recorder.Audit,
		Snapshots:     a.snapshots,
		Exports:       cfg.exportDir(),
		File:          filepath.Join(cfg.DataDir, runsFile),
		Memory:        a.memory,
		ScrubInterval: cfg.ScrubInterval, Logger: logger, Now: time.Now,
	})
	a.registerGauges()
	a.openRetention()
	a.registerArchive()
	a.registerRetention()
	return a.buildHTTP()
}

// model is the read model that serves; nil before it is opened.
func (a *app) model() *readmodel.Model {
	if a.projector == nil {
		return nil
	}
	return a.projector.Model()
}

func (a *app) listen() (err error) {
	if a.listener, err = listen("--listen", a.cfg.Listen); err != nil || a.cfg.OpsListen == "" {
		return err
	}
	a.opsListen, err = listen("--ops-listen", a.cfg.OpsListen)
	return err
}

// listen claims the address that a flag gives.
func listen(flag, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %w: stop what listens there, or give another %s", flag, err, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return l, nil
}

// buildHTTP puts the routes of this process's roles behind one handler.
func (a *app) buildHTTP() error {
	keys, err := a.cfg.keys(a.logger)
	if err != nil {
		return err
	}
	a.keyFile, _ = keys.(*api.KeyFile)
	auth, err := api.NewAuthenticator(api.AuthConfig{
		Keys: keys, Issuer: a.cfg.JWTIssuer, Audience: a.cfg.JWTAudience, Now: time.Now,
	})
	if err != nil {
		return err
	}
	routes, err := a.routes()
	if err != nil {
		return err
	}
	handler, err := api.NewServer(api.Config{
		Routes: routes, Auth: auth, ReadModel: query.NewFreshness(a.projector),
		Ready: a.servable, CORSOrigins: a.cfg.CORSOrigin, WaitLimit: a.cfg.WaitLimit,
		Logger: a.logger, Registry: a.registry,
	})
	if err != nil {
		return err
	}
	a.http.SetHandler(handler)
	if a.ops != nil {
		a.ops.SetHandler(a.opsHandler())
	}
	return nil
}

func (a *app) routes() ([]api.Route, error) {
	documents, err := api.DocumentRoutes()
	if err != nil {
		return nil, err
	}
	routes := append(a.operations(), documents...)
	if a.cfg.has(roleCommand) {
		routes = append(routes, command.New(command.Config{
			Log: a.writer, Fold: a.projector, MaxBatch: a.cfg.MaxBatch,
			CommitLimit: a.cfg.CommitLimit, WaitLimit: a.cfg.WaitLimit,
			AnonymousViews: a.cfg.AnonymousViews, MayWrite: a.disk.Check, Runs: a.runs, Now: time.Now,
		}).Routes()...)
	}
	if !a.cfg.has(roleQuery) {
		return append(routes, query.PositionRoute(a.projector)), nil
	}
	cursorKey, err := a.cursorKey()
	if err != nil {
		return nil, err
	}
	return append(routes, query.New(query.Config{
		Source: a.projector, MaxBatch: a.cfg.MaxBatch, CursorKey: cursorKey, Now: time.Now,
		Replay: &query.Replay{
			Runs: a.runs, Log: a.log, Source: a.source(), Audit: a.recorder.Audit, ModelsDir: a.cfg.modelsDir(), Stats: a.projector.Stats, Needs: a.projector.Needs,
			Ready: a.projector.Ready, Original: a.projector.Original, Redrivable: a.projector.Redrivable, Archive: a.archiveStatus(), Retention: a.retentionStatus(),
		},
		AuditCopy: a.auditCopy(), Histories: a.histories(),
	}).Routes()...), nil
}

// cursorKey authenticates cursors. It is derived from the log's incarnation and
// from the secret that signs tokens, so that cursors outlive a restart and are
// good on every node. With --jwks-file the nodes share no secret, and need none:
// a cursor names a place in a list of its caller's, and whoever makes one up
// reads no other.
func (a *app) cursorKey() ([]byte, error) {
	secret := []byte(a.cfg.JWTSecret)
	if len(secret) == 0 && a.keyFile == nil {
		var err error
		if secret, err = dataSecret(a.cfg.DataDir, func(string) {}); err != nil { // it is there
			return nil, err
		}
	}
	incarnation := a.log.Incarnation()
	return hkdf.Key(sha256.New, secret, incarnation[:], "tidemark cursors", 32)
}

// servable is asked on every request: the model may be shown once it has
// caught up with the log as it stood at the start.
func (a *app) servable() error {
	if !a.projector.CaughtUp() {
		return api.NotReady
	}
	return nil
}

// run serves until the context ends or a part fails, and stops everything.
func (a *app) run(ctx context.Context) error {
	group := newParts()
	servers := []*part{group.launch("HTTP server", serveHTTP(a.http, a.listener, a.cfg.DrainLimit))}
	if a.ops != nil {
		servers = append(servers, group.launch("operations server", serveHTTP(a.ops, a.opsListen, time.Second)))
	}
	if err := a.open(ctx); err != nil {
		for _, server := range servers {
			server.end()
		}
		a.close()
		if ctx.Err() != nil {
			return nil // stopped before it was up
		}
		return err
	}
	group.start("collector", a.paceCollector)
	group.start("disk guard", a.disk.Run)
	group.start("projector", a.projector.Run)
	a.startArchive(group)
	a.startRetention(group)
	group.start("log writer", a.writer.Run)
	group.start("replay runs", a.runs.Run)
	if a.keyFile != nil {
		group.start("key file", a.keyFile.Run)
	}
	for _, server := range servers {
		group.add(server)
	}
	group.start("announcement", a.announce)
	group.start("adoption's record", a.recordAdoption)
	err := group.wait(ctx)
	if err != nil {
		// The process ends now. Closing what is broken can take for ever (Badger
		// retries a flush until the disk takes it), and the next start needs none
		// of it.
		return err
	}
	a.close()
	a.logger.Info("tidemark has stopped", "position", a.projector.Snapshot().At.String())
	return err
}

// announce says where the service is once it is ready: who waits for the line
// may send requests.
func (a *app) announce(ctx context.Context) error {
	select {
	case <-a.projector.Live():
		if a.opsListen != nil {
			a.logger.Info("metrics are served", "address", "http://"+a.opsListen.Addr().String())
		}
		a.logger.Info("tidemark serves", "address", "http://"+a.listener.Addr().String(), "version", version,
			"roles", strings.Join(a.cfg.Roles, ","), "data_dir", a.cfg.DataDir, "event_log", a.cfg.logConfig(a.logger).Where(), "incarnation", a.log.Incarnation().String())
		<-ctx.Done()
	case <-ctx.Done():
	}
	return nil
}

// serveHTTP runs a server until its context ends, then lets requests that are
// under way be answered, within the limit.
func serveHTTP(srv *api.HTTPServer, listener net.Listener, limit time.Duration) func(context.Context) error {
	return func(ctx context.Context) error { return srv.Serve(ctx, listener, limit) }
}

// close lets go of what newApp opened, in the opposite order.
func (a *app) close() {
	for _, l := range []net.Listener{a.listener, a.opsListen} {
		if l != nil {
			_ = l.Close() // the server has closed it already
		}
	}
	a.closeArchive()
	if a.projector != nil {
		a.projector.Close()
	}
	if a.log != nil {
		a.log.Close()
	}
	if a.lock != nil {
		_ = a.lock.Close() // releases the lock
	}
}
