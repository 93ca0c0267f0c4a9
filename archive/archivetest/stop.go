package archivetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// The ways to stop a server; see pg_ctl.
const (
	// Fast ends sessions, rolls back and writes a checkpoint.
	Fast = syscall.SIGINT
	// Immediate ends at once: the next start recovers.
	Immediate = syscall.SIGQUIT
)

// Stop stops the server and waits for its end.
func (s *Server) Stop(how syscall.Signal) {
	s.t.Helper()
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(how)
	select {
	case <-s.ended:
	case <-time.After(startLimit):
		s.t.Errorf("PostgreSQL does not stop:\n%s", s.Log())
		_ = s.process.Process.Kill()
		<-s.ended
	}
	s.process = nil
}

// Kill stops the server at once; nothing if it does not run.
func (s *Server) Kill() { s.Stop(Immediate) }

// Restart stops the server at once, as a crash would, and starts it again.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.Launch()
}

// StandBy starts the server, which must be stopped, as one that waits for a primary, and
// can be read; pg_promote() ends that.
func (s *Server) StandBy() {
	s.t.Helper()
	file := filepath.Join(s.data, "standby.signal")
	err := os.WriteFile(file, nil, 0o600)
	if err == nil && s.account != nil {
		err = os.Chown(file, int(s.account.Uid), int(s.account.Gid))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.Launch()
}

// Freeze stops all processes of the server in their tracks; Thaw lets them go on.
func (s *Server) Freeze() { s.signalAll(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.signalAll(syscall.SIGCONT) }

// signalAll signals the server and the processes that it has started.
func (s *Server) signalAll(signal syscall.Signal) {
	s.t.Helper()
	pids := append(children(s.process.Process.Pid), s.process.Process.Pid)
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal) // one that has ended meanwhile needs none
	}
}

// Backup copies the files of the cluster, which must be stopped, to a directory;
// Restore puts such a copy in their place.
func (s *Server) Backup(to string) { s.copy(s.data, to) }

// Restore replaces the cluster, which must be stopped, by a copy of it.
func (s *Server) Restore(from string) {
	s.t.Helper()
	if out, err := exec.Command("rm", "-rf", s.data).CombinedOutput(); err != nil {
		s.t.Fatalf("remove %s: %v\n%s", s.data, err, out)
	}
	s.copy(from, s.data)
}

func (s *Server) copy(from, to string) {
	s.t.Helper()
	if s.process != nil {
		s.t.Fatal("the server runs: stop it before its files are copied")
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		s.t.Fatalf("copy %s: %v\n%s", from, err, out)
	}
}

// Runs reports whether the server runs: it ends by itself where it cannot go on.
func (s *Server) Runs() bool {
	select {
	case <-s.ended:
		s.process = nil
		return false
	default:
		return s.process != nil
	}
}
