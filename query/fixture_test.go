package query

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

var (
	testSecret = []byte("a secret of thirty-two bytes, ok")
	testStart  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	thisLog    = events.Incarnation{7}
	otherLog   = events.Incarnation{8}
	alice      = userID(1)
	bob        = userID(2)
	root       = userID(3)
)

func userID(n int) (id events.UserID) {
	copy(id[:], fmt.Sprintf("user%012d", n))
	return id
}

// videoID has hex letters in its text, so that it has many spellings.
func videoID(n int) (id events.VideoID) {
	for i := range id {
		id[i] = 0xab
	}
	id[14], id[15] = byte(n>>8), byte(n)
	return id
}

func jobID(n int) (id events.JobID) {
	copy(id[:], fmt.Sprintf("job-%012d", n))
	return id
}

func noteID(n int) (id events.NotificationID) {
	copy(id[:], fmt.Sprintf("note%012d", n))
	return id
}

func vid(n int) string { return videoID(n).String() }

// world is a read model that the test folds, and a server over it.
type world struct {
	t       testing.TB
	model   *readmodel.Model
	service *Service
	http    *httptest.Server

	mu      sync.Mutex
	seq     uint64
	changed chan struct{}
	now     time.Time
	lag     projector.Lag
}

var _ Source = (*world)(nil)

// Hold is Snapshot: rows of a model without a checkpoint need no hold.
func (w *world) Hold() *readmodel.Snapshot { return w.Snapshot() }

func (w *world) Snapshot() *readmodel.Snapshot { return w.model.Snapshot() }
func (w *world) Model() *readmodel.Model       { return w.model }
func (w *world) AsOf() []string                { return fixedAsOf }
func (w *world) Lag() projector.Lag            { return w.lag }

func (w *world) WaitFor(ctx context.Context, at events.Position) error {
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if w.Snapshot().At.Compare(at) >= 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newModel(incarnation events.Incarnation) *readmodel.Model {
	return readmodel.New(readmodel.Config{Incarnation: incarnation, DedupeHorizon: time.Hour, OutcomeHorizon: time.Hour})
}

// newWorld returns a world with an empty read model.
func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, model: newModel(thisLog), changed: make(chan struct{}), now: testStart}
	cfg := Config{Source: w, Now: w.clock, CursorKey: []byte("key of cursors")}
	for _, f := range change {
		f(&cfg)
	}
	w.service = New(cfg)
	w.http = httptest.NewServer(w.server())
	t.Cleanup(w.http.Close)
	return w
}

// fixedAsOf is shared between answers, as the real one is.
var fixedAsOf = []string{"2026-11-22T12:00:00Z"}

func (w *world) server() *api.Server {
	w.t.Helper()
	keys, err := api.NewSecretKeys(testSecret)
	if err != nil {
		w.t.Fatal(err)
	}
	auth, err := api.NewAuthenticator(api.AuthConfig{Keys: keys, Now: func() time.Time { return testStart }})
	if err != nil {
		w.t.Fatal(err)
	}
	server, err := api.NewServer(api.Config{
		Routes: w.service.Routes(), Auth: auth, ReadModel: NewFreshness(w), WaitLimit: 50 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return server
}

// fold folds one record batch; fn calls step before each event.
func (w *world) fold(fn func(m *readmodel.Model, step func() events.Position)) events.Position {
	w.t.Helper()
	w.seq++
	w.model.Begin(w.seq, w.clock())
	index := uint16(0)
	fn(w.model, func() events.Position {
		w.model.Step(index)
		index++
		return w.model.At()
	})
	w.model.Publish(uint32(1000 + w.seq))
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
	return w.model.At()
}

// one folds a record batch of one event.
func (w *world) one(fn func(m *readmodel.Model)) events.Position {
	w.t.Helper()
	return w.fold(func(m *readmodel.Model, step func() events.Position) {
		step()
		fn(m)
	})
}

func (w *world) view(n int) {
	w.t.Helper()
	w.one(func(m *readmodel.Model) { m.AddView(videoID(n), events.TimeOf(w.clock())) })
}

func (w *world) setDeleted(n int, deleted bool) {
	w.t.Helper()
	w.one(func(m *readmodel.Model) { m.SetDeleted(videoID(n), deleted) })
}

func (w *world) token() string { return w.Snapshot().TokenHeader()[0] }

func bearer(t testing.TB, sub events.UserID, roles ...api.Role) string {
	t.Helper()
	var set api.Roles
	for _, r := range roles {
		set = set.With(r)
	}
	token, err := api.Mint(testSecret, sub, set, time.Hour, testStart)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	text string
}

func (w *world) do(method, path, body string, headers ...string) reply {
	w.t.Helper()
	r, err := http.NewRequest(method, w.http.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := w.http.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{response, string(text)}
}

// want checks the status and, where body is not empty, the body as JSON.
func (w *world) want(got reply, status int, body string) {
	w.t.Helper()
	if got.StatusCode != status {
		w.t.Fatalf("status %d, want %d: %.400s", got.StatusCode, status, got.text)
	}
	if body == "" {
		return
	}
	var a, b any
	if err := json.Unmarshal([]byte(got.text), &a); err != nil {
		w.t.Fatalf("answer %.400s: %v", got.text, err)
	}
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		w.t.Fatalf("expectation %.400s: %v", body, err)
	}
	if !reflect.DeepEqual(a, b) {
		w.t.Fatalf("answer\n%s\nwant\n%s", got.text, body)
	}
}

// problem is the part of a problem document that the tests look at.
type problem struct {
	Type   string
	Detail string
	Errors []api.FieldError
}

func (w *world) wantProblem(got reply, slug api.Slug, pointer string) {
	w.t.Helper()
	w.want(got, slug.Status(), "")
	var p problem
	if err := json.Unmarshal([]byte(got.text), &p); err != nil {
		w.t.Fatalf("problem %.400s: %v", got.text, err)
	}
	if !strings.HasSuffix(p.Type, "/"+string(slug)) {
		w.t.Fatalf("problem %s, want %s", got.text, slug)
	}
	if pointer != "" && (len(p.Errors) == 0 || p.Errors[0].Pointer != pointer) {
		w.t.Fatalf("problem %s, want it at %s", got.text, pointer)
	}
}

// counts is the expected entry of a video.
func counts(views, likes, comments, remixes, glitches int64) string {
	return fmt.Sprintf(`{"view_count":%d,"like_count":%d,"comment_count":%d,"remix_count":%d,"glitch_count":%d}`,
		views, likes, comments, remixes, glitches)
}

func idsBody(member string, ids ...string) string {
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = `"` + id + `"`
	}
	return `{"` + member + `":[` + strings.Join(quoted, ",") + `]}`
}

func sinceBody(since string, ids ...string) string {
	return `{"since":"` + since + `",` + idsBody("video_ids", ids...)[1:]
}

func query(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return "?" + values.Encode()
}

// respell changes the case of hex letters at random.
func respell(text string, random *rand.Rand) string {
	b := []byte(text)
	for i, c := range b {
		if c >= 'a' && random.IntN(2) == 0 {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
