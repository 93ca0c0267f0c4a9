package load_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	moduleCommand = "github.com/tidemark-io/tidemark/cmd/tidemark"
	secret        = "the secret of the load tests, long enough"
	// patience bounds every wait; nothing is asserted about time.
	patience = 30 * time.Second
)

// binary is the path of the program under test, built by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tidemark-load-")
	if err == nil {
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "tidemark")
		var said []byte
		if said, err = exec.Command("go", "build", "-o", binary, moduleCommand).CombinedOutput(); err != nil {
			err = fmt.Errorf("build the binary: %w\n%s", err, said)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

var addressPattern = regexp.MustCompile(`address="?(http://127\.0\.0\.1:\d+)`)

// serve starts a service on an empty directory, which ends with the test, and
// returns its address once it is ready.
func serve(t *testing.T) string {
	t.Helper()
	command := exec.Command(binary, "serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--jwt-secret", secret)
	command.Env = environment()
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	address, lines := "", bufio.NewScanner(stderr)
	for address == "" && lines.Scan() {
		if found := addressPattern.FindStringSubmatch(lines.Text()); found != nil {
			address = found[1]
		}
	}
	if address == "" {
		t.Fatal("the service ended before it said where it listens")
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() { // a full pipe would stop the service
		}
	}()
	awaitReady(t, address)
	return address
}

func awaitReady(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for tick := time.Tick(10 * time.Millisecond); ; {
		if answer, err := http.Get(address + "/readyz"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick:
		case <-ctx.Done():
			t.Fatal("the service did not get ready")
		}
	}
}

// loads runs tidemark load to its end.
func loads(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, binary, append([]string{"load", "--jwt-secret", secret}, args...)...)
	command.Env = environment()
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	err = command.Run()
	return out.String(), complaints.String(), err
}

// environment is the environment without settings of tidemark.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TIDEMARK_") })
}
