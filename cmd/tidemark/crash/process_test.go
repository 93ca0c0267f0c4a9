package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// site is one data directory and the process that serves it, start after start.
type site struct {
	t     testing.TB
	dir   string
	flags []string
	url   string
	log   *logBuffer
	// readyTimes holds, for each start, how long it took to be ready.
	readyTimes []time.Duration

	process *os.Process
	exited  chan struct{} // closed when the process has ended; exit says how
	exit    error
}

// newSite is a data directory that is not served yet.
func newSite(t testing.TB, dir string, flags ...string) *site {
	s := &site{t: t, dir: dir, flags: flags, log: newLogBuffer()}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the service said:\n%s", tail(s.log.all.String()))
		}
	})
	return s
}

// launch starts the process and returns at once.
func (s *site) launch(flags ...string) {
	s.t.Helper()
	args := slices.Concat([]string{"serve", "--data-dir", s.dir, "--listen", "127.0.0.1:0"}, s.flags, flags)
	command := exec.Command(binary, args...)
	command.Env = cleanEnvironment()
	command.Stdout, command.Stderr = io.Discard, s.log
	s.log.reset()
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited := make(chan struct{})
	s.process, s.exited = command.Process, exited
	go func() {
		s.exit = command.Wait()
		close(exited)
	}()
}

// start launches the process and returns when it is ready.
func (s *site) start(flags ...string) {
	s.t.Helper()
	if err := s.tryStart(flags...); err != nil {
		s.t.Fatal(err)
	}
}

// tryStart is start for services that may refuse.
func (s *site) tryStart(flags ...string) error {
	s.t.Helper()
	began := time.Now()
	s.launch(flags...)
	if err := s.awaitAddress(); err != nil {
		return err
	}
	if err := s.awaitReady(); err != nil {
		return err
	}
	s.readyTimes = append(s.readyTimes, time.Since(began))
	return nil
}

var addressLine = regexp.MustCompile(`msg="tidemark serves" address=(http://127\.0\.0\.1:[0-9]+)`)

func (s *site) awaitAddress() error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		said, more := s.log.watch()
		if m := addressLine.FindStringSubmatch(said); m != nil {
			s.url = m[1]
			return nil
		}
		select {
		case <-more:
		case <-s.exited:
			return fmt.Errorf("the service ended before it served: %v; it said:\n%s", s.exit, tail(s.said()))
		case <-deadline.C:
			return errors.New("the service did not print its address")
		}
	}
}

// readyWithin bounds a start (I5). On an idle machine these logs take half a
// second; what is asserted leaves room for a busy one.
const readyWithin = 15 * time.Second

func (s *site) awaitReady() error {
	return s.poll("the service to be ready", readyWithin, func() (bool, string) {
		status, said := s.readyz()
		return status == http.StatusOK, said
	})
}

func (s *site) readyz() (int, string) {
	answer, err := httpClient.Get(s.url + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(said)
}

// poll asks check until it reports true; the text is what check saw.
func (s *site) poll(what string, limit time.Duration, check func() (bool, string)) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		done, saw := check()
		if done {
			return nil
		}
		select {
		case <-ticker.C:
		case <-s.exited:
			return fmt.Errorf("waited for %s, and the process ended: %v; it said:\n%s", what, s.exit, tail(s.said()))
		case <-ctx.Done():
			return fmt.Errorf("waited %v in vain for %s; saw last: %s", limit, what, saw)
		}
	}
}

// kill ends the process as a crash would.
func (s *site) kill() {
	if s.process != nil {
		_ = s.process.Kill() // it may have ended by itself
		<-s.exited
	}
}

// stop ends the process with SIGTERM: it must exit with 0.
func (s *site) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if code := s.awaitExit(gracefulStop); code != 0 {
		s.t.Errorf("exit status %d after SIGTERM, want 0; it said:\n%s", code, tail(s.said()))
	}
}

// gracefulStop is how long the service may take to end after SIGTERM.
const gracefulStop = 10 * time.Second

func (s *site) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Signal(sig); err != nil {
		s.t.Fatalf("signal the service: %v", err)
	}
}

// awaitExit waits for the process to end by itself and returns its exit status.
func (s *site) awaitExit(limit time.Duration) int {
	s.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.exited:
	case <-timer.C:
		s.t.Fatalf("the process has not ended after %v; it said:\n%s", limit, tail(s.said()))
	}
	var exit *exec.ExitError
	switch {
	case s.exit == nil:
		return 0
	case errors.As(s.exit, &exit):
		return exit.ExitCode() // -1 for a signal
	}
	s.t.Fatalf("wait for the process: %v", s.exit)
	return 0
}

// said is what the process has written since its last start.
func (s *site) said() string {
	said, _ := s.log.watch()
	return said
}

// token asks the program itself for a bearer token.
func (s *site) token(sub id, roles ...string) string {
	s.t.Helper()
	args := []string{"token", "--data-dir", s.dir, "--sub", sub.String(), "--ttl", "12h"}
	for _, role := range roles {
		args = append(args, "--role", role)
	}
	command := exec.Command(binary, args...)
	command.Env = cleanEnvironment()
	out, err := command.Output()
	if err != nil {
		s.t.Fatalf("tidemark token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func cleanEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TIDEMARK_") })
}

// readiness is the longest and the middle time to ready.
func (s *site) readiness() string {
	times := slices.Sorted(slices.Values(s.readyTimes))
	if len(times) == 0 {
		return "never ready"
	}
	return fmt.Sprintf("ready in %v (median of %d starts), at most %v",
		times[len(times)/2].Round(time.Millisecond), len(times), times[len(times)-1].Round(time.Millisecond))
}

func tail(text string) string {
	const keep = 8 << 10
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
