package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// repeatBody answers with the request's body, and says who read the request.
func repeatBody(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Read-By", "us")
	if connOf(r) != nil {
		w.Header().Set("X-Read-By", "net/http")
	}
	w.Header().Set("X-Remote", r.RemoteAddr)
	_, _ = w.Write(body)
}

func inChunks(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

func withLength(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// conversations are requests on one connection, with who reads each.
var conversations = map[string][]struct{ request, body, by string }{
	"plain ones of all sizes": {
		{withLength("a"), "a", "us"},
		{"GET /x HTTP/1.1\r\nHost: x\r\n\r\n", "", "us"},
		{withLength(strings.Repeat("b", 4000)), strings.Repeat("b", 4000), "us"},
		{withLength(strings.Repeat("c", 9000)), strings.Repeat("c", 9000), "us"},
		{withLength(strings.Repeat("d", 64<<10)), strings.Repeat("d", 64<<10), "us"},
		{withLength("e"), "e", "us"},
	},
	"one in chunks among them": {
		{withLength("a"), "a", "us"}, {inChunks("chunked"), "chunked", "net/http"}, {withLength("b"), "b", "net/http"}, {inChunks("c"), "c", "net/http"},
	},
	"a large one among them": {
		{withLength("a"), "a", "us"}, {withLength(strings.Repeat("l", 100_000)), strings.Repeat("l", 100_000), "net/http"}, {withLength("b"), "b", "net/http"},
	},
	"one with a long head among them": {
		{withLength("a"), "a", "us"}, {strings.Replace(withLength("b"), "Host", "X-A: "+strings.Repeat("h", 5000)+"\r\nHost", 1), "b", "net/http"},
	},
	"none that is plain": {
		{inChunks(strings.Repeat("x", 5000)), strings.Repeat("x", 5000), "net/http"}, {withLength("a"), "a", "net/http"},
	},
}

// TestRequestsOfAConnectionAreAllAnswered sends conversations ahead, one after
// the other, and byte by byte: each request is answered once, in its turn.
func TestRequestsOfAConnectionAreAllAnswered(t *testing.T) {
	address := listening(t, repeatBody)
	for name, conversation := range conversations {
		for how, send := range map[string]func(client net.Conn, answered <-chan struct{}){
			"ahead": func(client net.Conn, _ <-chan struct{}) {
				var all strings.Builder
				for _, turn := range conversation {
					all.WriteString(turn.request)
				}
				_, _ = io.WriteString(client, all.String())
			},
			"in turn": func(client net.Conn, answered <-chan struct{}) {
				for _, turn := range conversation {
					_, _ = io.WriteString(client, turn.request)
					<-answered
				}
			},
			"in pieces": func(client net.Conn, answered <-chan struct{}) {
				for _, turn := range conversation {
					for i := range min(len(turn.request), 200) {
						_, _ = io.WriteString(client, turn.request[i:i+1])
					}
					_, _ = io.WriteString(client, turn.request[min(len(turn.request), 200):])
					<-answered
				}
			},
		} {
			client, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			answered := make(chan struct{}, len(conversation))
			go send(client, answered)
			answers := bufio.NewReader(client)
			for i, turn := range conversation {
				response, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Fatalf("%s, %s, %d: %v", name, how, i, err)
				}
				body, err := io.ReadAll(response.Body)
				if err != nil || string(body) != turn.body || response.Header.Get("X-Read-By") != turn.by || response.Header.Get("X-Remote") != client.LocalAddr().String() {
					t.Errorf("%s, %s, %d: %q %.20q (%v), want %.20q read by %s", name, how, i, response.Header, body, err, turn.body, turn.by)
				}
				answered <- struct{}{}
			}
			client.Close()
		}
	}
}

func TestLargeAnswersArriveWhole(t *testing.T) {
	address := listening(t, func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header()["Content-Length"] = []string{strconv.Itoa(size)}
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
	for _, size := range []int{1, 3900, 4000, 4095, 4096, 4097, 5000, 14000, 150_000, 4 << 20} {
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

// TestWhatEndsAConnection: what a handler does that ends the connection ends it
// at once, with its answer or with none.
func TestWhatEndsAConnection(t *testing.T) {
	address := listening(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/close":
			w.Header()["Connection"] = connectionClose
			_, _ = w.Write([]byte("bye"))
		case "/abort":
			_, _ = w.Write([]byte("half"))
			panic(http.ErrAbortHandler)
		case "/panic":
			panic("a fault of ours")
		case "/short":
			w.Header()["Content-Length"] = []string{"10"}
			_, _ = w.Write([]byte("half"))
		}
	})
	for path, want := range map[string]string{"/close": "bye", "/abort": "", "/panic": "", "/short": ""} {
		client, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(client, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(client)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", path, err)
		}
		if (want == "") != (len(said) == 0) || !strings.HasSuffix(string(said), want) {
			t.Errorf("%s: the answer is %q", path, said)
		}
		client.Close()
	}
}

// TestAClientThatDoesNotReadIsCutOff: an answer that nobody takes does not hold
// its connection for ever.
func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	t.Parallel()
	served := make(chan struct{})
	address := listening(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Length"] = []string{strconv.Itoa(32 << 20)}
		_, _ = w.Write(make([]byte, 32<<20))
		close(served)
	}, func(s *HTTPServer) { s.limits.write = time.Second })
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-served
	// A client that writes on learns that the connection is closed.
	for err == nil {
		_, err = client.Write(make([]byte, 1<<20))
	}
	if read, err := io.Copy(io.Discard, client); err == nil && read >= 32<<20 {
		t.Errorf("the whole answer came, %d bytes", read)
	}
}

// TestAPlainRequestIsUnderWayUntilItIsAnswered: a server that stops waits for it;
// here the count of requests under way is looked at.
func TestAPlainRequestIsUnderWayUntilItIsAnswered(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-leave })
	client := s.dial()
	answers := bufio.NewReader(client)
	for range 2 {
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-entered
		if all, active := s.open(); all != 1 || active != 1 {
			t.Errorf("%d connections, %d with a request under way", all, active)
		}
		leave <- struct{}{}
		if _, err := http.ReadResponse(answers, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	s.stops()
}

// TestAServerThatStopsWaitsForABody: a request whose head is there is under way.
func TestAServerThatStopsWaitsForABody(t *testing.T) {
	t.Parallel()
	s := serve(t, repeatBody)
	client := s.dial()
	request := withLength("hello")
	if _, err := io.WriteString(client, request[:len(request)-2]); err != nil {
		t.Fatal(err)
	}
	until(t, "the request is under way", func() bool { _, active := s.open(); return active > 0 })
	s.stop()
	until(t, "the server drains", s.draining.Load)
	if _, err := io.WriteString(client, request[len(request)-2:]); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "hello" || !response.Close || response.Header.Get("X-Read-By") != "us" {
		t.Errorf("%q (%v), %v", body, err, response.Header)
	}
	s.stops()
}

// TestASlowHandlerIsNotCutOff: the limit of writes is for clients that do not read.
func TestASlowHandlerIsNotCutOff(t *testing.T) {
	t.Parallel()
	var server *HTTPServer
	address := listening(t, func(w http.ResponseWriter, _ *http.Request) {
		start := server.clock.now.Load()
		until(t, "two sweeps are over", func() bool { return server.clock.now.Load() >= start+int64(2*sweepEvery) })
		_, _ = io.WriteString(w, "at last")
	}, func(s *HTTPServer) { s.limits.write, server = time.Millisecond, s })
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "at last" {
		t.Errorf("%q (%v)", body, err)
	}
}

// TestLinesMayEndInABareLF: net/http takes them, behind plain requests too.
func TestLinesMayEndInABareLF(t *testing.T) {
	address := listening(t, repeatBody)
	for _, before := range []string{"", withLength("a")} {
		client, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := io.WriteString(client, before+"POST / HTTP/1.1\nHost: x\nContent-Length: 2\n\nhi"); err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewReader(client)
		for body := []byte(nil); string(body) != "hi"; {
			response, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(response.Body); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestALineBehindAPostIsForgiven: net/http does so too.
func TestALineBehindAPostIsForgiven(t *testing.T) {
	address := listening(t, repeatBody)
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	answers := bufio.NewReader(client)
	for i, sent := range []string{withLength("a") + "\r\n" + withLength("a") + "\r", "\n", withLength("a") + "\r\n"} {
		if _, err := io.WriteString(client, sent); err != nil {
			t.Fatal(err)
		}
		for range []int{2, 0, 1}[i] {
			response, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(response.Body); err != nil || string(body) != "a" || response.Header.Get("X-Read-By") != "us" {
				t.Errorf("%q (%v), %v", body, err, response.Header)
			}
		}
	}
}
