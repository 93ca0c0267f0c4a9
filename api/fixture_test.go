package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

var (
	testSecret = []byte("a secret of thirty-two bytes, ok")
	testNow    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	thisLog    = events.Incarnation{1}
	alice      = mustUser("0f8fad5b-d9cb-469f-a165-70867728950e")
)

func mustUser(text string) (id events.UserID) {
	if !events.ParseUUID((*[16]byte)(&id), text) {
		panic("not a UUID: " + text)
	}
	return id
}

func tokenAt(seq uint64) events.Token {
	p := events.Position{Seq: seq}
	return events.Token{Incarnation: thisLog, Floor: p, Ceiling: p}
}

// model is a read model that folds when the test says so.
type model struct {
	mu       sync.Mutex
	folded   uint64
	changed  chan struct{}
	position []string
	asOf     []string
}

func newModel() *model {
	m := &model{changed: make(chan struct{}), asOf: []string{"2026-11-22T12:00:00Z"}}
	m.position = []string{tokenAt(0).String()}
	return m
}

func (m *model) fold(seq uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.folded, m.position = seq, []string{tokenAt(seq).String()}
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *model) Wait(ctx context.Context, t events.Token) error {
	if t.Incarnation != thisLog {
		return ErrOtherIncarnation
	}
	for {
		m.mu.Lock()
		folded, changed := m.folded, m.changed
		m.mu.Unlock()
		if folded >= t.Ceiling.Seq {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ErrStale
		}
	}
}

func (m *model) Position() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.position
}

func (m *model) AsOf() []string { return m.asOf }

// lockedBuffer takes log lines from several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// harness is a server of sample routes, listening.
type harness struct {
	t     testing.TB
	model *model
	logs  *lockedBuffer
	http  *httptest.Server
}

func secretAuth(t testing.TB) *Authenticator {
	t.Helper()
	keys, err := NewSecretKeys(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return authOf(t, keys)
}

func authOf(t testing.TB, keys KeySource) *Authenticator {
	t.Helper()
	auth, err := NewAuthenticator(AuthConfig{Keys: keys, Now: func() time.Time { return testNow }})
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

func newHarness(t testing.TB, routes []Route, change ...func(*Config)) *harness {
	t.Helper()
	h := &harness{t: t, model: newModel(), logs: &lockedBuffer{}}
	cfg := Config{
		Routes: routes, Auth: secretAuth(t), ReadModel: h.model,
		Logger: slog.New(slog.NewTextHandler(h.logs, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	server, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.http = httptest.NewServer(server)
	t.Cleanup(h.http.Close)
	return h
}

// echo answers with the body that the handler saw.
func echo(c *Call) error {
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	if len(c.Body) == 0 {
		return c.Answer([]byte(`{}`))
	}
	return c.Answer(c.Body)
}

var sampleRoutes = []Route{
	{Method: "POST", Path: "/v1/echo", Access: Anyone, Body: JSONBody, Handle: echo},
	{Method: "POST", Path: "/v1/own", Access: Anyone, Body: JSONBody, OwnSyntax: true, Handle: func(c *Call) error {
		if err := c.Scan().End(); err != nil {
			return err
		}
		return echo(c)
	}},
	{Method: "POST", Path: "/v1/secure", Access: AnyToken, Body: JSONBody, Command: true, Handle: echo},
	{Method: "POST", Path: "/v1/service", Access: Service, Body: OptionalJSONBody, Command: true, Handle: echo},
	{Method: "POST", Path: "/v1/admin", Access: Admin, Body: JSONBody, Command: true, Handle: echo},
	{Method: "POST", Path: "/v1/either", Access: Service | Admin, Handle: echo},
	{Method: "POST", Path: "/v1/open", Access: Anyone, Body: OptionalJSONBody, Command: true, Handle: echo},
	{Method: "POST", Path: "/v1/lines", Access: Service, Body: JSONBody, OwnSyntax: true, Command: true,
		MaxBodyBytes: 100 << 10, MediaTypes: []string{"application/cloudevents-batch+json", "application/x-ndjson"},
		Handle: func(c *Call) error { return c.Answer([]byte(`{"media":"` + c.MediaType + `"}`)) }},
	{Method: "GET", Path: "/v1/things/:id", Access: Anyone, PollAfter: 2, Handle: func(c *Call) error {
		return c.Answer([]byte(`{"id":"` + c.Param("id") + `"}`))
	}},
	{Method: "PUT", Path: "/v1/things/:id", Access: AnyToken, Body: OptionalJSONBody, Command: true, Handle: func(c *Call) error {
		return c.Accepted(tokenAt(7))
	}},
	{Method: "GET", Path: "/healthz", Access: Anyone, Handle: func(c *Call) error { return c.Answer([]byte(`{}`)) }},
}

func mint(t testing.TB, roles ...Role) string {
	t.Helper()
	var set Roles
	for _, r := range roles {
		set = set.With(r)
	}
	token, err := Mint(testSecret, alice, set, time.Hour, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	text string
}

func (r reply) slug(t testing.TB) Slug {
	t.Helper()
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("status %d with Content-Type %q, want a problem document: %.200s", r.StatusCode, got, r.text)
	}
	var p struct {
		Type, Title, Detail string
		Status              int
		Errors              []FieldError
	}
	if err := json.Unmarshal([]byte(r.text), &p); err != nil {
		t.Fatalf("problem document %q: %v", r.text, err)
	}
	if p.Status != r.StatusCode || p.Title == "" || p.Detail == "" {
		t.Fatalf("problem document %s does not fit status %d", r.text, r.StatusCode)
	}
	slug, ok := strings.CutPrefix(p.Type, problemBase)
	if !ok {
		t.Fatalf("type %q", p.Type)
	}
	return Slug(slug)
}

func (h *harness) request(method, path, body string, headers ...string) *http.Request {
	h.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, h.http.URL+path, content)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func (h *harness) send(r *http.Request) reply {
	h.t.Helper()
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return reply{response, string(text)}
}

func (h *harness) do(method, path, body string, headers ...string) reply {
	h.t.Helper()
	return h.send(h.request(method, path, body, headers...))
}

// want checks the status and, of a problem, the slug.
func (h *harness) want(got reply, status int, slug Slug) {
	h.t.Helper()
	if got.StatusCode != status {
		h.t.Fatalf("status %d, want %d: %.300s", got.StatusCode, status, got.text)
	}
	if slug != "" {
		if s := got.slug(h.t); s != slug {
			h.t.Fatalf("problem %s, want %s: %s", s, slug, got.text)
		}
	}
}
