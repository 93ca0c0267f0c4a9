package log

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

const (
	// connectLimit is how long Open waits for an outside JetStream, so that one
	// that starts at the same time is found.
	connectLimit = 30 * time.Second
	// reconnectWait is the pause between attempts to reconnect, for ever.
	reconnectWait = 250 * time.Millisecond
	// pingInterval and maxPings notice a dead connection within some 10 s.
	pingInterval = 5 * time.Second
	maxPings     = 2
)

// connect opens a connection named for its purpose. Publishing and consuming
// each have their own: the in-process connection is an unbuffered pipe, and an
// ack must not wait behind the record batches on their way to a reader.
func connect(ctx context.Context, cfg Config, srv *server.Server, purpose string) (*nats.Conn, error) {
	opts, err := connectOptions(cfg, purpose)
	if err != nil {
		return nil, err
	}
	if srv != nil {
		nc, err := nats.Connect("", append(opts, nats.InProcessServer(srv))...)
		if err != nil {
			return nil, fmt.Errorf("connect to embedded JetStream: %w", err)
		}
		return nc, nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	for {
		nc, err := nats.Connect(cfg.URL, opts...)
		if err == nil {
			return nc, nil
		}
		if !errors.Is(err, nats.ErrNoServers) && !errors.Is(err, nats.ErrTimeout) {
			return nil, fmt.Errorf("connect to NATS: %w", err)
		}
		cfg.Logger.Warn("NATS is out of reach, trying again", "url", cfg.Where(), "error", err)
		if !sleep.For(ctx, time.Second) {
			return nil, fmt.Errorf("connect to NATS: %w (is it running at that address?)", err)
		}
	}
}

func connectOptions(cfg Config, purpose string) ([]nats.Option, error) {
	log := cfg.Logger.With("component", "nats", "connection", purpose)
	opts := []nats.Option{
		nats.Name("tidemark " + purpose),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectBufSize(-1), // a batch kept back here would be sent after its expectation is stale
		nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(maxPings),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("connection to NATS is lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("connected to NATS again", "url", nc.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("NATS reports an error", "error", err)
		}),
	}
	switch {
	case cfg.CredsFile != "":
		opts = append(opts, nats.UserCredentials(cfg.CredsFile))
	case cfg.NKeyFile != "":
		nkey, err := nats.NkeyOptionFromSeed(cfg.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("read NKey file: %w", err)
		}
		opts = append(opts, nkey)
	case cfg.User != "":
		opts = append(opts, nats.UserInfo(cfg.User, cfg.Password))
	case cfg.Token != "":
		opts = append(opts, nats.Token(cfg.Token))
	}
	if cfg.TLSCA != "" {
		opts = append(opts, nats.RootCAs(cfg.TLSCA))
	}
	if cfg.TLSCert != "" {
		opts = append(opts, nats.ClientCert(cfg.TLSCert, cfg.TLSKey))
	}
	return opts, nil
}
