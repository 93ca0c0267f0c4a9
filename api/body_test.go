package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// chunked hides a reader's length, so that the body goes without Content-Length.
type chunked struct{ io.Reader }

func jsonOfSize(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestBodyLimitIsExact(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	for _, tt := range []struct {
		name, body string
		headers    []string
		status     int
	}{
		{"at the limit", jsonOfSize(DefaultMaxBodyBytes), nil, 200},
		{"one over", jsonOfSize(DefaultMaxBodyBytes + 1), nil, 413},
		{"small, padded over", `{}` + strings.Repeat(" ", DefaultMaxBodyBytes), nil, 413},
		{"unpacked at the limit", gzipped(t, jsonOfSize(DefaultMaxBodyBytes)), []string{"Content-Encoding", "gzip"}, 200},
		{"unpacked one over", gzipped(t, jsonOfSize(DefaultMaxBodyBytes+1)), []string{"Content-Encoding", "gzip"}, 413},
		{"gzip bomb", gzipped(t, jsonOfSize(20<<20)), []string{"Content-Encoding", "gzip"}, 413},
		{"10 MB", jsonOfSize(10 << 20), nil, 413},
	} {
		for _, sized := range []bool{true, false} {
			r := h.request("POST", "/v1/echo", tt.body, tt.headers...)
			if !sized {
				r.Body, r.ContentLength = io.NopCloser(chunked{strings.NewReader(tt.body)}), -1
			}
			if got := h.send(r); got.StatusCode != tt.status {
				t.Errorf("%s, with length %t: %d, want %d", tt.name, sized, got.StatusCode, tt.status)
			}
		}
	}
	// A route's own limit, and one that takes no body at all.
	headers := []string{"Authorization", "Bearer " + mint(t, RoleService)}
	h.want(h.do("POST", "/v1/lines", strings.Repeat("x", 100<<10), headers...), 200, "")
	h.want(h.do("POST", "/v1/lines", strings.Repeat("x", 100<<10+1), headers...), 413, BodyTooLarge)
	h.want(h.do("POST", "/v1/either", jsonOfSize(DefaultMaxBodyBytes+1), headers...), 413, BodyTooLarge)
	h.want(h.do("POST", "/v1/either", "anything", headers...), 200, "")
}

func TestMediaTypesAndEncodings(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	packed := gzipped(t, `{}`)
	for _, tt := range []struct {
		headers []string
		body    string
		status  int
	}{
		{nil, `{}`, 200},
		{[]string{"Content-Type", "application/json"}, `{}`, 200},
		{[]string{"Content-Type", "Application/JSON; charset=UTF-8"}, `{}`, 200},
		{[]string{"Content-Type", `application/json; charset="utf-8"`}, `{}`, 200},
		{[]string{"Content-Type", "application/json; charset=latin1"}, `{}`, 415},
		{[]string{"Content-Type", "application/json; charset=utf-8; charset=latin1"}, `{}`, 415},
		{[]string{"Content-Type", "text/plain"}, `{}`, 415},
		{[]string{"Content-Type", "application/x-www-form-urlencoded"}, `{}`, 415},
		{[]string{"Content-Type", "application/jsonx"}, `{}`, 415},
		{[]string{"Content-Type", ""}, `{}`, 415},
		{[]string{"Content-Type", "application/json", "Content-Type", "application/json"}, `{}`, 415},
		{[]string{"Content-Encoding", "gzip"}, packed, 200},
		{[]string{"Content-Encoding", "GZIP"}, packed, 200},
		{[]string{"Content-Encoding", "identity"}, `{}`, 200},
		{[]string{"Content-Encoding", "br"}, packed, 415},
		{[]string{"Content-Encoding", "gzip, gzip"}, packed, 415},
		{[]string{"Content-Encoding", "br, gzip, gzip"}, packed, 415},
		{[]string{"Content-Encoding", "gzip", "Content-Encoding", "gzip"}, packed, 415},
		{[]string{"Content-Encoding", "gzip"}, `{}`, 400},
		{[]string{"Content-Encoding", "gzip"}, packed[:len(packed)-3], 400},
		{[]string{"Content-Encoding", "gzip"}, packed + "tail", 400},
		{[]string{"Content-Encoding", "gzip"}, gzipped(t, ""), 400},
	} {
		if got := h.do("POST", "/v1/echo", tt.body, tt.headers...); got.StatusCode != tt.status {
			t.Errorf("%q: %d, want %d: %s", tt.headers, got.StatusCode, tt.status, got.text)
		}
	}
	service := "Bearer " + mint(t, RoleService)
	got := h.do("POST", "/v1/lines", "{}\n{}", "Content-Type", "application/x-ndjson", "Authorization", service)
	if got.StatusCode != 200 || !strings.Contains(got.text, "x-ndjson") {
		t.Errorf("NDJSON: %d %s", got.StatusCode, got.text)
	}
	h.want(h.do("POST", "/v1/lines", "{}", "Content-Type", "application/json", "Authorization", service), 415, UnsupportedMediaType)
}

func TestOptionalBody(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	service := "Bearer " + mint(t, RoleService)
	h.want(h.do("POST", "/v1/service", "", "Authorization", service, "Content-Type", "text/plain"), 200, "")
	empty := h.request("POST", "/v1/service", "x", "Authorization", service, "Content-Type", "text/plain")
	empty.Body, empty.ContentLength = io.NopCloser(chunked{strings.NewReader("")}), -1
	h.want(h.send(empty), 200, "")
	full := h.request("POST", "/v1/service", "x", "Authorization", service, "Content-Type", "text/plain")
	full.Body, full.ContentLength = io.NopCloser(chunked{strings.NewReader("{}")}), -1
	h.want(h.send(full), 415, UnsupportedMediaType)
	h.want(h.do("POST", "/v1/service", "{", "Authorization", service), 400, BadJSON)
}

func TestBodiesThatAreNotStrictJSON(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	for _, body := range []string{
		"", " ", "{", "{}{}", "{}x", "\ufeff{}", "\"\xff\"", `"\ud800"`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`,
		strings.Repeat("[", 33) + strings.Repeat("]", 33), strings.Repeat("[", 10001),
	} {
		for _, path := range []string{"/v1/echo", "/v1/own"} {
			h.want(h.do("POST", path, body), 400, BadJSON)
		}
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	for _, raw := range []string{
		"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{}",
		"POST /v1/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
	} {
		got := sendRaw(t, h, raw)
		if got.StatusCode != 400 {
			t.Errorf("%q: %d", raw, got.StatusCode)
		}
	}
}

// Many clients write their whole request before they look for an answer. They
// must find it, and not a reset connection.
func TestClientThatWritesAllBeforeItReadsGetsItsAnswer(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	for _, connection := range []string{"close", "keep-alive"} {
		for _, tt := range []struct {
			path   string
			size   int
			status int
		}{
			{"/v1/echo", DefaultMaxBodyBytes + 1, 413},
			{"/v1/echo", 10 << 20, 413},
			{"/v1/either", DefaultMaxBodyBytes, 401},
			{"/nothing", DefaultMaxBodyBytes, 404},
		} {
			raw := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n%s",
				tt.path, connection, tt.size, jsonOfSize(tt.size))
			if got := sendRaw(t, h, raw); got.StatusCode != tt.status {
				t.Errorf("%s, %d bytes, %s: %d, want %d", tt.path, tt.size, connection, got.StatusCode, tt.status)
			}
		}
	}
}

func TestBodyThatDoesNotComeInTime(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	server := h.http.Config.Handler
	h.http = httptest.NewUnstartedServer(server)
	h.http.Config.ReadTimeout = 20 * time.Millisecond
	h.http.Start()
	t.Cleanup(h.http.Close)
	slow, feed := io.Pipe()
	t.Cleanup(func() { _ = feed.Close() })
	r := h.request("POST", "/v1/echo", "x")
	r.Body, r.ContentLength = slow, 10
	h.want(h.send(r), 408, RequestTimeout)
}

// A client that asks for leave to send its body is told 413 instead.
func TestTooLargeBodyIsRefusedBeforeItIsSent(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	got := sendRaw(t, h, "POST /v1/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10000000\r\n\r\n")
	if got.StatusCode != 413 {
		t.Errorf("status %d", got.StatusCode)
	}
}

// sendRaw writes bytes on a connection, closes its sending half and reads the answer.
func sendRaw(t *testing.T, h *harness, raw string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", h.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprint(conn, raw); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}
