package command

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/internal/leaktest"
	"github.com/tidemark-io/tidemark/projector"
)

func TestMain(m *testing.M) { leaktest.Main(m, nil) }

// world is the write side on a real log and a real fold.
type world struct {
	t         *testing.T
	log       *eventlog.Log
	projector *projector.Projector
	writer    *eventlog.Writer
	// stopWriter ends the writer alone: the log takes nothing any more.
	stopWriter func()
	server     http.Handler
	// full, where set, is why nothing may be written.
	full error
}

var secret = []byte("a secret of the tests, long enough to be good")

// alwaysThere is the freshness of a server whose tests send no Tidemark-After.
type alwaysThere struct{}

func (alwaysThere) Wait(context.Context, events.Token) error { return nil }
func (alwaysThere) Position() []string                       { return []string{"p"} }
func (alwaysThere) AsOf() []string                           { return []string{"2026-11-22T12:00:00Z"} }

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	var err error
	if w.log, err = eventlog.Open(ctx, eventlog.Config{Dir: t.TempDir(), Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	w.projector, err = projector.New(ctx, projector.Config{
		Log: w.log, ModelsDir: t.TempDir(), CheckpointInterval: time.Hour, CheckpointBytes: 1 << 30,
		DedupeHorizon: 168 * time.Hour, OutcomeHorizon: 25 * time.Hour,
		MayWrite: func() error { return nil }, Logger: quiet, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.writer = w.log.NewWriter(eventlog.WriterConfig{Logger: quiet})
	w.run()
	cfg := Config{
		Log: w.writer, Fold: w.projector, MaxBatch: 1000, CommitLimit: 5 * time.Second, WaitLimit: 5 * time.Second,
		MayWrite: func() error { return w.full }, Now: time.Now,
	}
	if change != nil {
		change(&cfg)
	}
	w.serve(New(cfg), quiet)
	return w
}

// run starts the fold and the writer, and stops them when the test ends.
func (w *world) run() {
	part := func(fn func(context.Context) error) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = fn(ctx) }()
		return func() { cancel(); <-done }
	}
	stopProjector := part(w.projector.Run)
	w.stopWriter = part(w.writer.Run)
	w.t.Cleanup(func() {
		w.stopWriter()
		stopProjector()
		w.projector.Close()
		w.log.Close()
	})
}

func (w *world) serve(s *Service, logger *slog.Logger) {
	keys, err := api.NewSecretKeys(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	auth, err := api.NewAuthenticator(api.AuthConfig{Keys: keys, Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.server, err = api.NewServer(api.Config{Routes: s.Routes(), Auth: auth, ReadModel: alwaysThere{}, Logger: logger}); err != nil {
		w.t.Fatal(err)
	}
}

// answer is what a request got.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// member reads one member of a JSON answer.
func (a answer) member(name string) any {
	var object map[string]any
	if json.Unmarshal([]byte(a.Body), &object) != nil {
		return nil
	}
	return object[name]
}

// user returns a caller's ID with a small number in it.
func user(n byte) (id events.UserID) {
	id[0], id[15] = 0xaa, n
	return id
}

func video(n byte) string {
	id := events.VideoID{15: n}
	return id.String()
}

// do sends a request as a user with roles; key is the Idempotency-Key or "".
func (w *world) do(as events.UserID, roles api.Roles, key, method, path, body string) answer {
	w.t.Helper()
	return w.send(as, roles, key, method, path, "application/json", body)
}

// send is do for a body of any media type.
func (w *world) send(as events.UserID, roles api.Roles, key, method, path, media, body string) answer {
	w.t.Helper()
	token, err := api.Mint(secret, as, roles, time.Hour, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", media)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	recorder := httptest.NewRecorder()
	w.server.ServeHTTP(recorder, r)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// last is the sequence at which the log ends.
func (w *world) last() uint64 {
	w.t.Helper()
	_, last, err := w.log.Bounds(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return last
}
