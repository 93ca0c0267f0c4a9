package blackbox

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/tidemark-io/tidemark/archive/archivetest"
)

// metric reads one value of /metrics.
func (w *World) metric(name string) float64 {
	w.t.Helper()
	body := w.anonymous().get("/metrics").want(200).Body
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(body)
	if found == nil {
		w.t.Fatalf("there is no metric %s", name)
	}
	v, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// TestADeadDatabaseIsFeltByTheArchiveAlone, and it catches up when the database
// is back. The password stands nowhere.
func TestADeadDatabaseIsFeltByTheArchiveAlone(t *testing.T) {
	t.Parallel()
	postgres := archivetest.New(t, t.TempDir())
	postgres.Init()
	address, err := url.Parse(postgres.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	const password = "canary-of-the-archive"
	query := address.Query()
	query.Set("password", password)
	address.RawQuery = query.Encode()
	s := start(t, "--postgres-url", address.String(), "--checkpoint-interval", "100ms")
	s.expects = `msg="run failed" kind=verify` // the archive is behind
	w := worldOf(t, s)
	author, admin, video := w.user(), w.admin(), newID()
	author.publishes(video).want(202)
	for range 5 {
		author.views(video)
	}
	history := "/v1/videos/" + video + "/history"
	dead := author.get(history).want(503)
	if kind := dead.problem().Type; !strings.HasSuffix(kind, "/archive-unavailable") {
		t.Errorf("type %s, want …/archive-unavailable", kind)
	}
	w.anonymous().get("/readyz").want(200)
	if lag := w.metric("tidemark_archive_lag_messages"); lag < 2 {
		t.Errorf("a lag of %v messages", lag)
	}
	eventually(t, "the status to say why", func() (bool, string) {
		status := admin.get("/v1/admin/replay/status").want(200).object()["archive"].(obj)
		fault, _ := status["fault"].(string)
		return fault != "" && !strings.Contains(fault, password), fault
	})
	w.replay("status").exits(exitFine).says("archive        up to message 0, lag ", "it does not go on: ")
	w.replay("verify", "--archive", "--archive-wait", "1s").exits(exitFault).says("archive is behind: after 1s it is at message 0, and ", "it does not go on: ")
	s.Kill() // what was judged outlives the process
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	w = worldOf(t, s)
	author, admin = author.with(w), admin.with(w)
	author.likes(video)
	admin.deletesVideos(video)
	postgres.Launch()
	eventually(t, "the archive to catch up", func() (bool, string) {
		lag := w.metric("tidemark_archive_lag_messages")
		return lag == 0 && w.metric("tidemark_archive_up") == 1, fmt.Sprint(lag)
	})
	author.get(history).want(404) // of a deleted video
	for _, path := range []string{history, history + "?bucket=day"} {
		buckets := admin.get(path).want(200).list("buckets")
		if len(buckets) == 0 || sumOf(buckets, "views") != 5 || sumOf(buckets, "likes") != 1 {
			t.Errorf("%s: %v", path, buckets)
		}
	}
	w.user().get(history).want(404)
	if total := admin.get("/v1/admin/history").want(200).list("buckets"); len(total) == 0 || sumOf(total, "views") != 5 {
		t.Errorf("in total %v", total)
	}
	verified := admin.get("/v1/admin/audit/verify").want(200).object()
	if archived, _ := verified["archive"].(obj); archived["ok"] != true || archived["entries"] != 3.0 || archived["head"] != verified["head"] {
		t.Errorf("verified: %v", verified) // a deletion, and a verification: that it began and how it failed
	}
	w.replay("explain", "video", video).exits(exitFine).says("views 5, likes 1", "by the archive's index of messages 1 to ")
	postgres.Kill()
	w.replay("explain", "video", video).exits(exitFine).says("views 5, likes 1", "by a scan of messages 1 to ", "a scan, since the index cannot be asked")
	for what, said := range map[string][]byte{"log": []byte(s.Log.String()), "metrics": w.anonymous().get("/metrics").Body, "problem": dead.Body} {
		if bytes.Contains(said, []byte(password)) {
			t.Errorf("the %s holds the password", what)
		}
	}
}

// sumOf adds up what buckets say, of which there are two where the hour has turned.
func sumOf(buckets []obj, counter string) (sum float64) {
	for _, b := range buckets {
		sum += b[counter].(float64)
	}
	return sum
}

// TestTheLogOfComposeIsTrimmed: with the rights that deploy/nats.conf gives, the
// log forgets what is archived; a node without a read model makes one all the same.
func TestTheLogOfComposeIsTrimmed(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	const password = "a-password-of-compose"
	var options server.Options
	if err := options.ProcessConfigString(strings.ReplaceAll(string(file), "$NATS_PASSWORD", password)); err != nil {
		t.Fatal(err)
	}
	n := startNATSWith(t, options)
	postgres := archivetest.Start(t)
	flags := []string{"--nats-url", n.url, "--nats-user", "tidemark", "--nats-password", password, "--postgres-url", postgres.URL("postgres"), "--log-keep", "1ns"}
	s := start(t, flags...)
	w := worldOf(t, s)
	video, viewer := newID(), w.user()
	for range 8 {
		viewer.views(video)
	}
	eventually(t, "the archive to catch up", func() (bool, string) {
		at := w.metric("tidemark_archive_position")
		return at >= 8, fmt.Sprint(at)
	})
	s.Stop(t)
	s.Restart(t) // retention looks at once, and then every minute
	w = worldOf(t, s)
	eventually(t, "the log to be trimmed", func() (bool, string) {
		log := w.admin().get("/v1/admin/replay/status").want(200).object()["log"].(obj)
		return log["first_sequence"].(float64) > 1, fmt.Sprint(log)
	})
	fresh := worldOf(t, start(t, flags...))
	fresh.wantCounts(video, counts{Views: 8})
}
