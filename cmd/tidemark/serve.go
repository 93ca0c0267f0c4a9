package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// serveCmd is the configuration of the service.
type serveCmd struct {
	DataDir   string   `default:"./tidemark-data" help:"Directory of the event log, the checkpoints and the secret."`
	Listen    string   `default:"127.0.0.1:8080" help:"Address of the HTTP API."`
	OpsListen string   `help:"Address of its own for /metrics and profiles; without it /metrics is part of the API's and there are no profiles."`
	Roles     []string `help:"What this process does: command, query, archive. Default: the first two, and archive where --postgres-url is set."`

	JWTSecret   string `name:"jwt-secret" group:"Tokens" help:"Secret of HS256 tokens. Without it and --jwks-file one is made in the data directory on first start."`
	JWKSFile    string `name:"jwks-file" group:"Tokens" type:"existingfile" help:"JSON Web Key Set of RS256, ES256 or EdDSA tokens; read again when it changes, but for a pipe, which is read once."`
	JWTIssuer   string `name:"jwt-issuer" group:"Tokens" help:"The iss that tokens must have."`
	JWTAudience string `name:"jwt-audience" group:"Tokens" help:"The aud that tokens must have."`

	AnonymousViews bool          `group:"API" help:"Take views from callers without a token."`
	CORSOrigin     []string      `name:"cors-origin" group:"API" help:"Origin whose pages may call, such as https://example.org; may be repeated."`
	MaxBatch       int           `default:"1000" group:"API" help:"IDs that a batch request may have."`
	MaxConnections int           `default:"0" group:"API" help:"Connections that are kept at a time, of 19 KB each; 0 is 20,000, or what the limit on open files leaves."`
	WaitLimit      time.Duration `default:"2s" group:"API" help:"How long a request waits for the read model."`
	CommitLimit    time.Duration `default:"5s" group:"API" help:"How long a command waits to become durable."`

	DedupeHorizon      time.Duration `default:"168h" group:"Storage" help:"How long identities of outside events are remembered."`
	IdentityMemory     byteSize      `default:"256MiB" group:"Storage" help:"Memory of such identities; past it the oldest go to disk behind filters of 1.2 bytes each."`
	MinFreeDisk        byteSize      `default:"256MiB" group:"Storage" help:"Free space below which commands are refused."`
	CheckpointInterval time.Duration `default:"10s" group:"Storage" help:"How often the read model is checkpointed."`
	CheckpointBytes    byteSize      `default:"64MiB" group:"Storage" help:"Changes that are checkpointed ahead of time."`
	ScrubInterval      time.Duration `default:"0" group:"Storage" help:"How often the read model is verified against the log, at a low rate and beside everything else; 0 is never."`
	SnapshotInterval   time.Duration `default:"0s" group:"Storage" help:"How often a checkpoint is kept as a snapshot, from which earlier counts are found quickly; 0 keeps none."`
	SnapshotsKept      int           `default:"24" group:"Storage" help:"Snapshots that are kept."`
	ReplayMemory       byteSize      `default:"0" group:"Storage" help:"What a second read model may take beside the serving one; 0 is what the machine leaves. What does not fit is folded on disk (tidemark replay rebuild --on-disk)."`

	ExportDir string `placeholder:"DIR" group:"Storage" help:"Directory of exports that runs may read (replay rebuild --from-export); without it, exports in --data-dir."`

	LogKeep time.Duration `group:"Archive" help:"How long the log keeps messages, such as 720h; then it forgets those that are in the archive (--postgres-url) and in a snapshot that holds (--snapshot-interval), or in the one of them that there is, and that no read model needs. 0 keeps all."`

	NATS     natsFlags     `embed:"" prefix:"nats-" group:"Event log"`
	Postgres postgresFlags `embed:"" prefix:"postgres-" group:"Archive"`

	LogLevel   string        `default:"info" enum:"debug,info,warn,error" group:"Process" help:"debug, info, warn or error."`
	LogFormat  string        `default:"text" enum:"text,json" group:"Process" help:"text or json, one line each, on stderr."`
	DrainLimit time.Duration `default:"10s" group:"Process" help:"How long a graceful stop may take to answer what is under way."`
}

// natsFlags say where the event log is.
type natsFlags struct {
	URL      string   `name:"url" help:"JetStream to use instead of the embedded one: nats:// or tls:// addresses, comma separated."`
	Creds    string   `type:"existingfile" help:"Credentials file for --nats-url."`
	NKey     string   `name:"nkey" type:"existingfile" help:"NKey seed file for --nats-url."`
	User     string   `help:"User for --nats-url."`
	Password string   `help:"Password for --nats-url."`
	Token    string   `help:"Token for --nats-url."`
	CA       string   `name:"ca" type:"existingfile" help:"PEM file of authorities to trust."`
	Cert     string   `type:"existingfile" help:"PEM file of this client's certificate."`
	Key      string   `type:"existingfile" help:"PEM file of this client's key."`
	Replicas int      `default:"1" help:"Replicas of streams that are created at --nats-url."`
	Listen   string   `help:"Loopback address on which the embedded JetStream takes connections, for the nats command line."`
	MaxStore byteSize `default:"0" help:"What the embedded JetStream may store; 0 leaves it to the free-space guard."`

	// UnsafeSyncInterval acknowledges before fsync: the negative control of the
	// power-cut test, which must find the loss.
	UnsafeSyncInterval time.Duration `hidden:""`
}

// postgresFlags say where the archive is.
type postgresFlags struct {
	URL    string `name:"url" help:"Database of the archive: postgres://user:password@host:port/database. Better in TIDEMARK_POSTGRES_URL than on a command line that others can list."`
	Schema string `default:"tidemark" help:"Schema that the archive has for itself."`
}

// modelsDir is where the read models lie.
func (s *serveCmd) modelsDir() string { return filepath.Join(s.DataDir, "models") }

// exportDir is where runs may read exports.
func (s *serveCmd) exportDir() string {
	return cmp.Or(s.ExportDir, filepath.Join(s.DataDir, "exports"))
}

// The roles of a process.
const (
	roleCommand = "command"
	roleQuery   = "query"
	roleArchive = "archive"
)

// Validate refuses values that cannot work, with what to do.
func (s *serveCmd) Validate() error {
	if len(s.Roles) == 0 {
		s.Roles = []string{roleCommand, roleQuery}
		if s.Postgres.URL != "" {
			s.Roles = append(s.Roles, roleArchive)
		}
	}
	for _, role := range s.Roles {
		if role != roleCommand && role != roleQuery && role != roleArchive {
			return fmt.Errorf("--roles: %q is no role of this binary; use command, query, archive, or several", role)
		}
	}
	positive := map[string]int64{
		"--max-batch": int64(s.MaxBatch), "--wait-limit": int64(s.WaitLimit), "--commit-limit": int64(s.CommitLimit),
		"--checkpoint-interval": int64(s.CheckpointInterval), "--checkpoint-bytes": int64(s.CheckpointBytes),
		"--identity-memory": int64(s.IdentityMemory),
		"--drain-limit":     int64(s.DrainLimit), "--nats-replicas": int64(s.NATS.Replicas),
	}
	for flag, value := range positive {
		if value <= 0 {
			return fmt.Errorf("%s must be more than zero", flag)
		}
	}
	switch {
	case s.MaxConnections < 0:
		return errors.New("--max-connections is at least 0")
	case s.SnapshotInterval < 0:
		return errors.New("--snapshot-interval is at least 0")
	case s.SnapshotsKept < 1:
		return errors.New("--snapshots-kept is at least 1; without --snapshot-interval no snapshots are taken")
	case s.MaxBatch > events.MaxBatchEvents:
		return fmt.Errorf("--max-batch is at most %d: the events of a command go into one record batch", events.MaxBatchEvents)
	case s.LogKeep < 0:
		return errors.New("--log-keep is more than zero, such as 720h; without it the log keeps all")
	case s.LogKeep > 0 && !s.has(roleArchive) && s.NATS.URL != "":
		return errors.New("--log-keep with --nats-url is for the role archive: other processes fold the same log, and what one of them lacks it reads from the archive. Give --postgres-url")
	case s.LogKeep > 0 && s.Postgres.URL == "" && s.NATS.Listen != "":
		return errors.New("--log-keep with --nats-listen: another process may archive the log, and what it has not archived yet would be forgotten. Give --postgres-url, so that the log forgets only what the archive has")
	case s.LogKeep > 0 && s.Postgres.URL == "" && s.SnapshotInterval == 0:
		return errors.New("--log-keep: the log forgets only what something else holds. Give --postgres-url, the archive of all messages, or --snapshot-interval, such as 24h, for snapshots of the read model, or both")
	case s.has(roleArchive) && s.Postgres.URL == "":
		return errors.New("--roles: the role archive needs --postgres-url, the database that it archives into")
	case s.DedupeHorizon < 7*24*time.Hour:
		return errors.New("--dedupe-horizon is at least 168h: callers are promised that a repeat within 7 days counts once")
	case s.JWTSecret != "" && s.JWKSFile != "":
		return errors.New("give --jwt-secret or --jwks-file, not both: the kind of token is fixed by the configuration")
	case s.NATS.URL == "" && s.NATS.needsURL():
		return errors.New("a --nats flag is given that says how to reach an outside JetStream, and --nats-url is not: without it the embedded one would be used")
	case s.NATS.URL != "" && s.NATS.Listen != "":
		return errors.New("--nats-listen is for the embedded JetStream, and --nats-url uses an outside one; give one of them")
	}
	for flag, address := range map[string]string{"--listen": s.Listen, "--ops-listen": s.OpsListen} {
		if _, _, err := net.SplitHostPort(address); err != nil && (address != "" || flag == "--listen") {
			return fmt.Errorf("%s: %q is no address; use host:port, such as 127.0.0.1:8080", flag, address)
		}
	}
	return nil
}

// needsURL reports whether a flag is given that is about an outside JetStream.
func (n *natsFlags) needsURL() bool {
	return n.Creds != "" || n.NKey != "" || n.User != "" || n.Password != "" || n.Token != "" ||
		n.CA != "" || n.Cert != "" || n.Key != "" || n.Replicas > 1
}

func (s *serveCmd) has(role string) bool { return slices.Contains(s.Roles, role) }

// Run runs the service until the context ends.
func (s *serveCmd) Run(ctx context.Context, stray unheededVariables) error {
	logger := s.logger()
	for _, name := range stray {
		logger.Warn("the environment has a variable that is no flag of any command, and it is not heeded; tidemark serve --help names them", "variable", name)
	}
	a, err := newApp(s, logger)
	if err != nil {
		return err
	}
	return a.run(ctx)
}

func (s *serveCmd) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // one of the enum
	options := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

func (s *serveCmd) keys(logger *slog.Logger) (api.KeySource, error) {
	if s.JWKSFile != "" {
		return api.NewKeyFile(s.JWKSFile, logger)
	}
	secret := []byte(s.JWTSecret)
	if len(secret) == 0 {
		var err error
		secret, err = dataSecret(s.DataDir, func(path string) {
			logger.Info("made a new secret: only tokens signed with it are good here", "file", path)
		})
		if err != nil {
			return nil, err
		}
	}
	if len(secret) < api.GoodSecretBytes {
		logger.Warn("the JWT secret is short: whoever sees a token can guess it; make one with: openssl rand -hex 32",
			"bytes", len(secret), "want_bytes", api.GoodSecretBytes)
	}
	return api.NewSecretKeys(secret)
}

func (s *serveCmd) logConfig(logger *slog.Logger) eventlog.Config {
	n := &s.NATS
	cfg := eventlog.Config{Logger: logger}
	if n.URL == "" {
		cfg.Dir, cfg.Listen, cfg.MaxStoreBytes = filepath.Join(s.DataDir, "jetstream"), n.Listen, int64(n.MaxStore)
		cfg.UnsafeSyncInterval = n.UnsafeSyncInterval
		if n.UnsafeSyncInterval > 0 {
			logger.Error("commands are acknowledged before they are on disk: a power cut will lose them", "sync_interval", n.UnsafeSyncInterval)
		}
		return cfg
	}
	cfg.URL, cfg.CredsFile, cfg.NKeyFile = n.URL, n.Creds, n.NKey
	cfg.User, cfg.Password, cfg.Token = n.User, n.Password, n.Token
	cfg.TLSCA, cfg.TLSCert, cfg.TLSKey, cfg.Replicas = n.CA, n.Cert, n.Key, n.Replicas
	return cfg
}
