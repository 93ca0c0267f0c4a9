package query

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
)

func TestAfter(t *testing.T) {
	w := newWorld(t)
	w.view(1)
	w.view(1)
	at := w.Snapshot().At
	token := func(change func(*events.Token)) string {
		v := w.Snapshot().Token(at)
		change(&v)
		return v.String()
	}
	ahead := events.Position{Seq: at.Seq + 1}
	cases := []struct {
		name, after string
		status      int
	}{
		{"folded", token(func(*events.Token) {}), 200},
		{"before", token(func(v *events.Token) { v.Floor.Seq, v.Ceiling.Seq, v.Tag = 1, 1, 99 }), 200},
		{"ahead", token(func(v *events.Token) { v.Ceiling = ahead }), http.StatusServiceUnavailable},
		{"another generation", token(func(v *events.Token) { v.Generation++ }), 200},
		{"another incarnation", token(func(v *events.Token) { v.Incarnation = otherLog }), http.StatusPreconditionFailed},
		{"another incarnation, ahead", token(func(v *events.Token) { v.Incarnation, v.Ceiling = otherLog, ahead }), http.StatusPreconditionFailed},
		{"lost tail", token(func(v *events.Token) { v.Tag++ }), http.StatusPreconditionFailed},
		{"tag unknown", token(func(v *events.Token) { v.Tag = 0 }), 200},
		{"malformed", "x", http.StatusUnprocessableEntity},
	}
	user := bearer(t, alice, api.RoleAdmin)
	w.service.histories = keptHistory{}
	for _, c := range cases {
		for _, r := range w.service.Routes() {
			path, body := r.Path, ""
			switch path {
			case metadataPath:
				path, body = path+"?ids=", `{"video_ids":[]}`
				if r.Method == "POST" {
					path = metadataPath
				}
			case "/v1/videos/:id/history":
				path = "/v1/videos/" + vid(1) + "/history"
			case "/v1/ai/jobs/batch-status":
				body = `{"job_ids":[]}`
			case "/v1/notifications/batch-status":
				body = `{"notification_ids":[]}`
			}
			if got := w.do(r.Method, path, body, "Tidemark-After", c.after, "Authorization", user); got.StatusCode != c.status {
				t.Errorf("%s: %s %s: status %d, want %d", c.name, r.Method, path, got.StatusCode, c.status)
			}
		}
	}
	// What is wrong is told before the wait.
	w.wantProblem(w.do("POST", metadataPath, `{}`, "Tidemark-After", token(func(v *events.Token) { v.Ceiling = ahead })), api.InvalidContent, "")
}

func TestWaitEndsWhenFolded(t *testing.T) {
	w := newWorld(t)
	w.view(1)
	next := w.Snapshot().Token(events.Position{Seq: 2})
	next.Floor, next.Tag = next.Ceiling, 1002
	wrong := next
	wrong.Tag = 5
	f := NewFreshness(w)
	results := make(chan error, 2)
	go func() { results <- f.Wait(context.Background(), next) }()
	go func() { results <- f.Wait(context.Background(), wrong) }()
	w.view(1) // its tag is 1002
	a, b := <-results, <-results
	if a != nil {
		a, b = b, a
	}
	if a != nil || !errors.Is(b, api.ErrOtherIncarnation) {
		t.Errorf("waits ended with %v and %v", a, b)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	next.Ceiling.Seq = 10
	if err := f.Wait(ctx, next); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait of a client that went ended with %v", err)
	}
}
