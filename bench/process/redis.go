package process

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
)

// MissingError says that a peer's program is not on this machine.
type MissingError struct{ Program string }

func (e *MissingError) Error() string {
	return e.Program + " is not installed: run bench/install-peers.sh"
}

// Redis is a redis-server.
type Redis struct {
	*Server
	// Socket is the Unix socket that it listens on.
	Socket string
}

// StartRedis starts Redis as it comes, without snapshots, on a Unix socket: the
// fastest that it is. Where it is not installed the error is a *MissingError.
func StartRedis(ctx context.Context, dir string) (*Redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, &MissingError{"redis-server"}
	}
	r := &Redis{Socket: filepath.Join(dir, "redis.sock")}
	r.Server, err = Start(ctx, Spec{
		Name: "redis", Path: path, Dir: dir,
		Args: []string{"--port", "0", "--unixsocket", r.Socket, "--save", "", "--appendonly", "no"},
		Ready: func(ctx context.Context, _ *Server) error {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "unix", r.Socket)
			if err != nil {
				return fmt.Errorf("connect to Redis: %w", err)
			}
			return conn.Close()
		},
	})
	return r, err
}
