package archivetest

import (
	"os"
	"syscall"
	"testing"
)

// StartForAll starts a server for all tests of a package; TestMain calls End.
// With TIDEMARK_TEST_POSTGRES_URL there is none, and Database does not need it.
func StartForAll(t testing.TB) *Server {
	t.Helper()
	if os.Getenv(URLVariable) != "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "postgres")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, dir)
	s.shared = dir
	s.Init()
	s.Launch()
	return s
}

// End stops a server that StartForAll started, and removes its files.
func (s *Server) End() {
	if s == nil || s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGQUIT)
	<-s.ended
	_ = os.RemoveAll(s.shared)
	_ = os.RemoveAll(s.dir)
}
