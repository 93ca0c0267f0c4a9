package api

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// sink is a ResponseWriter that keeps nothing, so that what is measured is ours.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// rewound is a request body that can be read again.
type rewound struct{ bytes.Reader }

func (*rewound) Close() error { return nil }

// driver sends one request over and over through the whole server, past net/http.
type driver struct {
	server *Server
	w      sink
	r      *http.Request
	body   rewound
	text   []byte
}

func newDriver(t testing.TB, path, text string, header http.Header) *driver {
	t.Helper()
	routes := append([]Route{{Method: "POST", Path: "/v1/poll", Access: Anyone, Body: JSONBody, OwnSyntax: true, Handle: func(c *Call) error {
		if err := c.Settle(c.Context()); err != nil {
			return err
		}
		c.Out = append(c.Out, c.Body...)
		return c.Answer(c.Out)
	}}}, sampleRoutes...)
	return newDriverOf(t, routes, path, text, header)
}

// newDriverOf returns a driver of a server with these routes.
func newDriverOf(t testing.TB, routes []Route, path, text string, header http.Header) *driver {
	t.Helper()
	server, err := NewServer(Config{
		Routes: routes, Auth: secretAuth(t), ReadModel: newModel(), Logger: discard, CORSOrigins: []string{"https://a.org"},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{server: server, text: []byte(text), w: sink{header: http.Header{}}}
	d.r, err = http.NewRequest("POST", path, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.r.Header, d.r.Body, d.r.ContentLength = header, &d.body, int64(len(text))
	return d
}

func (d *driver) run() {
	clear(d.w.header)
	d.body.Reset(d.text)
	d.server.ServeHTTP(&d.w, d.r)
}

var polls = []struct {
	name, path string
	header     func(t testing.TB) http.Header
}{
	{"anonymous", "/v1/poll", func(testing.TB) http.Header {
		return http.Header{"Content-Type": {mediaJSON}, "Origin": {"https://a.org"}}
	}},
	{"syntax", "/v1/echo", func(testing.TB) http.Header {
		return http.Header{"Content-Type": {mediaJSON}}
	}},
	{"token", "/v1/secure", func(t testing.TB) http.Header {
		return http.Header{"Content-Type": {mediaJSON}, "Authorization": {"Bearer " + mint(t, RoleService)}, "Idempotency-Key": {"k"}}
	}},
}

const pollBody = `{"video_ids":["0f8fad5b-d9cb-469f-a165-70867728950e","7c9e6679-7425-40de-944b-e07fc1f90ae7"]}`

func TestPipelineAllocatesNothing(t *testing.T) {
	for _, p := range polls {
		d := newDriver(t, p.path, pollBody, p.header(t))
		if allocs := testing.AllocsPerRun(200, d.run); allocs >= 1 && !raceEnabled {
			t.Errorf("%s: %v allocations a request", p.name, allocs)
		}
		if d.w.status != 200 {
			t.Errorf("%s: status %d", p.name, d.w.status)
		}
	}
}

func BenchmarkPipeline(b *testing.B) {
	for _, p := range polls {
		b.Run(p.name, func(b *testing.B) {
			d := newDriver(b, p.path, pollBody, p.header(b))
			b.ReportAllocs()
			for b.Loop() {
				d.run()
			}
		})
	}
	b.Run("verify", func(b *testing.B) {
		a := secretAuth(b)
		token := mint(b, RoleService)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRefusal(b *testing.B) {
	d := newDriver(b, "/v1/secure", pollBody, http.Header{})
	b.ReportAllocs()
	for b.Loop() {
		d.run()
	}
}

// The whole way through net/http and a socket, for comparison.
func BenchmarkOverHTTP(b *testing.B) {
	h := newHarness(b, sampleRoutes)
	transport := &http.Transport{}
	b.Cleanup(transport.CloseIdleConnections)
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequest("POST", h.http.URL+"/v1/echo", strings.NewReader(pollBody))
		if err != nil {
			b.Fatal(err)
		}
		response, err := transport.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}
