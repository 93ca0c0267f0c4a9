package api

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestRoutesThatAreRefusedAtStart(t *testing.T) {
	ok := func(*Call) error { return nil }
	for _, tt := range []struct {
		name   string
		routes []Route
	}{
		{"no access", []Route{{Method: "GET", Path: "/v1/a", Handle: ok}}},
		{"unknown access", []Route{{Method: "GET", Path: "/v1/a", Access: 1 << 7, Handle: ok}}},
		{"no handler", []Route{{Method: "GET", Path: "/v1/a", Access: Anyone}}},
		{"unknown method", []Route{{Method: "get", Path: "/v1/a", Access: Anyone, Handle: ok}}},
		{"slash at the end", []Route{{Method: "GET", Path: "/v1/a/", Access: Anyone, Handle: ok}}},
		{"GET with body", []Route{{Method: "GET", Path: "/v1/a", Access: Anyone, Body: JSONBody, Handle: ok}}},
		{"media type with parameter", []Route{{Method: "PUT", Path: "/v1/a", Access: Anyone, MediaTypes: []string{"text/x; a=b"}, Handle: ok}}},
		{"twice", []Route{{Method: "GET", Path: "/v1/a", Access: Anyone, Handle: ok}, {Method: "GET", Path: "/v1/a", Access: Admin, Handle: ok}}},
		{"twice by parameter", []Route{{Method: "GET", Path: "/v1/:a", Access: Anyone, Handle: ok}, {Method: "GET", Path: "/v1/:b", Access: Admin, Handle: ok}}},
	} {
		_, err := NewServer(Config{Routes: tt.routes, Auth: secretAuth(t), ReadModel: newModel(), Logger: discard})
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
	}
	for _, origin := range []string{"example.org", "https://a.org/", "https://a.org/x", "null", "ftp://a.org", "https://u@a.org"} {
		if _, err := NewServer(Config{Auth: secretAuth(t), Logger: discard, CORSOrigins: []string{origin}}); err == nil {
			t.Errorf("origin %s: accepted", origin)
		}
	}
	if _, err := NewServer(Config{Routes: sampleRoutes, Auth: secretAuth(t), Logger: discard}); err == nil {
		t.Error("routes under /v1 without a read model: accepted")
	}
}

func TestPathsAndMethods(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	user := []string{"Authorization", "Bearer " + mint(t)}
	for _, tt := range []struct {
		method, path string
		status       int
		slug         Slug
	}{
		{"GET", "/healthz", 200, ""},
		{"GET", "/healthz/", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/v1/things/a/", 200, ""},
		{"GET", "/v1/things/a//", 404, NotFound},
		{"GET", "//v1/things/a", 404, NotFound},
		{"GET", "/v1/../healthz", 404, NotFound},
		{"GET", "/v1/%2e%2e/healthz", 404, NotFound},
		{"GET", "/v1/./things/a", 404, NotFound},
		{"GET", "/v1/things/%00", 404, NotFound},
		{"GET", "/v1/things/%ff", 404, NotFound},
		{"GET", "/v1/things/a%2Fb", 404, NotFound},
		{"GET", "/v1%2fthings/a", 404, NotFound},
		{"GET", "/V1/things/a", 404, NotFound},
		{"GET", "/", 404, NotFound},
		{"GET", "/debug/pprof/", 404, NotFound},
		{"GET", "/v1/things/<script>canary", 200, ""},
		{"GET", "/canary<script>", 404, NotFound},
		{"POST", "/v1/things/a", 405, MethodNotAllowed},
		{"TRACE", "/v1/things/a", 405, MethodNotAllowed},
		{"OPTIONS", "/v1/things/a", 405, MethodNotAllowed},
		{"PURGE", "/v1/things/a/", 405, MethodNotAllowed},
		{"GET", "/v1/echo", 405, MethodNotAllowed},
	} {
		r := h.request("GET", "/", "", user...)
		r.Method = tt.method
		path, query, _ := strings.Cut(tt.path, "?")
		r.URL.Opaque, r.URL.RawQuery = "//"+r.URL.Host+path, query
		got := h.send(r)
		if got.StatusCode != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, got.StatusCode, tt.status)
			continue
		}
		if tt.slug != "" {
			if s := got.slug(t); s != tt.slug {
				t.Errorf("%s %s: problem %s", tt.method, tt.path, s)
			}
			if strings.Contains(got.text, "canary") {
				t.Errorf("%s: path is echoed: %s", tt.path, got.text)
			}
		}
		if allow := got.Header.Get("Allow"); tt.status == 405 && allow == "" {
			t.Errorf("%s %s: no Allow", tt.method, tt.path)
		}
	}
	got := h.do("DELETE", "/v1/things/a", "")
	for _, method := range []string{"GET", "HEAD", "PUT"} {
		if !strings.Contains(got.Header.Get("Allow"), method) {
			t.Errorf("Allow %q is without %s", got.Header.Get("Allow"), method)
		}
	}
	override := append([]string{"X-HTTP-Method-Override", "PUT"}, user...)
	h.want(h.do("POST", "/v1/things/a", "", override...), 405, MethodNotAllowed)
	if response := sendRaw(t, h, "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n"); response.StatusCode != 404 {
		t.Errorf("CONNECT: %d", response.StatusCode)
	}
}

func TestCORS(t *testing.T) {
	h := newHarness(t, sampleRoutes, func(c *Config) { c.CORSOrigins = []string{"https://App.example.org:443", "http://localhost:5173"} })
	preflight := func(origin string) reply {
		return h.do("OPTIONS", "/v1/echo", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
	}
	for _, origin := range []string{"https://app.example.org", "http://localhost:5173"} {
		got := preflight(origin)
		h.want(got, http.StatusNoContent, "")
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin":      origin,
			"Access-Control-Allow-Headers":     "Authorization, Content-Type, Idempotency-Key, If-None-Match, Tidemark-After",
			"Access-Control-Allow-Credentials": "",
			"Vary":                             "Origin",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
			}
		}
	}
	for _, r := range []reply{h.do("POST", "/v1/echo", `{}`, "Origin", "http://localhost:5173"), h.do("POST", "/v1/echo", `{`, "Origin", "http://localhost:5173"), h.do("GET", "/nothing", "", "Origin", "http://localhost:5173")} {
		if r.Header.Get("Access-Control-Allow-Origin") != "http://localhost:5173" ||
			r.Header.Get("Access-Control-Expose-Headers") != "ETag, Retry-After, Tidemark-Position, Tidemark-As-Of, Tidemark-Poll-After" {
			t.Errorf("status %d without CORS headers: %v", r.StatusCode, r.Header)
		}
	}
	for _, origin := range []string{"https://evil.example", "null", "https://app.example.org.evil.example", "http://app.example.org"} {
		h.want(preflight(origin), 405, MethodNotAllowed)
		got := h.do("POST", "/v1/echo", `{}`, "Origin", origin, "Cookie", "session=1")
		h.want(got, 200, "")
		for name := range got.Header {
			if strings.HasPrefix(name, "Access-Control") {
				t.Errorf("foreign origin got %s", name)
			}
		}
		if got.Header.Get("Vary") != "Origin" {
			t.Errorf("Vary %q", got.Header.Get("Vary"))
		}
	}
	none := newHarness(t, sampleRoutes)
	none.want(none.do("OPTIONS", "/v1/echo", "", "Origin", "http://localhost:5173", "Access-Control-Request-Method", "POST"), 405, MethodNotAllowed)
	all := newHarness(t, sampleRoutes, func(c *Config) { c.CORSOrigins = []string{"*"} })
	if got := all.do("POST", "/v1/echo", `{}`, "Origin", "https://any.example"); got.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("*: %v", got.Header)
	}
}

func TestHTTPServerHasEveryLimit(t *testing.T) {
	s := NewHTTPServer(http.NotFoundHandler(), discard)
	if l := s.limits; l.header <= 0 || l.body <= l.header || l.write <= l.body || l.idle <= 0 || s.server.MaxHeaderBytes <= 0 || s.server.ErrorLog == nil {
		t.Errorf("a limit is missing: %+v, %+v", l, s.server)
	}
}

func TestHeadersOver32KiBAreRefused(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	h.http = httptest.NewUnstartedServer(nil)
	h.http.Config = NewHTTPServer(http.NotFoundHandler(), discard).server
	h.http.Start()
	t.Cleanup(h.http.Close)
	long := "/" + strings.Repeat("a", 39<<10) // as long as the IDs of the largest batch
	for _, tt := range []struct {
		path         string
		header, want int
	}{
		{"/", 31 << 10, 404}, {"/", 33 << 10, 431}, {"/", 60 << 10, 431},
		{long, 31 << 10, 404}, {long, 33 << 10, 431},
	} {
		r := h.request("GET", tt.path, "", "X-Pad", strings.Repeat("x", tt.header))
		if got := h.send(r); got.StatusCode != tt.want {
			t.Errorf("header of %d bytes behind a path of %d: %d, want %d", tt.header, len(tt.path), got.StatusCode, tt.want)
		}
	}
}
