package blackbox

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

var (
	// binary is the path of the program under test, built by TestMain.
	binary string
	// common is the service that tests with IDs of their own share.
	common *Service
)

const (
	// pageOrigin is the one origin that the common service lets in.
	pageOrigin = "https://app.example.org"
	// secret signs the tokens of services that are started with it.
	secret = "the secret of the black-box tests, long enough"
	// patience bounds every wait. It is long because two busy cores are slow;
	// nothing is asserted about time that is shorter.
	patience = 90 * time.Second
)

// unhurried has a service wait longer than by default for its disk and its fold, which
// share two cores with those of many other tests.
var unhurried = []string{"--wait-limit", "20s", "--commit-limit", "20s"}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tidemark-blackbox-")
	if err != nil {
		return complain(err)
	}
	defer os.RemoveAll(dir)
	if binary, err = served.Build(dir, strings.Fields(os.Getenv("BLACKBOX_BUILD_FLAGS"))...); err != nil {
		return complain(err)
	}
	common = &Service{Process: served.New(binary, filepath.Join(dir, "common"), slices.Concat(unhurried, []string{"--jwt-secret", secret, "--cors-origin", pageOrigin})...)}
	defer common.Kill()
	if err := common.Start(); err != nil {
		return complain(err)
	}
	shareCores()
	code := m.Run()
	if err := common.Process.Stop(patience); err != nil {
		code = complain(fmt.Errorf("stop the common service: %w", err))
	}
	if fault := common.fault(); fault != "" {
		code = complain(fmt.Errorf("the common service's log has %q", fault))
	}
	if code != 0 {
		fmt.Fprintf(os.Stderr, "--- the common service said:\n%s\n", served.Tail(common.Log.String()))
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
	*served.Process
	// expects is what the service complains of because the test has it coming.
	expects string
}

// start launches a service with a secret that mint knows on a directory of the
// test's own. The service ends with the test, which shows its log on failure.
func start(t testing.TB, flags ...string) *Service {
	t.Helper()
	return startIn(t, t.TempDir(), append([]string{"--jwt-secret", secret}, flags...)...)
}

func startIn(t testing.TB, dir string, flags ...string) *Service {
	t.Helper()
	s := &Service{Process: served.New(binary, dir, slices.Concat(unhurried, flags)...)}
	t.Cleanup(func() {
		s.Kill()
		if fault := s.fault(); fault != "" {
			t.Errorf("the service's log has %q", fault)
		}
		if t.Failed() {
			t.Logf("the service said:\n%s", served.Tail(s.Log.String()))
		}
	})
	s.Restart(t)
	return s
}

// Stop ends the service with SIGTERM; it must exit with 0.
func (s *Service) Stop(t testing.TB) {
	t.Helper()
	if err := s.Process.Stop(patience); err != nil {
		t.Fatal(err)
	}
}

// Restart starts the service, which has ended, on the same data directory.
func (s *Service) Restart(t testing.TB) {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
}

// fault returns what in the log no service may ever say, or "".
func (s *Service) fault() string {
	said := s.Log.String()
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
	out, complaints, err := served.Command(t, binary, args...)
	return strings.TrimSpace(out), complaints, err
}

// eventually waits until check reports true.
func eventually(t testing.TB, what string, check func() (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := served.Poll(ctx, what, check); err != nil {
		t.Fatal(err)
	}
}
