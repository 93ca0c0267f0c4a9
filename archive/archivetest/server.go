package archivetest

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// URLVariable names the variable of the environment with the address of a
// server that tests may use in place of their own: a role that may create
// databases. Tests that stop their server start one of their own all the same.
const URLVariable = "TIDEMARK_TEST_POSTGRES_URL"

// Server is a PostgreSQL server that belongs to one test.
type Server struct {
	t       testing.TB
	dir     string // holds the socket and the log
	data    string
	port    int
	bin     string
	account *syscall.Credential // nil where tests do not run as root
	process *exec.Cmd
	shared  string // directory of a server that outlives its test
	ended   chan struct{}
}

// startLimit is how long a server may take to answer: after an immediate stop
// it recovers first.
const startLimit = 60 * time.Second

// Start makes a cluster and starts its server; both end with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartIn(t, t.TempDir())
}

// StartIn is Start with the cluster's files in a directory of the caller's.
func StartIn(t testing.TB, dir string) *Server {
	t.Helper()
	s := New(t, dir)
	s.Init()
	s.Launch()
	return s
}

// New returns a server whose files lie below a directory; it is not made yet.
// Its socket lies elsewhere: paths of sockets are short.
func New(t testing.TB, dir string) *Server {
	t.Helper()
	s := newServer(t, dir)
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	t.Cleanup(s.Kill)
	return s
}

func newServer(t testing.TB, dir string) *Server {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, dir: socket, data: filepath.Join(dir, "cluster"), port: 5432, bin: bin}
	if err := s.chooseAccount(); err != nil {
		t.Fatal(err)
	}
	s.own(dir)
	s.own(socket)
	return s
}

// binaries finds the newest server of the machine, as Debian lays it out, or
// the one in the path.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b string) int { return majorOf(b) - majorOf(a) })
		return filepath.Dir(found[0]), nil
	}
	if name, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(name), nil
	}
	return "", errors.New("the tests of the archive need a PostgreSQL server; install it with: deploy/install-test-deps.sh")
}

func majorOf(binary string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(binary))))
	return n
}

// chooseAccount picks who the server runs as: it refuses to run as root.
func (s *Server) chooseAccount() error {
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			s.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			return nil
		}
	}
	return errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// own gives a directory to the server's account, and lets it get there.
func (s *Server) own(dir string) {
	s.t.Helper()
	if s.account == nil {
		return
	}
	if err := os.Chown(dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
		s.t.Fatal(err)
	}
	// A test's directory lies in one of its own that others may not enter.
	for up := filepath.Dir(dir); len(up) > len(os.TempDir()); up = filepath.Dir(up) {
		if info, err := os.Stat(up); err == nil && info.Mode().Perm()&0o001 == 0 {
			_ = os.Chmod(up, info.Mode().Perm()|0o011)
		}
	}
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir, c.Env = s.dir, []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.account, Pdeathsig: syscall.SIGQUIT}
	return c
}

// Init makes the cluster.
func (s *Server) Init() {
	s.t.Helper()
	out, err := s.command("initdb", "--pgdata="+s.data, "--username=tidemark", "--auth=trust",
		"--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions", "--wal-segsize=1").CombinedOutput()
	if err != nil {
		s.t.Fatalf("initdb: %v\n%s", err, out)
	}
	settings := "listen_addresses = ''\nunix_socket_directories = '" + s.dir + "'\nmax_connections = 40\n" +
		"shared_buffers = 32MB\nmax_wal_size = 64MB\nmin_wal_size = 2MB\nautovacuum_naptime = 5min\nlogging_collector = off\n" +
		"dynamic_shared_memory_type = mmap\nwal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n"
	s.Configure(settings)
}

// Configure appends lines to the server's configuration; they count from the
// next Launch on.
func (s *Server) Configure(lines string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(lines + "\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		s.t.Fatalf("configure PostgreSQL: %v", err)
	}
}

// Launch starts the server and waits until it answers.
func (s *Server) Launch() {
	s.t.Helper()
	s.launch()
	s.Await()
}

func (s *Server) launch() {
	s.t.Helper()
	_ = os.Remove(filepath.Join(s.data, "postmaster.pid")) // of one that was killed: its socket is ours alone
	logFile, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer logFile.Close()
	process := s.command("postgres", "-D", s.data)
	process.Stdout, process.Stderr = logFile, logFile
	if err := process.Start(); err != nil {
		s.t.Fatalf("start PostgreSQL: %v", err)
	}
	ended := make(chan struct{})
	s.process, s.ended = process, ended
	go func() { _ = process.Wait(); close(ended) }()
}

// Await waits until the server answers.
func (s *Server) Await() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		select {
		case <-s.ended:
			s.t.Fatalf("PostgreSQL has ended:\n%s", s.Log())
		case <-ctx.Done():
			s.t.Fatalf("PostgreSQL does not answer: %v\n%s", err, s.Log())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// LogFile is where the server writes what it has to say.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "log") }

// Log returns the end of what the server wrote.
func (s *Server) Log() string {
	b, _ := os.ReadFile(s.LogFile())
	if lines := bytes.Split(b, []byte("\n")); len(lines) > 40 {
		b = bytes.Join(lines[len(lines)-40:], []byte("\n"))
	}
	return string(b)
}

// URL is the address of one of the server's databases.
func (s *Server) URL(database string) string {
	query := url.Values{"host": {s.dir}, "port": {strconv.Itoa(s.port)}, "user": {"tidemark"}, "sslmode": {"disable"}}
	return "postgres:///" + database + "?" + query.Encode()
}
