package api

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// TestStopAnswersWhatIsUnderWay stops a server while one request runs, one
// connection is idle and one was never used.
func TestStopAnswersWhatIsUnderWay(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := NewHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-leave
		}
		w.WriteHeader(http.StatusNoContent)
	}), discard)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(ctx, listener, time.Minute) }()

	dial := func() net.Conn {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	ask := func(c net.Conn, path string) { _, _ = c.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")) }
	answer := func(c net.Conn) *http.Response {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	dial() // never used
	idle := dial()
	ask(idle, "/")
	answer(idle)
	busy := dial()
	ask(busy, "/slow")
	<-entered

	stop()
	for !s.draining.Load() {
		runtime.Gosched()
	}
	ask(idle, "/") // a client that asks within the grace is answered, and told
	if resp := answer(idle); resp.StatusCode != http.StatusNoContent || !resp.Close {
		t.Errorf("within the grace: %s, close %v", resp.Status, resp.Close)
	}
	close(leave)
	if resp := answer(busy); resp.StatusCode != http.StatusNoContent {
		t.Errorf("under way: %s", resp.Status)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("a stopped server takes connections")
	}
}
