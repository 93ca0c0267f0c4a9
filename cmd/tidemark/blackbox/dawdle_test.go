package blackbox

import (
	"io"
	"net"
	"syscall"
	"testing"
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
	return min(10_000, int(limit.Cur)-1000)
}
