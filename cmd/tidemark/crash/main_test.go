package crash

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

// binary is the path of the program under test, built by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tidemark-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if binary, err = served.Build(dir, strings.Fields(os.Getenv("CRASH_BUILD_FLAGS"))...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// setting reads a number from the environment.
func setting(t *testing.T, name string, preset int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return preset
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number from 1", name, text)
	}
	return n
}

// seed makes the workers' choices repeatable, as far as a crash is.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := setting(t, "CRASH_SEED", int(time.Now().UnixNano()&0xffffff)+1)
	t.Logf("CRASH_SEED=%d", n)
	return uint64(n)
}

// pause waits for a moment that the test chose, or for the service to end by
// itself, which it reports.
func pause(s *site, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.Exited():
		return false
	}
}
