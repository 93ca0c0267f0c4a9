package blackbox

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	// binary is the path of the program under test, built by TestMain.
	binary string
	// common is the service that tests with IDs of their own share.
	common *Service
)

const (
	moduleCommand = "github.com/tidemark-io/tidemark/cmd/tidemark"
	// pageOrigin is the one origin that the common service lets in.
	pageOrigin = "https://app.example.org"
	// secret signs the tokens of services that are started with it.
	secret = "the secret of the black-box tests, long enough"
	// patience bounds every wait. It is long because two busy cores are slow;
	// nothing is asserted about time that is shorter.
	patience = 20 * time.Second
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tidemark-blackbox-")
	if err != nil {
		return complain(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "tidemark")
	flags := strings.Fields(os.Getenv("BLACKBOX_BUILD_FLAGS"))
	build := exec.Command("go", slices.Concat([]string{"build"}, flags, []string{"-o", binary, moduleCommand})...)
	if out, err := build.CombinedOutput(); err != nil {
		return complain(fmt.Errorf("build the binary: %w\n%s", err, out))
	}
	common, err = launch(filepath.Join(dir, "common"), "--jwt-secret", secret, "--cors-origin", pageOrigin)
	if err != nil {
		return complain(err)
	}
	defer common.Kill()
	shareCores()
	code := m.Run()
	if err := common.stop(); err != nil {
		code = complain(fmt.Errorf("stop the common service: %w", err))
	}
	if fault := common.fault(); fault != "" {
		code = complain(fmt.Errorf("the common service's log has %q", fault))
	}
	if code != 0 {
		fmt.Fprintf(os.Stderr, "--- the common service said:\n%s\n", tail(common.log.String()))
	}
	return code
}

// shareCores lets more tests run at once than there are cores, unless the
// command line says how many: they wait for disks and deadlines most of the time.
func shareCores() {
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set("8") // a number: cannot fail
	}
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Service is one data directory and the process that serves it.
type Service struct {
	dir   string
	flags []string
	url   string
	host  string
	log   *logBuffer
	// expects is what the service complains of because the test has it coming.
	expects string

	process *os.Process
	// exited is closed when the process has ended; exit says how.
	exited chan struct{}
	exit   error
}

// start launches a service with a secret that mint knows on a directory of the
// test's own. The service ends with the test, which shows its log on failure.
func start(t testing.TB, flags ...string) *Service {
	t.Helper()
	return startIn(t, t.TempDir(), append([]string{"--jwt-secret", secret}, flags...)...)
}

func startIn(t testing.TB, dir string, flags ...string) *Service {
	t.Helper()
	s, err := launch(dir, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if fault := s.fault(); fault != "" {
			t.Errorf("the service's log has %q", fault)
		}
		if t.Failed() {
			t.Logf("the service said:\n%s", tail(s.log.String()))
		}
	})
	return s
}

func launch(dir string, flags ...string) (*Service, error) {
	s := &Service{dir: dir, flags: flags, log: newLogBuffer()}
	if err := s.run(); err != nil {
		s.Kill()
		return nil, fmt.Errorf("%w; it said:\n%s", err, tail(s.log.String()))
	}
	return s, nil
}

// run starts the process and returns once it is ready.
func (s *Service) run() error {
	if err := s.begin(); err != nil {
		return err
	}
	return s.awaitReady()
}

// begin starts the process and returns once it has said where it listens.
func (s *Service) begin() error {
	command := serveCommand(s.dir, s.flags...)
	command.Stderr = s.log
	s.log.reset()
	if err := command.Start(); err != nil {
		return err
	}
	s.process, s.exited = command.Process, make(chan struct{})
	exited := s.exited
	go func() {
		s.exit = command.Wait()
		close(exited)
	}()
	return s.awaitAddress()
}

func serveCommand(dir string, flags ...string) *exec.Cmd {
	args := append([]string{"serve", "--data-dir", dir, "--listen", "127.0.0.1:0"}, flags...)
	command := exec.Command(binary, args...)
	command.Env = cleanEnvironment()
	command.Stdout = io.Discard
	return command
}

// cleanEnvironment is the environment without settings of tidemark.
func cleanEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TIDEMARK_") })
}

var addressPattern = regexp.MustCompile(`127\.0\.0\.1:[1-9][0-9]*`)

// awaitAddress waits for the line on stderr that says where the service
// listens. It may come before the service is ready.
func (s *Service) awaitAddress() error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		said, more := s.log.watch()
		for _, address := range addressPattern.FindAllString(said, -1) {
			if !slices.Contains(s.flags, address) {
				s.host, s.url = address, "http://"+address
				return nil
			}
		}
		select {
		case <-more:
		case <-s.exited:
			return fmt.Errorf("the service ended before it was ready: %v", s.exit)
		case <-deadline.C:
			return errors.New("the service did not print its address")
		}
	}
}

func (s *Service) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return poll(ctx, "the service to be ready", func() (bool, string) {
		answer, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		defer answer.Body.Close()
		said, _ := io.ReadAll(answer.Body)
		return answer.StatusCode == http.StatusOK, string(said)
	})
}

// Stop ends the service with SIGTERM; it must exit with 0.
func (s *Service) Stop(t testing.TB) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

func (s *Service) stop() error {
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("signal the service: %w", err)
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		return errors.New("the service goes on after SIGTERM")
	}
	if s.exit != nil {
		return fmt.Errorf("exit after SIGTERM: %w, want status 0", s.exit)
	}
	return nil
}

// Kill ends the service as a crash would.
func (s *Service) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Kill()
	<-s.exited
}

// Restart starts the service, which has ended, on the same data directory.
func (s *Service) Restart(t testing.TB) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

// fault returns what in the log no service may ever say, or "".
func (s *Service) fault() string {
	said := s.log.String()
	if s.expects != "" {
		var rest []string
		for line := range strings.SplitSeq(said, "\n") {
			if !strings.Contains(line, s.expects) {
				rest = append(rest, line)
			}
		}
		said = strings.Join(rest, "\n")
	}
	for _, fault := range []string{"DATA RACE", "panic", "level=ERROR", "goroutine "} {
		if strings.Contains(said, fault) {
			return fault
		}
	}
	return ""
}

// program runs another subcommand of the binary to its end.
func program(t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, binary, args...)
	command.Env = cleanEnvironment()
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	err = command.Run()
	if strings.Contains(complaints.String(), "goroutine ") {
		t.Errorf("tidemark %v panics: %s", args, clip(complaints.String()))
	}
	return strings.TrimSpace(out.String()), complaints.String(), err
}

// eventually waits until check reports true.
func eventually(t testing.TB, what string, check func() (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := poll(ctx, what, check); err != nil {
		t.Fatal(err)
	}
}

// poll asks check until it reports true or ctx ends; the text is what check saw.
func poll(ctx context.Context, what string, check func() (bool, string)) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		done, saw := check()
		if done {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s; saw last: %s", what, saw)
		}
	}
}

func tail(text string) string {
	const keep = 6 << 10
	if len(text) > keep {
		return "…" + text[len(text)-keep:]
	}
	return text
}

// logBuffer keeps what a process writes and tells who watches.
type logBuffer struct {
	mu   sync.Mutex
	all  bytes.Buffer
	now  bytes.Buffer // since the last start
	more chan struct{}
}

func newLogBuffer() *logBuffer { return &logBuffer{more: make(chan struct{})} }

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all.Write(p)
	close(b.more)
	b.more = make(chan struct{})
	return b.now.Write(p)
}

// watch returns what was written since reset, and a channel that closes when
// there is more.
func (b *logBuffer) watch() (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now.String(), b.more
}

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now.Reset()
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}
