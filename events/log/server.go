package log

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// readyLimit is how long a started server may take to accept connections. The
// recovery of its streams, which may be long, is part of the start before.
const readyLimit = 10 * time.Second

// startServer starts the embedded JetStream. It returns when its streams are recovered.
func startServer(cfg Config) (*server.Server, error) {
	opts := &server.Options{
		ServerName:             "tidemark",
		DontListen:             cfg.Listen == "",
		JetStream:              true,
		StoreDir:               cfg.Dir,
		SyncAlways:             cfg.UnsafeSyncInterval == 0,
		SyncInterval:           cfg.UnsafeSyncInterval,
		NoSigs:                 true, // else it takes SIGTERM and exits under our feet
		DisableJetStreamBanner: true,
		JetStreamMaxMemory:     serverMemoryBytes,
		JetStreamMaxStore:      cfg.MaxStoreBytes,
	}
	if cfg.Listen != "" {
		host, port, err := listenAddress(cfg.Listen)
		if err != nil {
			return nil, err
		}
		if port == 0 {
			port = server.RANDOM_PORT
		}
		opts.Host, opts.Port = host, port
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("set up embedded JetStream: %w", err)
	}
	log := &serverLogger{slog: cfg.Logger.With("component", "nats-server")}
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	if err := started(srv, log); err != nil {
		stopServer(srv)
		return nil, fmt.Errorf("start embedded JetStream in %s: %w", cfg.Dir, err)
	}
	return srv, nil
}

// started asks what Start does not say: it returns nothing, and tells of a
// failure only to its logger.
func started(srv *server.Server, log *serverLogger) error {
	if err := log.fatal.Load(); err != nil {
		return *err
	}
	if !srv.ReadyForConnections(readyLimit) {
		if err := log.fatal.Load(); err != nil {
			return *err
		}
		return fmt.Errorf("it takes no connections after %s", readyLimit)
	}
	if !srv.JetStreamEnabled() {
		return errors.New("JetStream is off")
	}
	return nil
}

// stopServer stops the server and waits: without the wait the process could end
// before the stream's index is written, and the next start would scan the stream.
func stopServer(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}

// serverLogger hands the server's log to slog and keeps the first fatal error.
type serverLogger struct {
	slog  *slog.Logger
	fatal atomic.Pointer[error]
}

func (l *serverLogger) log(level slog.Level, format string, v []any) {
	if l.slog.Enabled(context.Background(), level) {
		l.slog.Log(context.Background(), level, fmt.Sprintf(format, v...))
	}
}

// Noticef is logged at debug: a start writes some thirty of them.
func (l *serverLogger) Noticef(format string, v ...any) { l.log(slog.LevelDebug, format, v) }

func (l *serverLogger) Warnf(format string, v ...any)  { l.log(slog.LevelWarn, format, v) }
func (l *serverLogger) Errorf(format string, v ...any) { l.log(slog.LevelError, format, v) }
func (l *serverLogger) Debugf(format string, v ...any) { l.log(slog.LevelDebug, format, v) }
func (l *serverLogger) Tracef(format string, v ...any) { l.log(slog.LevelDebug, format, v) }

// Fatalf does not end the process, which the server's own logger does.
func (l *serverLogger) Fatalf(format string, v ...any) {
	err := fmt.Errorf(format, v...)
	l.fatal.CompareAndSwap(nil, &err)
	l.log(slog.LevelError, format, v)
}
