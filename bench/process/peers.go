package process

import (
	"context"
	"errors"
	"strings"
)

// StartPeer starts one server of the peers' program, by its command, on a port
// of its own.
func StartPeer(ctx context.Context, binary, dir, gogc, command string, args ...string) (s *Server, address string, err error) {
	if address, err = FreeAddress(); err != nil {
		return nil, "", err
	}
	s, err = Start(ctx, Spec{
		Name: command, Path: binary, Dir: dir, Args: append([]string{command, "--listen", address}, args...),
		Env: []string{"GOGC=" + gogc},
		Ready: func(_ context.Context, s *Server) error {
			text, err := s.Log()
			if err == nil && !strings.HasPrefix(text, "ready") {
				err = errors.New("it has not said that it is ready")
			}
			return err
		},
	})
	return s, address, err
}
