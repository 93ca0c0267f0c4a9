package api

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestConnectionsAreBounded: one too many is told so at once; those before it are
// served as ever, and each that ends makes room.
func TestConnectionsAreBounded(t *testing.T) {
	const most = 3
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") },
		func(s *HTTPServer) { s.LimitConnections(most) })
	const ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	answer := func(c net.Conn) (*http.Response, string) {
		t.Helper()
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response, string(body)
	}
	served := func(c net.Conn) {
		t.Helper()
		if _, err := io.WriteString(c, ask); err != nil {
			t.Fatal(err)
		}
		if got, body := answer(c); got.StatusCode != 200 || body != "served" {
			t.Fatalf("%s: %s", got.Status, body)
		}
	}
	var kept []net.Conn
	for range most {
		c := s.dial()
		served(c)
		kept = append(kept, c)
	}
	for range 3 {
		got, body := answer(s.dial()) // without a word
		var p problemJSON
		if err := json.Unmarshal([]byte(body), &p); err != nil || got.StatusCode != 503 || !strings.HasSuffix(p.Type, string(Overloaded)) ||
			got.Header.Get("Retry-After") == "" || !got.Close || got.Header.Get("Content-Type") != contentProblem[0] {
			t.Fatalf("one too many: %s, %v: %s (%v)", got.Status, got.Header, body, err)
		}
	}
	for _, c := range kept {
		served(c)
	}
	if open, refused := s.Connections(); open != most || refused != 3 {
		t.Errorf("%d connections are open and %d were refused, want %d and 3", open, refused, most)
	}
	_ = kept[0].Close()
	until(t, "the connection that ended counts no more", func() bool {
		open, _ := s.Connections()
		return open < most
	})
	served(s.dial())
}
