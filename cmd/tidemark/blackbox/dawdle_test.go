package blackbox

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

func TestClientsThatDawdle(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	host := "Host: localhost\r\n"
	like := "PUT /v1/videos/" + v.video + "/like HTTP/1.1\r\n" + host + "Authorization: Bearer " + v.user.token + "\r\nContent-Type: application/json\r\n"

	// Each of these is opened, left alone, and must be let go by the service.
	open := map[string]net.Conn{}
	for name, begin := range map[string]string{
		"half a request line": "PUT /v1/vid",
		"half a header":       like + "X-A: b",
		"half a body":         like + "Content-Length: 20\r\n\r\n{\"at\":",
		"half a chunk":        like + "Transfer-Encoding: chunked\r\n\r\n20\r\n{\"at\":",
	} {
		conn := dial(t, v.s)
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Fatal(err)
		}
		open[name] = conn
	}
	// A body that ends before its length says is known at once.
	short := dial(t, v.s)
	if _, err := io.WriteString(short, like+"Content-Length: 100\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	if err := short.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if status, text := readRaw(t, short); status != 0 && status != 400 && status != 408 {
		t.Errorf("a body that breaks off: status %d: %s", status, text)
	}
	// Others are served meanwhile.
	v.wantCounts(v.video, counts{Views: 1})
	for name, conn := range open {
		if status, text := readRaw(t, conn); status != 0 && status != 400 && status != 408 {
			t.Errorf("%s: status %d: %s", name, status, text)
		}
	}
	v.unharmed("dawdling")
	v.whole()
}

func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	for range idleConnections(t) {
		conn, err := net.DialTimeout("tcp", v.s.Host, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	v.wantCounts(v.video, counts{Views: 1})
	v.user.likes(v.video)
	v.wantCounts(v.video, counts{Views: 1, Likes: 1})
}

// idleConnections is how many connections to hold open: 10,000, or what the
// limit on open files lets this process and the service have.
func idleConnections(t testing.TB) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return min(10_000, int(limit.Cur)/2-100)
}

// TestConnectionsLeaveFilesToTheService: whoever only connects cannot take the
// files that the event log and the checkpoints need. Where few may be open, one
// connection too many is told so, and those before it are served.
func TestConnectionsLeaveFilesToTheService(t *testing.T) {
	t.Parallel()
	few := filepath.Join(t.TempDir(), "tidemark")
	script := "#!/bin/sh\nulimit -n 256\nexec " + binary + ` "$@"` + "\n"
	if err := os.WriteFile(few, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := &Service{Process: served.New(few, t.TempDir(), "--jwt-secret", secret, "--checkpoint-interval", "100ms")}
	t.Cleanup(s.Kill)
	s.Restart(t)
	user, video := worldOf(t, s).user(), newID()
	mine := dial(t, s) // while others take all there are
	like := func() int {
		t.Helper()
		request := "PUT /v1/videos/" + video + "/like HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + user.token + "\r\n\r\n"
		if _, err := io.WriteString(mine, request); err != nil {
			t.Fatal(err)
		}
		status, _ := readRaw(t, mine)
		return status
	}
	if status := like(); status != 202 {
		t.Fatalf("status %d before there was a crowd", status)
	}
	var crowd []net.Conn
	refused := ""
	for len(crowd) < 300 && refused == "" {
		conn := dial(t, s)
		crowd = append(crowd, conn)
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			refused = err.Error()
		} else if status, text := readRaw(t, conn); status != 200 {
			refused = fmt.Sprint(status, text)
		}
	}
	if refused == "" {
		t.Error("300 connections are kept where 256 files may be open")
	}
	for range 50 { // and checkpoints beside them
		if status := like(); status != 202 {
			t.Fatalf("in the crowd: status %d", status)
		}
	}
	for _, conn := range crowd {
		_ = conn.Close() // makes room
	}
	w := worldOf(t, s)
	eventually(t, "others to be served again", func() (bool, string) {
		a, err := w.anonymous().try("GET", "/v1/videos/batch-metadata?ids="+video, nil)
		if err != nil {
			return false, err.Error()
		}
		return a.Status == 200, string(a.Body)
	})
	w.wantCounts(video, counts{Likes: 1})
	if refusals := w.metric("tidemark_http_connections_refused_total"); refusals < 1 {
		t.Errorf("%v connections were refused, by the metric", refusals)
	}
	s.Stop(t)
}
