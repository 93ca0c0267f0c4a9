package api

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestStopAnswersWhatIsUnderWay stops a server while one request runs, one
// connection is idle and one was never used.
func TestStopAnswersWhatIsUnderWay(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-leave
		}
		w.WriteHeader(http.StatusNoContent)
	})
	ask := func(c net.Conn, path string) { _, _ = c.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")) }
	answer := func(c net.Conn) *http.Response {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	s.dial() // never used
	idle := s.dial()
	ask(idle, "/")
	answer(idle)
	busy := s.dial()
	ask(busy, "/slow")
	<-entered

	s.stop()
	until(t, "the server drains", s.draining.Load)
	ask(idle, "/") // a client that asks within the grace is answered, and told
	if resp := answer(idle); resp.StatusCode != http.StatusNoContent || !resp.Close {
		t.Errorf("within the grace: %s, close %v", resp.Status, resp.Close)
	}
	close(leave)
	if resp := answer(busy); resp.StatusCode != http.StatusNoContent {
		t.Errorf("under way: %s", resp.Status)
	}
	s.stops()
	if _, err := net.Dial("tcp", s.address); err == nil {
		t.Error("a stopped server takes connections")
	}
}

// TestStopEndsTheContextOfWhatItCutsOff, whoever has read the request: else a
// handler that waits for a database would keep the process.
func TestStopEndsTheContextOfWhatItCutsOff(t *testing.T) {
	for name, request := range map[string]string{
		"plain":    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"net/http": "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
	} {
		entered, ended := make(chan struct{}), make(chan struct{})
		server := NewHTTPServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			close(ended)
		}), discard)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- server.Serve(ctx, listener, time.Millisecond) }()
		client, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		<-entered
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-ended:
		case <-time.After(2 * time.Minute):
			t.Errorf("%s: the request goes on after the stop", name)
		}
		client.Close()
	}
}
