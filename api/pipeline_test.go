package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// Each request has faults of every later kind too, so the answer shows which
// check came first.
func TestChecksComeInTheContractsOrder(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	big := `{` + strings.Repeat(" ", DefaultMaxBodyBytes) + `"`
	user, admin := "Bearer "+mint(t), "Bearer "+mint(t, RoleAdmin)
	for _, tt := range []struct {
		name, body, media, auth, key string
		status                       int
		slug                         Slug
	}{
		{"size", big, "text/plain", "Bearer x", "a b", 413, BodyTooLarge},
		{"media type", `{"`, "text/plain", "Bearer x", "a b", 415, UnsupportedMediaType},
		{"bad token", `{"`, mediaJSON, "Bearer x", "a b", 401, Unauthorized},
		{"no token", `{"`, mediaJSON, "", "a b", 401, Unauthorized},
		{"rights", `{"`, mediaJSON, user, "a b", 403, Forbidden},
		{"syntax", `{"`, mediaJSON, admin, "a b", 400, BadJSON},
		{"content", `{}`, mediaJSON, admin, "a b", 422, InvalidContent},
		{"good", `{}`, mediaJSON, admin, "ab", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers := []string{"Content-Type", tt.media, "Idempotency-Key", tt.key}
			if tt.auth != "" {
				headers = append(headers, "Authorization", tt.auth)
			}
			h := *h
			h.t = t
			h.want(h.do("POST", "/v1/admin", tt.body, headers...), tt.status, tt.slug)
		})
	}
}

func TestSyntaxGoesBeforeHeadersOnRoutesThatCheckIt(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	for _, path := range []string{"/v1/echo", "/v1/own"} {
		h.want(h.do("POST", path, `{"a":1,"a":2}`, "Tidemark-After", "x"), 400, BadJSON)
		h.want(h.do("POST", path, `{"a":1}`, "Tidemark-After", "x"), 422, InvalidContent)
	}
}

func TestRightsOfEveryRouteAndRole(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	callers := map[string][]string{
		"nobody":  nil,
		"user":    {"Authorization", "Bearer " + mint(t)},
		"service": {"Authorization", "Bearer " + mint(t, RoleService)},
		"admin":   {"Authorization", "bearer " + mint(t, RoleAdmin)},
	}
	for path, want := range map[string]map[string]int{
		"/v1/echo":    {"nobody": 200, "user": 200, "service": 200, "admin": 200},
		"/v1/secure":  {"nobody": 401, "user": 200, "service": 200, "admin": 200},
		"/v1/service": {"nobody": 401, "user": 403, "service": 200, "admin": 403},
		"/v1/admin":   {"nobody": 401, "user": 403, "service": 403, "admin": 200},
		"/v1/either":  {"nobody": 401, "user": 403, "service": 200, "admin": 200},
	} {
		for caller, headers := range callers {
			got := h.do("POST", path, `{}`, headers...)
			if got.StatusCode != want[caller] {
				t.Errorf("%s as %s: %d, want %d", path, caller, got.StatusCode, want[caller])
			}
			if got.StatusCode == 401 && !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s as %s: no challenge", path, caller)
			}
		}
	}
	if err := Access(0).admit(&Caller{Known: true, Roles: Roles(RoleAdmin | RoleService)}); !errors.Is(err, Forbidden) {
		t.Errorf("zero Access admits an admin: %v", err)
	}
}

func TestIdempotencyKeyForms(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	user := []string{"Authorization", "Bearer " + mint(t)}
	for _, tt := range []struct {
		keys   []string
		auth   []string
		path   string
		status int
	}{
		{[]string{"k"}, user, "/v1/secure", 200},
		{[]string{strings.Repeat("~", 255)}, user, "/v1/secure", 200},
		{[]string{strings.Repeat("~", 256)}, user, "/v1/secure", 422},
		{[]string{""}, user, "/v1/secure", 422},
		{[]string{"a b"}, user, "/v1/secure", 422},
		{[]string{"é"}, user, "/v1/secure", 422},
		{[]string{"a", "b"}, user, "/v1/secure", 422},
		{[]string{"a", "a"}, user, "/v1/secure", 422},
		{[]string{"a"}, nil, "/v1/open", 422},
		{[]string{"a b"}, nil, "/v1/echo", 200}, // a query does not look at it
	} {
		headers := tt.auth
		for _, key := range tt.keys {
			headers = append(headers[:len(headers):len(headers)], "Idempotency-Key", key)
		}
		if got := h.do("POST", tt.path, `{}`, headers...); got.StatusCode != tt.status {
			t.Errorf("keys %.20q on %s: %d, want %d", tt.keys, tt.path, got.StatusCode, tt.status)
		}
	}
}

func TestAfterWaitsForTheFold(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	for range 20 { // the fold arrives before, while or after the request does
		seq := h.model.folded + 1
		done := make(chan reply)
		go func() { done <- h.do("POST", "/v1/echo", `{}`, "Tidemark-After", tokenAt(seq).String()) }()
		h.model.fold(seq)
		got := <-done
		h.want(got, 200, "")
		if p := got.Header.Get("Tidemark-Position"); p != tokenAt(seq).String() {
			t.Fatalf("position %s is from before the wait", p)
		}
	}
}

func TestAfterThatCannotBeReached(t *testing.T) {
	h := newHarness(t, sampleRoutes, func(c *Config) { c.WaitLimit = time.Millisecond })
	stale := h.do("POST", "/v1/echo", `{}`, "Tidemark-After", tokenAt(9).String())
	h.want(stale, 503, StaleReadModel)
	if stale.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	lost := tokenAt(0)
	lost.Incarnation = events.Incarnation{2}
	h.want(h.do("POST", "/v1/echo", `{}`, "Tidemark-After", lost.String()), 412, OtherIncarnation)
	for _, values := range [][]string{{""}, {"x"}, {strings.Repeat("A", 5000)}, {tokenAt(0).String(), tokenAt(0).String()}} {
		var headers []string
		for _, v := range values {
			headers = append(headers, "Tidemark-After", v)
		}
		h.want(h.do("POST", "/v1/echo", `{}`, headers...), 422, InvalidContent)
	}
}

func TestAnswerWithoutSettleIsAFault(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	h.want(h.do("GET", "/v1/things/a", ""), 200, "")
	h.want(h.do("GET", "/v1/things/a", "", "Tidemark-After", tokenAt(0).String()), 500, Internal)
}

func TestNotReadyRefusesTheAPIOnly(t *testing.T) {
	h := newHarness(t, sampleRoutes, func(c *Config) {
		c.Ready = func() error { return errors.New("catching up") }
	})
	got := h.do("POST", "/v1/echo", `{}`)
	h.want(got, 503, NotReady)
	if got.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	h.want(h.do("GET", "/healthz", ""), 200, "")
	h.want(h.do("GET", "/v1/nothing", ""), 404, NotFound)
}

func TestErrorsOfHandlersBecomeProblems(t *testing.T) {
	var fail error
	routes := []Route{
		{Method: "GET", Path: "/v1/query", Access: Anyone, Handle: func(*Call) error { return fail }},
		{Method: "PUT", Path: "/v1/command", Access: Anyone, Command: true, Handle: func(*Call) error { return fail }},
	}
	h := newHarness(t, routes)
	for slug, k := range kinds {
		fail = slug
		got := h.do("GET", "/v1/query", "")
		h.want(got, k.status, slug)
		if has := got.Header.Get("Retry-After") != ""; has != (k.retryAfter > 0) {
			t.Errorf("%s: Retry-After is there: %t", slug, has)
		}
		if k.status == 503 && k.retryAfter == 0 {
			t.Errorf("%s: 503 without Retry-After", slug)
		}
		fail = fmt.Errorf("publish: %w", slug.Because(errors.New("canary")))
		got = h.do("GET", "/v1/query", "")
		h.want(got, k.status, slug)
		if strings.Contains(got.text, "canary") {
			t.Errorf("%s: the cause reached the client: %s", slug, got.text)
		}
	}
	for _, tt := range []struct {
		err            error
		query, command Slug
	}{
		{errors.New("canary"), Internal, Internal},
		{context.Canceled, Unavailable, OutcomeUnknown},
		{fmt.Errorf("wait: %w", context.DeadlineExceeded), Unavailable, OutcomeUnknown},
		{nil, Internal, Internal},
		{strictjson.ContentErrors{{Pointer: "/a", Detail: "is wrong"}}, InvalidContent, InvalidContent},
		{&strictjson.SyntaxError{Offset: 3, Detail: "no"}, BadJSON, BadJSON},
	} {
		fail = tt.err
		got := h.do("GET", "/v1/query", "")
		h.want(got, tt.query.kind().status, tt.query)
		command := h.do("PUT", "/v1/command", "")
		h.want(command, tt.command.kind().status, tt.command)
		if strings.Contains(got.text+command.text, "canary") {
			t.Errorf("%v: reached the client", tt.err)
		}
	}
	if !strings.Contains(h.logs.String(), "canary") {
		t.Error("the cause is not in the log")
	}
}

// TestNoHandlerSendsAnAnswerInParts: what is flushed would wait for the handler's
// end if the request is plain, so it fails, whoever read the request.
func TestNoHandlerSendsAnAnswerInParts(t *testing.T) {
	flushed := make(chan error, 2)
	part := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "part")
		if _, ok := w.(http.Flusher); ok {
			t.Error("the writer can be flushed")
		}
		flushed <- http.NewResponseController(w).Flush()
	})
	h := newHarness(t, append([]Route{{Method: "GET", Path: "/parts", Access: Anyone, Handle: func(c *Call) error { return c.AnswerBy(part) }}}, sampleRoutes...))
	plain := listening(t, h.http.Config.Handler.ServeHTTP)
	for name, url := range map[string]string{"net/http": h.http.URL, "plain": "http://" + plain} {
		response, err := http.Get(url + "/parts")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || string(body) != "part" {
			t.Errorf("%s: %q, %v", name, body, err)
		}
		_ = response.Body.Close()
		if err := <-flushed; !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("%s: a flush returned %v", name, err)
		}
	}
}

func TestPanicIsAnsweredAndTheServerLives(t *testing.T) {
	routes := append([]Route{
		{Method: "GET", Path: "/v1/panic", Access: Anyone, Handle: func(*Call) error { panic("secret-canary") }},
		{Method: "GET", Path: "/v1/half", Access: Anyone, Handle: func(c *Call) error {
			c.gin.Writer.Header().Set("Content-Length", "100")
			_, _ = c.gin.Writer.Write([]byte("half"))
			c.gin.Writer.Flush()
			panic("late")
		}},
	}, sampleRoutes...)
	h := newHarness(t, routes)
	for range 3 {
		got := h.do("GET", "/v1/panic", "")
		h.want(got, 500, Internal)
		if strings.Contains(got.text, "canary") {
			t.Error("the panic reached the client")
		}
	}
	response, err := http.Get(h.http.URL + "/v1/half")
	if err == nil {
		buf := make([]byte, 200)
		for err == nil {
			_, err = response.Body.Read(buf)
		}
		_ = response.Body.Close()
		if err.Error() == "EOF" {
			t.Error("half an answer looks whole")
		}
	}
	h.want(h.do("POST", "/v1/echo", `{}`), 200, "")
	if logs := h.logs.String(); !strings.Contains(logs, "secret-canary") || !strings.Contains(logs, "pipeline_test.go") {
		t.Errorf("log without panic or stack: %s", logs)
	}
}

func TestPooledCallsDoNotMix(t *testing.T) {
	h := newHarness(t, sampleRoutes)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			for i := range 50 {
				body := fmt.Sprintf(`{"worker":%d,"n":%d,"pad":"%s"}`, worker, i, strings.Repeat("x", i*100))
				r := h.request("POST", "/v1/echo", body)
				response, err := transport.RoundTrip(r)
				if err != nil {
					t.Error(err)
					return
				}
				got := make([]byte, 0, len(body))
				buf := make([]byte, 1024)
				for err == nil {
					var n int
					n, err = response.Body.Read(buf)
					got = append(got, buf[:n]...)
				}
				_ = response.Body.Close()
				if string(got) != body {
					t.Errorf("got %.80s, want %.80s", got, body)
				}
			}
		})
	}
	wg.Wait()
}

func TestMetricsCountTemplatesOnly(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	h := newHarness(t, sampleRoutes, func(c *Config) { c.Registry = registry })
	series := func() int {
		n, err := testutil.GatherAndCount(registry)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := series()
	for i := range 50 {
		h.do("GET", fmt.Sprintf("/v1/things/%d", i), "")
		h.do("GET", fmt.Sprintf("/x%d", i), "")
		h.do(fmt.Sprintf("M%d", i), "/v1/echo", "")
	}
	if after := series(); after != before {
		t.Errorf("%d series became %d", before, after)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := 0.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if family.GetName() == "tidemark_http_requests_total" && labels["route"] == "/v1/things/:id" && labels["method"] == "GET" && labels["code"] == "2xx" {
				found = m.GetCounter().GetValue()
			}
		}
	}
	if found != 50 {
		t.Errorf("counted %v requests, want 50", found)
	}
	if _, err := NewServer(Config{Routes: sampleRoutes, Auth: secretAuth(t), ReadModel: h.model, Logger: discard, Registry: registry}); err != nil {
		t.Errorf("second server in one registry: %v", err)
	}
}

func TestLogHoldsNeitherTokensNorPaths(t *testing.T) {
	routes := []Route{{Method: "GET", Path: "/v1/fail/:id", Access: Anyone, Handle: func(*Call) error { return errors.New("broken") }}}
	h := newHarness(t, routes, func(c *Config) { c.SlowRequest = time.Nanosecond })
	token := mint(t)
	for range 5 {
		h.want(h.do("GET", "/v1/fail/path-canary?q=query-canary", "", "Authorization", "Bearer "+token, "User-Agent", "agent-canary\tx"), 500, Internal)
	}
	logs := h.logs.String()
	for _, secret := range []string{"canary", token} {
		if strings.Contains(logs, secret) {
			t.Errorf("log holds %.20s: %s", secret, logs)
		}
	}
	if !strings.Contains(logs, "/v1/fail/:id") || !strings.Contains(logs, "slow request") {
		t.Errorf("log is missing lines: %s", logs)
	}
}
