package clients_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

// binary is the program under test and scripts the folder of the compiled
// clients, both made by TestMain.
var binary, scripts string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tidemark-clients-")
	if err == nil {
		defer os.RemoveAll(dir)
		scripts = filepath.Join(dir, "dist")
		if binary, err = served.Build(dir); err == nil {
			err = build(dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build compiles the clients in a copy of their folder.
func build(dir string) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is missing; install it with: apt-get install -y nodejs npm", program)
		}
	}
	sources, err := filepath.Glob("*.ts")
	if err != nil {
		return err
	}
	for _, name := range append(sources, "package.json", "package-lock.json", "tsconfig.json") {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	for _, step := range [][]string{
		{"npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--fetch-retries=5"},
		{"npm", "run", "build"},
	} {
		command := exec.Command(step[0], step[1:]...)
		command.Dir = dir
		if said, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(step, " "), err, said)
		}
	}
	return nil
}

// service is a running tidemark on an empty directory.
type service struct {
	*served.Process
	t *testing.T
}

// serve starts a service, which ends with the test.
func serve(t *testing.T) *service {
	t.Helper()
	return &service{served.Serve(t, binary), t}
}

func (s *service) token(sub string, roles ...string) string {
	s.t.Helper()
	return s.Token(s.t, sub, roles...)
}

// does sends a command and wants 2xx.
func (s *service) does(token, method, path, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Idempotency-Key", uuid.NewString()) // a keyed command is answered once it is folded
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode/100 != 2 {
		s.t.Fatalf("%s %s: %d %s %v", method, path, answer.StatusCode, said, err)
	}
}

// line is one that a client prints.
type line = map[string]any

// client is one of the scripts under Node.
type client struct {
	t       *testing.T
	command *exec.Cmd
	lines   chan line
	waits   []float64 // milliseconds, as asked for
	seen    []line
	errors  bytes.Buffer
}

// starts runs a client, with a clock that runs speed times as fast.
func (s *service) starts(name, token string, ids ...string) *client {
	s.t.Helper()
	settings, err := json.Marshal(map[string]any{"baseUrl": s.URL, "token": token, "ids": ids, "speed": 40})
	if err != nil {
		s.t.Fatal(err)
	}
	c := &client{t: s.t, lines: make(chan line, 10_000)}
	c.command = exec.Command("node", filepath.Join(scripts, "run.js"), name)
	c.command.Env = append(served.Environment(), "CLIENT_SETTINGS="+string(settings))
	c.command.Stderr = &c.errors
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if c.command.ProcessState == nil {
			_ = c.command.Process.Kill()
			_ = c.command.Wait()
		}
	})
	go func() {
		defer close(c.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			var l line
			if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
				l = line{"unreadable": scanner.Text()}
			}
			c.lines <- l
		}
	}()
	return c
}

// prints waits until the client has printed each of the lines, in any order;
// what else it printed until then is kept in seen.
func (c *client) prints(want ...line) {
	c.t.Helper()
	missing := map[string]bool{}
	for _, l := range want {
		missing[text(c.t, l)] = true
	}
	deadline := time.After(served.Patience)
	for len(missing) > 0 {
		select {
		case l, more := <-c.lines:
			if !more {
				c.t.Fatalf("the client ended without printing %v; it printed %v and said %s", missing, c.seen, c.errors.String())
			}
			if wait, ok := l["wait"].(float64); ok {
				c.waits = append(c.waits, wait)
				continue
			}
			c.seen = append(c.seen, l)
			delete(missing, text(c.t, l))
		case <-deadline:
			c.t.Fatalf("the client does not print %v; it printed %v", missing, c.seen)
		}
	}
}

// ends waits for the client's exit, which must be with status 0.
func (c *client) ends() {
	c.t.Helper()
	for l := range c.lines {
		c.t.Errorf("after the end the client prints %v", l)
	}
	if err := c.command.Wait(); err != nil {
		c.t.Errorf("the client ended with %v: %s", err, c.errors.String())
	}
}

func text(t *testing.T, l line) string {
	t.Helper()
	out, err := json.Marshal(l) // sorts the members
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
