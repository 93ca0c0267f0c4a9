package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// Postgres is a PostgreSQL server.
type Postgres struct {
	*Server
	// URL is the connection string, with a Unix socket.
	URL string
}

// StartPostgres makes a database in the directory and starts PostgreSQL on it:
// durable, with more memory than its defaults, on a Unix socket. Where it is not
// installed the error is a *MissingError.
func StartPostgres(ctx context.Context, dir string) (*Postgres, error) {
	initdb := postgresProgram("initdb")
	if initdb == "" {
		return nil, &MissingError{"PostgreSQL"}
	}
	owner, err := postgresOwner(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initialize := exec.CommandContext(ctx, initdb, "--pgdata", data, "--username", "bench", "--auth", "trust", "--no-sync")
	initialize.SysProcAttr, initialize.Dir = &syscall.SysProcAttr{Credential: owner}, dir
	if said, err := initialize.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make a PostgreSQL database: %w\n%s", err, said)
	}
	p := &Postgres{URL: "host=" + dir + " user=bench dbname=postgres"}
	p.Server, err = Start(ctx, Spec{
		Name: "postgres", Path: filepath.Join(filepath.Dir(initdb), "postgres"), Dir: dir, Credential: owner, StopSignal: syscall.SIGINT,
		Args: []string{"-D", data, "-c", "listen_addresses=", "-c", "unix_socket_directories=" + dir, "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"},
		Ready: func(ctx context.Context, _ *Server) error {
			db, err := pgx.Connect(ctx, p.URL)
			if err != nil {
				return fmt.Errorf("connect to PostgreSQL: %w", err)
			}
			return db.Close(ctx)
		},
	})
	return p, err
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
