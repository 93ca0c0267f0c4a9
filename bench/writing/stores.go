package writing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/scenario"
)

// startPeers starts Redis and PostgreSQL, those that are installed.
func startPeers(ctx context.Context, env *scenario.Env) (*peers, func(), error) {
	p := new(peers)
	var servers []*process.Server
	stop := func() {
		for _, s := range servers {
			s.Kill() // their data is removed
		}
	}
	for _, start := range []func(context.Context, *scenario.Env, *peers) (*process.Server, error){startRedis, startPostgres} {
		s, err := start(ctx, env, p)
		if err != nil {
			stop()
			return nil, nil, err
		}
		if s != nil {
			servers = append(servers, s)
		}
	}
	return p, stop, nil
}

// startRedis starts Redis as it comes, without snapshots: the fastest that it is.
func startRedis(ctx context.Context, env *scenario.Env, p *peers) (*process.Server, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		env.Miss("Redis as a store of events: redis-server is not installed (bench/install-peers.sh)")
		return nil, nil
	}
	dir, err := env.TempDir("redis")
	if err != nil {
		return nil, err
	}
	p.redis = filepath.Join(dir, "redis.sock")
	return process.Start(ctx, process.Spec{
		Name: "redis", Path: path, Dir: dir,
		Args: []string{"--port", "0", "--unixsocket", p.redis, "--save", "", "--appendonly", "no"},
		Ready: func(ctx context.Context, _ *process.Server) error {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "unix", p.redis)
			if err == nil {
				err = conn.Close()
			}
			return err
		},
	})
}

// startPostgres starts PostgreSQL with its defaults, durable, on a Unix socket.
func startPostgres(ctx context.Context, env *scenario.Env, p *peers) (*process.Server, error) {
	initdb := postgresProgram("initdb")
	if initdb == "" {
		env.Miss("PostgreSQL as a store of events: it is not installed (bench/install-peers.sh)")
		return nil, nil
	}
	dir, err := env.TempDir("postgres")
	if err != nil {
		return nil, err
	}
	owner, err := postgresOwner(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	make := exec.CommandContext(ctx, initdb, "--pgdata", data, "--username", "bench", "--auth", "trust", "--no-sync")
	make.SysProcAttr, make.Dir = &syscall.SysProcAttr{Credential: owner}, dir
	if said, err := make.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make a PostgreSQL database: %w\n%s", err, said)
	}
	p.postgres = "host=" + dir + " user=bench dbname=postgres"
	return process.Start(ctx, process.Spec{
		Name: "postgres", Path: filepath.Join(filepath.Dir(initdb), "postgres"), Dir: dir, Credential: owner, StopSignal: syscall.SIGINT,
		Args: []string{"-D", data, "-c", "listen_addresses=", "-c", "unix_socket_directories=" + dir, "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"},
		Ready: func(ctx context.Context, _ *process.Server) error {
			db, err := pgx.Connect(ctx, p.postgres)
			if err == nil {
				err = db.Close(ctx)
			}
			return err
		},
	})
}

// postgresProgram finds a program that Debian keeps off the path.
func postgresProgram(name string) string {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err == nil && len(found) > 0 {
		return found[len(found)-1]
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// postgresOwner gives the directory to the user that PostgreSQL runs as: it
// refuses to run as root. Who is not root runs it as oneself.
func postgresOwner(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr, os.Chown(dir, int(uid), int(gid))); err != nil {
		return nil, fmt.Errorf("give %s to PostgreSQL: %w", dir, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
