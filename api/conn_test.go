package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// connPair is a connection of ours and its other end.
func connPair(t *testing.T, clock *sweepClock) (*conn, net.Conn) {
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
	accepted, err := ownListener{listener, clock}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); accepted.Close() })
	return accepted.(*conn), client
}

func TestASweepEnforcesDeadlines(t *testing.T) {
	clock := &sweepClock{start: time.Now()}
	c, client := connPair(t, clock)
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
	clock := &sweepClock{start: time.Now()}
	c, _ := connPair(t, clock)
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
func listening(t *testing.T, handler http.HandlerFunc, change ...func(*HTTPServer)) string {
	t.Helper()
	s := NewHTTPServer(handler, discard)
	for _, f := range change {
		f(s)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(ctx, listener, time.Second) }()
	t.Cleanup(func() { stop(); <-stopped })
	return listener.Addr().String()
}

// TestClientsThatStallAreCutOff: each limit of the server holds on its own
// connections, whose deadlines are enforced by a sweep.
func TestClientsThatStallAreCutOff(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	address := listening(t, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			failed <- err
		}
	}, func(s *HTTPServer) {
		s.server.ReadHeaderTimeout, s.server.ReadTimeout, s.server.IdleTimeout = time.Second, time.Second, time.Second
	})
	for name, sent := range map[string]string{
		"nothing at all":        "",
		"half a header":         "POST / HTTP/1.1\r\nHost: x\r\n",
		"a request, then idle":  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"half of the next":      "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
		"half a body of length": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{",
	} {
		client, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(client, sent); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, client); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", name, err) // the test ends only when the server closes
		}
		client.Close()
	}
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("half a body: %v", err)
	}
}

// TestPipelinedRequestsAreAllAnswered: without a watch on the client, what it
// sends ahead is read in its turn, and nothing of it is lost.
func TestPipelinedRequestsAreAllAnswered(t *testing.T) {
	address := listening(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	})
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	bodies := []string{"a", "", strings.Repeat("b", 9000), "c", "chunked", "d"}
	go func() {
		for _, body := range bodies {
			head := "POST / HTTP/1.1\r\nHost: x\r\n"
			if body == "chunked" {
				_, _ = io.WriteString(client, head+"Transfer-Encoding: chunked\r\n\r\n3\r\nchu\r\n4\r\nnked\r\n0\r\n\r\n")
				continue
			}
			r, _ := http.NewRequest("POST", "http://x/", strings.NewReader(body))
			_ = r.Write(client)
		}
	}()
	answers := bufio.NewReader(client)
	for _, want := range bodies {
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(response.Body); err != nil || string(got) != want {
			t.Fatalf("%.20q (%v), want %.20q", got, err, want)
		}
	}
}

// TestLargeAnswersArriveWhole: an answer that is put off until its rest comes
// is the same as one that is not.
func TestLargeAnswersArriveWhole(t *testing.T) {
	address := listening(t, func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header()["Content-Length"] = []string{strconv.Itoa(size)}
		connOf(r).expect(size)
		for rest := bytes.Repeat([]byte("x"), size); len(rest) > 0; {
			n := len(rest)
			if r.URL.RawQuery != "" {
				n = min(n, 1500)
			}
			_, _ = w.Write(rest[:n])
			rest = rest[n:]
		}
	})
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	answers := bufio.NewReader(client)
	for _, size := range []int{1, 3900, 4000, 4095, 4096, 4097, 5000, 14000, 150_000} {
		for _, query := range []string{"", "?pieces"} {
			if _, err := fmt.Fprintf(client, "GET /%d%s HTTP/1.1\r\nHost: x\r\n\r\n", size, query); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.Copy(io.Discard, response.Body); err != nil || int(got) != size {
				t.Fatalf("%d%s: %d bytes (%v)", size, query, got, err)
			}
		}
	}
}
