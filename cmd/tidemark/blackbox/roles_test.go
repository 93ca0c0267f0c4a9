package blackbox

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

// TestANodeAnswersForItsRoles: of two nodes of one log one takes commands and the
// other answers queries. What a node is not for is an unknown path there;
// operations belong to each.
func TestANodeAnswersForItsRoles(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	commands := worldOf(t, start(t, "--nats-url", n.url, "--roles", "command"))
	queries := worldOf(t, start(t, "--nats-url", n.url, "--roles", "query"))
	video, user := newID(), commands.user()
	metadata, views := "/v1/videos/batch-metadata?ids="+video, "/v1/videos/"+video+"/views"
	position := user.views(video).text("position")
	queries.anonymous().get(metadata, "Tidemark-After", position).want(200).is(obj{"videos": obj{
		video: obj{"view_count": 1, "like_count": 0, "comment_count": 0, "remix_count": 0, "glitch_count": 0},
	}})
	// Its document tells of all roles, so the answers are not held to it.
	elsewhere := func(w *World) *Caller {
		return user.with(worldOf(t, &Service{Process: &served.Process{URL: w.s.URL}}))
	}
	elsewhere(commands).get(metadata).want(404)
	elsewhere(queries).post(views, nil).want(404)
	for _, w := range []*World{commands, queries} {
		user.with(w).get("/v1/position", "Tidemark-After", position).want(200).has(obj{"lag_events": 0})
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json"} {
			w.anonymous().get(path).want(200)
		}
	}
}

// TestCursorsAreGoodOnEveryNode: whoever pages does not know which node answers.
func TestCursorsAreGoodOnEveryNode(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	key := newRSAKey(t)
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(mustJSON(obj{"keys": []obj{publicJWK("key", &key.PublicKey)}})), 0o600); err != nil {
		t.Fatal(err)
	}
	signed := func(w *World) *Caller {
		id := newID()
		return &Caller{w: w, ID: id, token: signRSA(t, obj{"alg": "RS256", "kid": "key"}, claims(id), key)}
	}
	for name, kind := range map[string]struct {
		flags []string
		user  func(*World) *Caller
	}{
		"a secret": {[]string{"--jwt-secret", secret}, (*World).user},
		"a JWKS":   {[]string{"--jwks-file", file}, signed},
	} {
		flags := append([]string{"--nats-url", n.url}, kind.flags...)
		here, there := worldOf(t, startIn(t, t.TempDir(), flags...)), worldOf(t, startIn(t, t.TempDir(), flags...))
		user := kind.user(here)
		for range 3 {
			user.createsJob()
		}
		seen := map[string]bool{}
		path, at := "/v1/ai/jobs?limit=1", []*World{here, there, here}
		for _, w := range at {
			page := user.with(w).get(path, "Tidemark-After", here.after).want(200)
			seen[page.list("jobs")[0]["job_id"].(string)] = true
			if cursor, more := page.object()["next_cursor"].(string); more {
				path = "/v1/ai/jobs?limit=1&cursor=" + cursor
			}
		}
		if len(seen) != 3 {
			t.Errorf("%s: %d of 3 jobs on the pages of two nodes", name, len(seen))
		}
	}
}
