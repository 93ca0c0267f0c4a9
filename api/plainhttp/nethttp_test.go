package plainhttp

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// wire is a connection whose client has sent all it will, and keeps what it gets.
type wire struct {
	in     bytes.Reader
	out    bytes.Buffer
	closed chan struct{}
}

func (w *wire) Read(p []byte) (int, error)       { return w.in.Read(p) }
func (w *wire) Write(p []byte) (int, error)      { return w.out.Write(p) }
func (w *wire) Close() error                     { close(w.closed); return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// wires is a listener that accepts what it is sent.
type wires chan net.Conn

func (l wires) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l wires) Close() error   { return nil }
func (l wires) Addr() net.Addr { return &net.TCPAddr{} }

// reference is net/http's server.
type reference struct {
	accept  wires
	handler http.HandlerFunc
}

func newReference(t testing.TB) *reference {
	s := &reference{accept: make(wires)}
	server := &http.Server{
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handler(w, r) }),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	done := make(chan error)
	go func() { done <- server.Serve(s.accept) }()
	t.Cleanup(func() { close(s.accept); <-done })
	return s
}

// answer returns what the server sends to who sends the data.
func (s *reference) answer(data []byte, handler http.HandlerFunc) []byte {
	w := &wire{closed: make(chan struct{})}
	w.in.Reset(data)
	s.handler = handler
	s.accept <- w
	<-w.closed
	return w.out.Bytes()
}

// FuzzPlainRequestsAreReadAsNetHTTPReadsThem: of whatever is plain, net/http's
// server makes the same request, and finds the next one at the same place.
func FuzzPlainRequestsAreReadAsNetHTTPReadsThem(f *testing.F) {
	for _, list := range [][]string{plain, notPlain} {
		for _, text := range list {
			f.Add([]byte(text))
			f.Add([]byte(text + bare))
		}
	}
	s := newReference(f)
	e := NewExchange(context.Background())
	f.Fuzz(func(t *testing.T, data []byte) {
		size, v := e.Read(data)
		if v == Partial && size > 0 && size < 1<<16 {
			data = append(data, make([]byte, size-len(data))...)
			if again, v := e.Read(data); v != Whole || again != size {
				t.Fatalf("%q: with the rest of its body, verdict %d and size %d", data, v, again)
			}
			v = Whole
		}
		if v != Whole {
			return
		}
		got := e.Request()
		body, _ := io.ReadAll(got.Body)
		// What follows is another request, so that the end of the first can be seen.
		const next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
		requests := 0
		s.answer(append(data[:size:size], next...), func(w http.ResponseWriter, want *http.Request) {
			if requests++; requests == 2 && want.RequestURI != "/next" || requests > 2 {
				t.Errorf("%q: net/http finds the request %+v behind it", data[:size], want)
			}
			if requests > 1 {
				return
			}
			text, err := io.ReadAll(want.Body)
			if err != nil || !bytes.Equal(text, body) {
				t.Errorf("%q: body %q, net/http reads %q (%v)", data[:size], body, text, err)
			}
			if got.Method != want.Method || got.RequestURI != want.RequestURI || got.Host != want.Host || got.Proto != want.Proto ||
				got.ContentLength != want.ContentLength || !reflect.DeepEqual(got.URL, want.URL) || !reflect.DeepEqual(got.Header, want.Header) ||
				want.Close || len(want.TransferEncoding) > 0 || len(want.Trailer) > 0 {
				t.Errorf("%q: read as %+v, net/http reads %+v", data[:size], got, want)
			}
		})
		if requests != 2 {
			t.Errorf("%q and another: net/http finds %d requests", data[:size], requests)
		}
	})
}

// TestAnswersAreNetHTTPs compares answers with those of net/http's server to the
// same request from the same handler.
func TestAnswersAreNetHTTPs(t *testing.T) {
	s := newReference(t)
	e := NewExchange(context.Background())
	request := []byte(post("{}"))
	header := func(w http.ResponseWriter, pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			w.Header().Add(pairs[i], pairs[i+1])
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"a length": func(w http.ResponseWriter, _ *http.Request) {
			header(w, "Content-Length", "4")
			_, _ = w.Write([]byte("text"))
		},
		"no length": func(w http.ResponseWriter, _ *http.Request) {
			header(w, "Content-Type", "application/json")
			_, _ = w.Write([]byte("te"))
			_, _ = w.Write([]byte("xt"))
		},
		"an empty write":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) },
		"a page":            func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html><p>")) },
		"404":               func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); _, _ = w.Write([]byte(`{}`)) },
		"an unheard-of 499": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(499) },
		"two statuses":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202); w.WriteHeader(500) },
		"202 with no body":  func(w http.ResponseWriter, _ *http.Request) { header(w, "Content-Length", "0"); w.WriteHeader(202) },
		"204":               func(w http.ResponseWriter, _ *http.Request) { header(w, "X-A", "b"); w.WriteHeader(204) },
		"304": func(w http.ResponseWriter, _ *http.Request) {
			header(w, "Etag", `"a"`, "Content-Type", "a/b")
			w.WriteHeader(304)
		},
		"two values":        func(w http.ResponseWriter, _ *http.Request) { header(w, "Vary", "Origin", "Vary", "Accept") },
		"a line in a value": func(w http.ResponseWriter, _ *http.Request) { header(w, "X-A", "a\r\nSet-Cookie: b\nc") },
		"a date":            func(w http.ResponseWriter, _ *http.Request) { header(w, "Date", "yesterday") },
		"an end":            func(w http.ResponseWriter, _ *http.Request) { header(w, "Connection", "close"); w.WriteHeader(503) },
		"too much of a body": func(w http.ResponseWriter, _ *http.Request) {
			header(w, "Content-Length", "2")
			_, _ = w.Write([]byte("text"))
		},
		"a body that may not": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204); _, _ = w.Write([]byte("text")) },
	} {
		want := s.answer(request, handler)
		if _, v := e.Read(request); v != Whole {
			t.Fatal(v)
		}
		e.BeginAnswer("now")
		handler(e, e.Request())
		got, keep, err := e.EndAnswer()
		if name == "too much of a body" {
			if err == nil {
				t.Errorf("%s: an answer %q", name, got)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		g, gotBody := parseAnswer(t, got)
		w, wantBody := parseAnswer(t, want)
		if name != "a date" && g.Header.Get("Date") != "now" {
			t.Errorf("%s: dated %q", name, g.Header.Get("Date"))
		}
		if name != "a date" {
			g.Header.Del("Date")
			w.Header.Del("Date")
		}
		if g.Status != w.Status || !reflect.DeepEqual(g.Header, w.Header) || gotBody != wantBody || keep == w.Close || g.ContentLength != w.ContentLength {
			t.Errorf("%s: %q, net/http answers %q", name, got, want)
		}
	}
}

func parseAnswer(t *testing.T, text []byte) (*http.Response, string) {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return response, string(body)
}

// TestAnAnswerIsWholeOrNone: a handler that breaks off has no answer.
func TestAnAnswerIsWholeOrNone(t *testing.T) {
	e := NewExchange(context.Background())
	e.Read([]byte(bare))
	e.BeginAnswer("now")
	e.Header()["Content-Length"] = []string{"5"}
	_, _ = e.Write([]byte("text"))
	if message, _, err := e.EndAnswer(); err == nil || !strings.Contains(err.Error(), "/v1/position declares 5 bytes and has 4") {
		t.Errorf("%q, %v", message, err)
	}
}
