package served

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
)

// Serve starts a service on an empty directory, which ends with the test, and
// returns it once it is ready.
func Serve(t testing.TB, binary string, flags ...string) *Process {
	t.Helper()
	p := New(binary, t.TempDir(), flags...)
	t.Cleanup(p.Kill)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before it is killed
		if err := p.Stop(Patience); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the service said:\n%s", Tail(p.Log.String()))
		}
	})
	return p
}

// Command runs another subcommand of the binary to its end. The error is of one
// that does not end with status 0.
func Command(t testing.TB, binary string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	command := exec.CommandContext(ctx, binary, args...)
	command.Env = Environment()
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	err = command.Run()
	if bytes.Contains(complaints.Bytes(), []byte("goroutine ")) {
		t.Errorf("tidemark %v panics: %s", args, Tail(complaints.String()))
	}
	return out.String(), complaints.String(), err
}

// Token mints a token with the secret of the service's data directory.
func (p *Process) Token(t testing.TB, sub string, roles ...string) string {
	t.Helper()
	args := []string{"token", "--data-dir", p.Dir, "--sub", sub, "--ttl", "12h"}
	for _, role := range roles {
		args = append(args, "--role", role)
	}
	out, said, err := Command(t, p.Binary, args...)
	if err != nil {
		t.Fatalf("tidemark token: %v: %s", err, said)
	}
	return string(bytes.TrimSpace([]byte(out)))
}
