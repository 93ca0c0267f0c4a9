package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

func TestAnswersCarryPositionAndFreshness(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	h.model.fold(5)
	query := h.do("GET", "/v1/things/a", "")
	for name, want := range map[string]string{
		"Tidemark-Position":   tokenAt(5).String(),
		"Tidemark-As-Of":      "2026-11-22T12:00:00Z",
		"Tidemark-Poll-After": "2",
		"Content-Type":        "application/json",
		"Content-Length":      "10",
		"Cache-Control":       "private, no-cache",
	} {
		if got := query.Header.Get(name); got != want {
			t.Errorf("query: %s is %q, want %q", name, got, want)
		}
	}
	if got := h.do("POST", "/v1/echo", `{}`).Header.Get("Tidemark-Poll-After"); got != "5" {
		t.Errorf("default Poll-After is %q", got)
	}
	command := h.do("PUT", "/v1/things/a", "", "Authorization", "Bearer "+mint(t))
	h.want(command, 202, "")
	token := tokenAt(7).String()
	if command.Header.Get("Tidemark-Position") != token || command.text != `{"position":"`+token+`"}` {
		t.Errorf("command: %v %s", command.Header, command.text)
	}
	if command.Header.Get("Tidemark-Poll-After") != "" {
		t.Error("a command has no pace")
	}
	if got := h.do("GET", "/healthz", "").Header; got.Get("Tidemark-Position") != "" {
		t.Errorf("operations have no position: %v", got)
	}
	head := h.do("HEAD", "/v1/things/a", "")
	if head.text != "" || head.Header.Get("Content-Length") != "10" || head.Header.Get("Tidemark-Position") == "" {
		t.Errorf("HEAD: %q %v", head.text, head.Header)
	}
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	large := []byte(`"` + strings.Repeat("tidemark ", 4000) + `"`)
	routes := []Route{
		{Method: "GET", Path: "/v1/large", Access: Anyone, Handle: func(c *Call) error { return c.Answer(large) }},
		{Method: "GET", Path: "/v1/tagged", Access: Anyone, Handle: func(c *Call) error {
			c.SetETag(`"t"`)
			if c.NoneMatch(`"t"`) {
				return c.NotModified()
			}
			return c.Answer(large)
		}},
		{Method: "GET", Path: "/v1/small", Access: Anyone, Handle: func(c *Call) error { return c.Answer([]byte(`{}`)) }},
	}
	h := newHarness(t, routes, func(c *Config) { c.CORSOrigins = []string{"https://a.org"} })
	for _, tt := range []struct {
		path, accept string
		packed       bool
		vary         string
	}{
		{"/v1/large", "gzip", true, "Origin,Accept-Encoding"},
		{"/v1/large", "br;q=1, GZIP;q=0.5", true, "Origin,Accept-Encoding"},
		{"/v1/large", "*", true, "Origin,Accept-Encoding"},
		{"/v1/large", "gzip;q=0", false, "Origin,Accept-Encoding"},
		{"/v1/large", "*, gzip;q=0", false, "Origin,Accept-Encoding"},
		{"/v1/large", "gzip;q=x", false, "Origin,Accept-Encoding"},
		{"/v1/large", "identity", false, "Origin,Accept-Encoding"},
		{"/v1/large", "", false, "Origin,Accept-Encoding"},
		{"/v1/tagged", "gzip", false, "Origin"},
		{"/v1/small", "gzip", false, "Origin"},
	} {
		got := h.do("GET", tt.path, "", "Accept-Encoding", tt.accept)
		h.want(got, 200, "")
		text := got.text
		if packed := got.Header.Get("Content-Encoding") == "gzip"; packed != tt.packed {
			t.Errorf("%s for %q: packed %t", tt.path, tt.accept, packed)
		} else if packed {
			r, err := gzip.NewReader(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			unpacked, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			text = string(unpacked)
		}
		if tt.path != "/v1/small" && !bytes.Equal([]byte(text), large) {
			t.Errorf("%s for %q: another text", tt.path, tt.accept)
		}
		if vary := strings.Join(got.Header.Values("Vary"), ","); vary != tt.vary {
			t.Errorf("%s for %q: Vary %q, want %q", tt.path, tt.accept, vary, tt.vary)
		}
	}
	for _, tag := range []string{`"t"`, `W/"t"`, `"x", "t"`, `*`} {
		got := h.do("GET", "/v1/tagged", "", "If-None-Match", tag)
		h.want(got, 304, "")
		if got.text != "" || got.Header.Get("Etag") != `"t"` || got.Header.Get("Tidemark-Position") == "" || got.Header.Get("Tidemark-As-Of") == "" {
			t.Errorf("304 for %s: %q %v", tag, got.text, got.Header)
		}
	}
	h.want(h.do("GET", "/v1/tagged", "", "If-None-Match", `"u"`), 200, "")
}
