package blackbox

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	w := world(t)
	w.anonymous().get("/healthz").want(200)
	w.anonymous().get("/readyz").want(200)
	w.anonymous().do("HEAD", "/healthz", nil).want(200)
}

func TestPositionTellsHowFarTheFoldIs(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t))
	w.anonymous().get("/v1/position").want(401)
	user := w.user()
	user.views(newID())
	answer := user.get("/v1/position").want(200).has(obj{"lag_events": 0})
	for _, name := range []string{"end", "folded"} {
		if text := answer.text(name); !positionPattern.MatchString(text) {
			t.Errorf("%s is %q", name, text)
		}
	}
	if _, ok := answer.object()["lag_seconds"].(float64); !ok {
		t.Errorf("lag_seconds: %s", answer.Body)
	}
	// Each of them is a position that a client may send.
	for _, name := range []string{"end", "folded"} {
		w.anonymous().get("/v1/videos/batch-metadata?ids="+newID(), "Tidemark-After", answer.text(name)).want(200)
	}
}

func TestMetricsAreTidemarks(t *testing.T) {
	t.Parallel()
	w := world(t)
	w.user().views(newID())
	text := string(w.anonymous().get("/metrics").want(200).Body)
	if !strings.Contains(text, "\ntidemark_") {
		t.Errorf("no metric begins with tidemark_:\n%s", clip(text))
	}
}

func TestMetricSeriesDoNotGrowWithPaths(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t))
	series := func() int {
		return strings.Count(string(w.anonymous().get("/metrics").want(200).Body), "\n")
	}
	user := w.user()
	strange := func() {
		user.get("/v1/" + newID()).want(404)
		user.get("/" + newID() + "/" + newID()).want(404)
		user.do("PROPFIND", "/v1/videos/batch-metadata", nil).want(405)
		user.do("X"+strings.ReplaceAll(newID(), "-", ""), "/v1/blocks", nil).want(405)
		user.post("/v1/videos/"+newID()+"/views", nil).want(202)
		user.delete(itemPath(newID(), "comments", newID())).want(404)
	}
	strange()
	before := series()
	for range 100 {
		strange()
	}
	if after := series(); after > before+5 {
		t.Errorf("%d lines of metrics, before it were %d", after, before)
	}
}

func TestTheOperationsAddress(t *testing.T) {
	t.Parallel()
	s := start(t, "--ops-listen", "127.0.0.1:0")
	w := worldOf(t, s)
	w.anonymous().get("/metrics").want(404)
	w.anonymous().get("/debug/pprof/").want(404)
	ops := worldOf(t, &Service{Process: &served.Process{URL: addressOfMetrics(t, s.Log)}})
	if text := string(ops.anonymous().get("/metrics").want(200).Body); !strings.Contains(text, "tidemark_") {
		t.Errorf("no metrics of tidemark at the operations address: %s", clip(text))
	}
	ops.anonymous().get("/debug/pprof/").want(200)
	ops.anonymous().get("/healthz").want(200)
	ops.anonymous().get("/readyz").want(200)
	for _, path := range []string{"/v1/position", "/v1/videos/batch-metadata?ids=" + newID()} {
		ops.anonymous().get(path).want(404)
	}
}

func TestWhatDoesNotBelongOnThePublicAddress(t *testing.T) {
	t.Parallel()
	w := world(t)
	for _, path := range []string{
		"/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/varz", "/jsz", "/connz", "/healthz/..", "/.git/config",
		"/v1", "/v2/videos", "/", "/v1/admin", "/v1/admin/", "/admin",
	} {
		w.admin().get(path).want(404)
	}
}

func TestTheDocumentIsServed(t *testing.T) {
	t.Parallel()
	answer := world(t).anonymous().get("/openapi.json").want(200)
	if version := answer.text("openapi"); !strings.HasPrefix(version, "3.1.") {
		t.Errorf("openapi %s, want 3.1", version)
	}
	if media := answer.Header.Get("Content-Type"); !strings.HasPrefix(media, "application/json") {
		t.Errorf("Content-Type %s", media)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	w := world(t)
	user := w.user()
	user.get("/v1/nothing").want(404)
	user.post("/v1/videos/not-a-uuid/views", nil).want(422)
	user.put("/v1/videos/"+newID()+"/comments/x", nil).want(422)
	for path, methods := range map[string][]string{
		"/v1/videos/batch-metadata":       {"GET", "POST"},
		"/v1/videos":                      {"POST"},
		"/v1/videos/" + newID() + "/like": {"PUT", "DELETE"},
		"/v1/ai/jobs":                     {"GET", "POST"},
	} {
		allow := user.do("LOCK", path, nil).want(405).Header.Get("Allow")
		for _, method := range methods {
			if !strings.Contains(allow, method) {
				t.Errorf("%s: Allow: %s lacks %s", path, allow, method)
			}
		}
	}
}

func TestOriginsThatAreListedMayRead(t *testing.T) {
	t.Parallel()
	w := world(t)
	path := "/v1/videos/batch-metadata"
	answer := w.anonymous().get(path+"?ids="+newID(), "Origin", pageOrigin).want(200)
	if got := answer.Header.Get("Access-Control-Allow-Origin"); got != pageOrigin {
		t.Errorf("Access-Control-Allow-Origin %q", got)
	}
	contains(t, answer, "Access-Control-Expose-Headers", "ETag", "Retry-After", "Tidemark-Position", "Tidemark-As-Of", "Tidemark-Poll-After")
	if got := answer.Header.Get("Access-Control-Allow-Credentials"); got != "" {
		t.Errorf("Access-Control-Allow-Credentials: %s", got)
	}

	preflight := w.anonymous().do("OPTIONS", "/v1/videos/"+newID()+"/like", nil, "Origin", pageOrigin,
		"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,idempotency-key").wantOneOf(200, 204)
	contains(t, preflight, "Access-Control-Allow-Methods", "PUT", "DELETE", "PATCH", "POST", "GET")
	contains(t, preflight, "Access-Control-Allow-Headers", "Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Tidemark-After")

	// An error is for the page to read too.
	refused := w.anonymous().get("/v1/position", "Origin", pageOrigin).want(401)
	if got := refused.Header.Get("Access-Control-Allow-Origin"); got != pageOrigin {
		t.Errorf("a 401 has Access-Control-Allow-Origin %q", got)
	}
}

func contains(t *testing.T, a *Answer, header string, want ...string) {
	t.Helper()
	value := strings.ToLower(strings.Join(a.Header.Values(header), ","))
	for _, name := range want {
		if !strings.Contains(value, strings.ToLower(name)) {
			t.Errorf("%s: %s lacks %s", header, value, name)
		}
	}
}

func TestForeignOriginsGetNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	foreign := []string{"Origin", "https://evil.example.com", "Cookie", "session=1"}
	answer := w.anonymous().get("/v1/videos/batch-metadata?ids="+newID(), foreign...).want(200)
	preflight := w.anonymous().do("OPTIONS", "/v1/videos/batch-metadata", nil, append(foreign, "Access-Control-Request-Method", "POST")...)
	preflight.want(405)
	for _, a := range []*Answer{answer, preflight} {
		for name := range a.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s: a foreign origin gets %s", a.Method, a.Path, name)
			}
		}
	}
	// A cookie is no token.
	w.anonymous().get("/v1/position", "Cookie", "token="+mint(newID(), "admin")).want(401)
}

func TestTheMadeSecretIsKeptAndSignsTokens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startIn(t, dir)
	sub := newID()
	token := func(args ...string) string {
		t.Helper()
		out, said, err := program(t, append([]string{"token", "--data-dir", dir, "--sub", sub}, args...)...)
		if err != nil {
			t.Fatalf("tidemark token: %v\n%s", err, said)
		}
		return out
	}
	user := &Caller{w: worldOf(t, s), ID: sub, token: token()}
	admin := &Caller{w: user.w, ID: sub, token: token("--role", "admin", "--role", "service", "--ttl", "5m")}
	user.get("/v1/admin/audit").want(403)
	admin.get("/v1/admin/audit").want(200)
	admin.feeds(event("video.viewed", obj{"video_id": newID()}))
	// A token of another secret is not good.
	user.get("/v1/position", "Authorization", "Bearer "+mint(sub)).want(401)
	s.Stop(t)
	s.Restart(t)
	user.with(worldOf(t, s)).get("/v1/position").want(200)
	secretsAreSecret(t, dir)
}

// secretsAreSecret fails the test where a file that others may read looks like the secret's.
func secretsAreSecret(t *testing.T, dir string) {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(strings.ToLower(entry.Name()), "secret") {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 0600", path, info.Mode().Perm())
		}
		found = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		t.Error("no file in the data directory is named for a secret")
	}
}

func TestTokenForTheGivenSecret(t *testing.T) {
	t.Parallel()
	sub := newID()
	out, said, err := program(t, "token", "--jwt-secret", secret, "--sub", sub, "--role", "service")
	if err != nil {
		t.Fatalf("tidemark token: %v\n%s", err, said)
	}
	w := world(t)
	(&Caller{w: w, ID: sub, token: out}).feeds(event("video.viewed", obj{"video_id": newID()}))
	for _, args := range [][]string{
		{"--sub", "me"}, {}, {"--sub", sub, "--role", "root"}, {"--sub", sub, "--ttl", "-1h"}, {"--sub", sub, "--ttl", "soon"},
	} {
		if out, _, err := program(t, append([]string{"token", "--jwt-secret", secret}, args...)...); err == nil {
			t.Errorf("tidemark token %v prints %q and exits with 0", args, out)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	out, _, err := program(t, "version")
	if err != nil || !strings.Contains(out, "go1.") {
		t.Errorf("tidemark version says %q (%v), want the Go version in it", out, err)
	}
}

func TestWrongSettingsAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"no such flag":       {"--no-such-flag"},
		"two key sources":    {"--jwt-secret", secret, "--jwks-file", "keys.json"},
		"a missing JWKS":     {"--jwks-file", "/nonexistent/keys.json"},
		"an unknown role":    {"--roles", "command,oracle"},
		"a bad address":      {"--listen", "here"},
		"a bad port":         {"--listen", "127.0.0.1:99999"},
		"an origin's path":   {"--cors-origin", "https://example.org/app"},
		"no batch at all":    {"--max-batch", "0"},
		"a negative batch":   {"--max-batch", "-5"},
		"a wait of nothing":  {"--wait-limit", "2"},
		"a negative wait":    {"--wait-limit", "-2s"},
		"a bad disk size":    {"--min-free-disk", "lots"},
		"a short horizon":    {"--dedupe-horizon", "-1h"},
		"a bad NATS address": {"--nats-url", "::"},
		"an archive nowhere": {"--roles", "query,archive"},
		"a bad database":     {"--postgres-url", "mysql://here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			_, said, err := program(t, append([]string{"serve", "--data-dir", dir, "--listen", "127.0.0.1:0"}, flags...)...)
			if err == nil {
				t.Fatalf("serve %v exits with 0", flags)
			}
			// It says which setting is wrong.
			name, value := strings.TrimPrefix(flags[max(0, len(flags)-2)], "--"), flags[len(flags)-1]
			if !strings.Contains(said, name) && !strings.Contains(said, value) {
				t.Errorf("serve %v says %q, want %s or %s in it", flags, said, name, value)
			}
		})
	}
}

func TestSettingsComeFromTheEnvironmentToo(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), binary, "serve", "--data-dir", filepath.Join(t.TempDir(), "data"))
	command.Env = append(served.Environment(), "TIDEMARK_LISTEN=127.0.0.1:0", "TIDEMARK_MAX_BATCH=many")
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "many") && !strings.Contains(string(out), "max-batch") {
		t.Errorf("serve with TIDEMARK_MAX_BATCH=many: %v, %s", err, out)
	}
}

// TestMistypedVariablesAreToldOfInTheFormatOfTheLog: in JSON, what reads it reads nothing else.
func TestMistypedVariablesAreToldOfInTheFormatOfTheLog(t *testing.T) {
	t.Parallel()
	noKeys := filepath.Join(t.TempDir(), "jwks.json") // so that it ends at once
	if err := os.WriteFile(noKeys, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "serve", "--data-dir", filepath.Join(t.TempDir(), "data"),
		"--listen", "127.0.0.1:0", "--log-format", "json", "--jwks-file", noKeys)
	command.Env = append(served.Environment(), "TIDEMARK_LOGKEEP=720h")
	out, err := command.CombinedOutput()
	if err == nil {
		t.Error("serve without keys exits with 0")
	}
	told := 0
	for line := range strings.SplitSeq(string(out), "\n") {
		if strings.Contains(line, "TIDEMARK_LOGKEEP") {
			if told++; !json.Valid([]byte(line)) {
				t.Errorf("the log has the line %q", line)
			}
		}
	}
	if told != 1 {
		t.Errorf("the mistyped variable is told of %d times: %s", told, out)
	}
}

// TestCommandsRunInTheServicesEnvironment, as they do in its container: what it
// says of the service's log and archive is not for them.
func TestCommandsRunInTheServicesEnvironment(t *testing.T) {
	t.Parallel()
	s := start(t)
	status := func(args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), binary, append([]string{"replay", "status", "--url", s.URL, "--jwt-secret", secret}, args...)...)
		command.Env = append(served.Environment(), "TIDEMARK_NATS_URL=nats://127.0.0.1:1", "TIDEMARK_NATS_USER=tidemark",
			"TIDEMARK_POSTGRES_URL=postgres://nobody@127.0.0.1:1/none", "TIDEMARK_DATADIR=here")
		out, err := command.CombinedOutput()
		return string(out), err
	}
	out, err := status()
	if err != nil || !strings.Contains(out, "read model") {
		t.Errorf("replay status: %v, %s", err, out)
	}
	if !strings.Contains(out, "TIDEMARK_DATADIR") {
		t.Errorf("a mistyped variable goes unseen: %s", out)
	}
	for _, flag := range []string{"--nats-url=nats://127.0.0.1:2", "--postgres-url=postgres://nobody@127.0.0.1:2/none"} {
		if out, err := status(flag); err == nil || !strings.Contains(out, "--offline") {
			t.Errorf("replay status %s: %v, %s", flag, err, out)
		}
	}
}

// TestTheLogIsLinesOfJSONIfAskedFor: all that a first start and a stop write, and
// the address when it is ready among it.
func TestTheLogIsLinesOfJSONIfAskedFor(t *testing.T) {
	t.Parallel()
	s := &Service{Process: served.New(binary, filepath.Join(t.TempDir(), "data"), "--log-format", "json")}
	t.Cleanup(s.Kill)
	if err := s.Launch(); err != nil {
		t.Fatal(err)
	}
	type line struct{ Time, Level, Msg, Address string }
	ready := line{}
	eventually(t, "the address to be said", func() (bool, string) {
		said := s.Said()
		for text := range strings.Lines(said) {
			if err := json.Unmarshal([]byte(text), &ready); err == nil && ready.Address != "" {
				return true, ""
			}
		}
		return false, said
	})
	s.URL, s.Host = ready.Address, strings.TrimPrefix(ready.Address, "http://")
	w := worldOf(t, s)
	w.anonymous().get("/v1/videos/batch-metadata?ids=" + newID()).want(200)
	s.Stop(t)
	for text := range strings.Lines(s.Log.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil || l.Time == "" || l.Level == "" || l.Msg == "" {
			t.Errorf("a line of the log is %s", text)
		}
	}
}

func TestMaxBatchIsASetting(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t, "--max-batch", "3"))
	ids := newIDs(4)
	w.metadata(ids[:3]...)
	w.metadata(ids[0], ids[0], ids[0])
	anyone, user := w.anonymous(), w.user()
	anyone.post("/v1/videos/batch-metadata", obj{"video_ids": ids}).want(422)
	// They are counted as sent.
	anyone.post("/v1/videos/batch-metadata", obj{"video_ids": []string{ids[0], ids[0], ids[0], ids[0]}}).want(422)
	anyone.get("/v1/videos/batch-metadata?ids=" + strings.Join(ids, ",")).want(422)
	user.post("/v1/ai/jobs/batch-status", obj{"job_ids": ids}).want(422)
	user.post("/v1/notifications/batch-status", obj{"notification_ids": ids}).want(422)
	user.post("/v1/notifications/batch-mark-read", obj{"notification_ids": ids}).want(422)
	user.post("/v1/blocks/batch", obj{"user_ids": ids}).want(422)
	w.admin().post("/v1/admin/videos/batch-delete", obj{"video_ids": ids, "reason": "r"}).want(422)
}

func TestBelowTheFreeDiskCommandsAreRefusedAndReadsGoOn(t *testing.T) {
	t.Parallel()
	s := start(t)
	video := newID()
	worldOf(t, s).user().views(video)
	worldOf(t, s).replay("rebuild", "--hold", "--reason", "r").exits(exitFine)
	s.Stop(t)
	full := &Service{Process: served.New(binary, s.Dir, "--jwt-secret", secret, "--min-free-disk", "4611686018427387904")}
	t.Cleanup(full.Kill)
	if err := full.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := full.AwaitAddress(); err != nil {
		t.Fatal(err)
	}
	w := worldOf(t, full)
	// Whether a full disk makes it unready is not said; that it answers queries is.
	eventually(t, "queries to be answered", func() (bool, string) {
		a := w.anonymous().get("/v1/videos/batch-metadata?ids=" + video)
		return a.Status == 200, string(a.Body)
	})
	refused := w.user().post("/v1/videos/"+video+"/views", nil).want(503)
	if kind := refused.problem().Type; !strings.HasSuffix(kind, "/storage-full") {
		t.Errorf("type %s, want …/storage-full", kind)
	}
	w.wantCounts(video, counts{Views: 1})
	// What makes room is not refused.
	w.replay("rebuild", "--discard", "--reason", "r").exits(exitFine).says("discarded      model-000002")
}
