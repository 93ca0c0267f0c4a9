package blackbox

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// obj is a JSON object.
type obj = map[string]any

// World is one test's view of a service. It remembers the position of the last
// command that the test made and asks queries to answer from there on.
type World struct {
	t testing.TB
	s *Service

	mu    sync.Mutex
	after string
}

// world is a view of the common service.
func world(t testing.TB) *World {
	t.Helper()
	return &World{t: t, s: common}
}

// worldOf is a view of a service of the test's own.
func worldOf(t testing.TB, s *Service) *World {
	t.Helper()
	return &World{t: t, s: s}
}

// Caller is somebody who makes requests in a World.
type Caller struct {
	w     *World
	ID    string
	token string
}

func (w *World) user() *Caller      { return w.caller() }
func (w *World) service() *Caller   { return w.caller("service") }
func (w *World) admin() *Caller     { return w.caller("admin") }
func (w *World) anonymous() *Caller { return &Caller{w: w} }

func (w *World) caller(roles ...string) *Caller {
	id := newID()
	return &Caller{w: w, ID: id, token: mint(id, roles...)}
}

// with is the caller, as seen in another World: a subtest, or the service
// after a restart.
func (c *Caller) with(w *World) *Caller { return &Caller{w: w, ID: c.ID, token: c.token} }

var client = &http.Client{
	Timeout: patience,
	Transport: &http.Transport{
		DisableCompression:  true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     10 * time.Second,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (c *Caller) get(path string, headers ...string) *Answer {
	c.w.t.Helper()
	return c.do("GET", path, nil, headers...)
}

func (c *Caller) post(path string, body any, headers ...string) *Answer {
	c.w.t.Helper()
	return c.do("POST", path, body, headers...)
}

func (c *Caller) put(path string, body any, headers ...string) *Answer {
	c.w.t.Helper()
	return c.do("PUT", path, body, headers...)
}

func (c *Caller) patch(path string, body any, headers ...string) *Answer {
	c.w.t.Helper()
	return c.do("PATCH", path, body, headers...)
}

func (c *Caller) delete(path string, headers ...string) *Answer {
	c.w.t.Helper()
	return c.do("DELETE", path, nil, headers...)
}

// chunked is a body whose length is not said: it goes out in chunks.
type chunked string

// do sends a request and holds the answer to the rules for all answers. A body
// that is a string, []byte or chunked goes out as it is, another as JSON.
// Headers are pairs of name and value; a header given there is not set by do.
func (c *Caller) do(method, path string, body any, headers ...string) *Answer {
	c.w.t.Helper()
	a, err := c.try(method, path, body, headers...)
	if err != nil {
		c.w.t.Fatalf("%s %s: %v", method, clip(path), err)
	}
	return a
}

// try is do for requests that may find nobody who answers.
func (c *Caller) try(method, path string, body any, headers ...string) (*Answer, error) {
	c.w.t.Helper()
	r, sent := c.request(method, path, body, headers)
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	a := &Answer{t: c.w.t, Method: method, Path: path, Status: response.StatusCode, Header: response.Header, Body: text}
	if c.w.s.Host != "" {
		a.obeysRules(r, sent)
	}
	c.w.remember(r, a)
	return a, nil
}

func (c *Caller) request(method, path string, body any, headers []string) (*http.Request, []byte) {
	c.w.t.Helper()
	sent := bodyBytes(body)
	var content io.Reader
	if _, unsaid := body.(chunked); unsaid {
		content = io.MultiReader(bytes.NewReader(sent)) // net/http knows the length of plain readers
	} else if sent != nil {
		content = bytes.NewReader(sent)
	}
	r, err := http.NewRequestWithContext(c.w.t.Context(), method, c.w.s.URL+path, content)
	if err != nil {
		c.w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header[http.CanonicalHeaderKey(headers[i])] = append(r.Header[http.CanonicalHeaderKey(headers[i])], headers[i+1])
	}
	setDefault := func(name, value string) {
		if _, given := r.Header[name]; !given && value != "" {
			r.Header.Set(name, value)
		}
	}
	if content != nil {
		setDefault("Content-Type", "application/json")
	}
	if c.token != "" {
		setDefault("Authorization", "Bearer "+c.token)
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	setDefault("Tidemark-After", c.w.after)
	return r, sent
}

func bodyBytes(body any) []byte {
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return []byte(b)
	case chunked:
		return []byte(b)
	case []byte:
		return b
	}
	return []byte(mustJSON(body))
}

// remember keeps the position of a command. One with an Idempotency-Key may be
// a repeat, whose position lies back; it has been folded when it is answered,
// so nothing is lost.
func (w *World) remember(r *http.Request, a *Answer) {
	if a.Status/100 != 2 || !a.isCommand() || r.Header.Get("Idempotency-Key") != "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.after = a.Header.Get("Tidemark-Position")
}

// Answer is what a request came back with.
type Answer struct {
	t            testing.TB
	Method, Path string
	Status       int
	Header       http.Header
	Body         []byte
}

// want fails the test for any other status.
func (a *Answer) want(status int) *Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s %s: status %d, want %d: %s", a.Method, clip(a.Path), a.Status, status, clip(string(a.Body)))
	}
	return a
}

// wantOneOf fails the test for a status that is not listed.
func (a *Answer) wantOneOf(statuses ...int) *Answer {
	a.t.Helper()
	for _, status := range statuses {
		if a.Status == status {
			return a
		}
	}
	a.t.Fatalf("%s %s: status %d, want one of %v: %s", a.Method, clip(a.Path), a.Status, statuses, clip(string(a.Body)))
	return a
}

// object returns the body, which must be a JSON object.
func (a *Answer) object() obj {
	a.t.Helper()
	var o obj
	if err := json.Unmarshal(a.Body, &o); err != nil {
		a.t.Fatalf("%s %s: body %s is not a JSON object: %v", a.Method, clip(a.Path), clip(string(a.Body)), err)
	}
	return o
}

// list returns a member of the body that is an array of objects.
func (a *Answer) list(name string) []obj {
	a.t.Helper()
	entries, ok := a.object()[name].([]any)
	if !ok {
		a.t.Fatalf("%s %s: no array %q in %s", a.Method, clip(a.Path), name, clip(string(a.Body)))
	}
	list := make([]obj, len(entries))
	for i, entry := range entries {
		if list[i], ok = entry.(obj); !ok {
			a.t.Fatalf("%s %s: %s[%d] is not an object: %s", a.Method, clip(a.Path), name, i, clip(string(a.Body)))
		}
	}
	return list
}

// text returns a member of the body that is a string.
func (a *Answer) text(name string) string {
	a.t.Helper()
	text, ok := a.object()[name].(string)
	if !ok {
		a.t.Fatalf("%s %s: no string %q in %s", a.Method, clip(a.Path), name, clip(string(a.Body)))
	}
	return text
}

// is compares the whole body.
func (a *Answer) is(want obj) *Answer {
	a.t.Helper()
	if got, want := canonical(a.object()), canonical(want); got != want {
		a.t.Fatalf("%s %s:\n got %s\nwant %s", a.Method, clip(a.Path), got, want)
	}
	return a
}

// has compares the members that are given and lets the body hold others.
func (a *Answer) has(want obj) *Answer {
	a.t.Helper()
	body := a.object()
	for name, value := range want {
		got, there := body[name]
		if !there || canonical(got) != canonical(value) {
			a.t.Fatalf("%s %s: %q is\n     %s\nwant %s\n  in %s", a.Method, clip(a.Path), name, canonical(got), canonical(value), clip(string(a.Body)))
		}
	}
	return a
}

// canonical writes a value with sorted members, so that equal values are equal text.
func canonical(v any) string {
	var plain any
	if err := json.Unmarshal([]byte(mustJSON(v)), &plain); err != nil {
		panic(err)
	}
	return mustJSON(plain)
}

func clip(text string) string {
	const keep = 600
	if len(text) > keep {
		return text[:keep] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

func decode[T any](t testing.TB, a *Answer) (v T) {
	t.Helper()
	if err := json.Unmarshal(a.Body, &v); err != nil {
		t.Fatalf("%s %s: body %s: %v", a.Method, clip(a.Path), clip(string(a.Body)), err)
	}
	return v
}
