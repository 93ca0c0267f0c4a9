package load_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

const secret = "the secret of the load tests, long enough"

// binary is the path of the program under test, built by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tidemark-load-")
	if err == nil {
		defer os.RemoveAll(dir)
		binary, err = served.Build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// serve starts a service on an empty directory, which ends with the test, and
// returns its address once it is ready.
func serve(t *testing.T) string {
	t.Helper()
	return served.Serve(t, binary, "--jwt-secret", secret).URL
}

// loads runs tidemark load to its end.
func loads(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return served.Command(t, binary, append([]string{"load", "--jwt-secret", secret}, args...)...)
}
