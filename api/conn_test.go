package api

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// connPair is a connection of ours and its other end.
func connPair(t *testing.T) (*conn, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ownListener{listener, NewHTTPServer(nil, discard)}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); accepted.Close() })
	return accepted.(*conn), client
}

func TestASweepEnforcesDeadlines(t *testing.T) {
	c, client := connPair(t)
	c.passed = true // as if net/http read: a request in the making is none of this test
	clock := &c.server.clock
	sweep := func(after time.Duration) {
		clock.now.Store(int64(after))
		c.enforce(int64(after))
	}
	deadlines := map[string]struct {
		set func(time.Time) error
		io  func() error
	}{
		"read": {c.SetReadDeadline, func() error {
			if _, err := client.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			_, err := c.Read(make([]byte, 8))
			return err
		}},
		"write": {c.SetWriteDeadline, func() error { _, err := c.Write([]byte("x")); return err }},
	}
	now := time.Duration(0)
	for name, d := range deadlines {
		want := func(when string, want error) {
			t.Helper()
			if err := d.io(); !errors.Is(err, want) {
				t.Errorf("%s %s: %v, want %v", name, when, err, want)
			}
		}
		_ = d.set(clock.start.Add(now + 5*time.Second))
		now += 4 * time.Second
		sweep(now)
		want("before the deadline", nil)
		now += 2 * time.Second
		sweep(now)
		want("after the deadline", os.ErrDeadlineExceeded)
		_ = d.set(time.Time{})
		want("with the deadline lifted", nil)
		_ = d.set(aPast)
		want("with a deadline long ago, before a sweep", os.ErrDeadlineExceeded)
		_ = d.set(clock.start.Add(now + 5*time.Second))
		want("with a later deadline", nil)
		_ = d.set(time.Time{})
		now += time.Hour
		sweep(now)
		want("with none", nil)
	}
}

// TestADeadlineMayMoveDuringASweep moves deadlines while they are enforced:
// whatever the order, one that was lifted last is lifted.
func TestADeadlineMayMoveDuringASweep(t *testing.T) {
	c, _ := connPair(t)
	clock := &c.server.clock
	clock.now.Store(int64(time.Minute))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			c.enforce(int64(time.Minute))
		}
	}()
	for range 2000 {
		_ = c.SetWriteDeadline(clock.start.Add(time.Minute))
		_ = c.SetWriteDeadline(time.Time{})
		if _, err := c.Write(nil); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	if _, err := c.Write([]byte("x")); err != nil {
		t.Error(err)
	}
}

// listening runs an HTTPServer and returns its address.
func listening(t testing.TB, handler http.HandlerFunc, change ...func(*HTTPServer)) string {
	t.Helper()
	return serve(t, handler, change...).address
}

// running is a server that listens until the test ends, or stops it.
type running struct {
	*HTTPServer
	t       testing.TB
	address string
	stop    func() // returns at once; stopped is closed when it has, with err
	stopped chan struct{}
	err     error
}

func serve(t testing.TB, handler http.HandlerFunc, change ...func(*HTTPServer)) *running {
	t.Helper()
	s := &running{HTTPServer: NewHTTPServer(handler, discard), t: t, stopped: make(chan struct{})}
	for _, f := range change {
		f(s.HTTPServer)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() {
		defer close(s.stopped)
		s.err = s.Serve(ctx, listener, time.Minute)
	}()
	t.Cleanup(func() {
		stop()
		<-s.stopped
	})
	return s
}

// dial opens a connection that ends with the test.
func (s *running) dial() net.Conn {
	s.t.Helper()
	client, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { client.Close() })
	return client
}

// stops wants the server, which was stopped, to have ended well.
func (s *running) stops() {
	s.t.Helper()
	select {
	case <-s.stopped:
	case <-time.After(2 * time.Minute):
		s.t.Fatal("the server goes on")
	}
	if s.err != nil {
		s.t.Error(s.err)
	}
}

// until waits for a condition, in any goroutine.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	limit := time.After(2 * time.Minute)
	for tick := time.Tick(time.Millisecond); !holds(); {
		select {
		case <-tick:
		case <-limit:
			t.Errorf("waited in vain until %s", what)
			return
		}
	}
}

// TestClientsThatStallAreCutOff: each limit of the server holds on its own
// connections, whose deadlines are enforced by a sweep.
func TestClientsThatStallAreCutOff(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 3)
	address := listening(t, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			failed <- err
		}
	}, func(s *HTTPServer) {
		// Of the header's limit there is enough for those that are whole.
		s.limits.header, s.limits.body, s.limits.idle = 4*time.Second, time.Second, time.Second
	})
	open := map[string]net.Conn{}
	for name, sent := range map[string]string{
		"nothing at all":                           "",
		"half a header":                            "POST / HTTP/1.1\r\nHost: x\r\n",
		"a request, then idle":                     "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"half of the next":                         "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
		"half a body of length":                    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{",
		"half a large body":                        "GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{",
		"half a chunk":                             "GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{",
		"half of what is not plain, after what is": "GET / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\n",
	} {
		client, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := io.WriteString(client, sent); err != nil {
			t.Fatal(err)
		}
		open[name] = client
	}
	for name, client := range open {
		if _, err := io.Copy(io.Discard, client); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", name, err) // the test ends only when the server closes
		}
	}
	for range 3 { // the bodies of which half came
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("half a body: %v", err)
		}
	}
}
