package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Spec says how a server is started.
type Spec struct {
	// Name is for messages and the log file.
	Name string
	Path string
	Args []string
	// Env is added to this process's environment.
	Env []string
	// Dir is where the log file lies, and the working directory.
	Dir string
	// Ready is asked until it returns nil.
	Ready func(ctx context.Context, s *Server) error
	// ReadyLimit is how long that may take; 0 means 60 s.
	ReadyLimit time.Duration
	// Credential is the user to run as; nil for this process's own.
	Credential *syscall.Credential
	// StopSignal asks the server to end; 0 means SIGTERM.
	StopSignal syscall.Signal
}

// Server is a process that was started.
type Server struct {
	spec    Spec
	cmd     *exec.Cmd
	log     string
	exited  chan struct{}
	exitErr error
}

// Start starts the process and returns once it is ready. The process ends with
// the context, at the latest.
func Start(ctx context.Context, spec Spec) (*Server, error) {
	s := &Server{spec: spec, exited: make(chan struct{}), log: filepath.Join(spec.Dir, spec.Name+".log")}
	logFile, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer logFile.Close() // the process has its own
	s.cmd = exec.CommandContext(ctx, spec.Path, spec.Args...)
	s.cmd.Env = append(os.Environ(), spec.Env...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = spec.Dir, logFile, logFile
	// A benchmark that is killed leaves no servers behind.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: spec.Credential, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	if err := s.waitReady(ctx); err != nil {
		s.Kill()
		return nil, fmt.Errorf("start %s: %w\n%s", spec.Name, err, s.LogTail())
	}
	return s, nil
}

// PID returns the process's identity.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// LogTail returns the end of what the server wrote, for messages.
func (s *Server) LogTail() string {
	text, _ := os.ReadFile(s.log) // without it there is only less to say
	return string(text[max(0, len(text)-2000):])
}

// Log returns all that the server wrote to stdout and stderr.
func (s *Server) Log() (string, error) {
	text, err := os.ReadFile(s.log)
	return string(text), err
}

func (s *Server) waitReady(ctx context.Context) error {
	limit := s.spec.ReadyLimit
	if limit == 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := s.spec.Ready(ctx, s)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-s.exited:
			return errors.Join(errors.New("it ended before it was ready"), s.exitErr)
		case <-ctx.Done():
			return fmt.Errorf("it was not ready in %s: %w", limit, err)
		}
	}
}

// Stop asks the server to end, and waits until it has; after 30 s it is killed.
func (s *Server) Stop() error {
	signal := s.spec.StopSignal
	if signal == 0 {
		signal = syscall.SIGTERM
	}
	_ = s.cmd.Process.Signal(signal) // one that has ended already is as good
	select {
	case <-s.exited:
		return s.exitErr
	case <-time.After(30 * time.Second):
		s.Kill()
		return fmt.Errorf("%s did not end in 30 s and was killed", s.spec.Name)
	}
}

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // one that has ended already is as good
	<-s.exited
}
