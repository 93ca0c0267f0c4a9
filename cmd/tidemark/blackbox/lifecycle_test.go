package blackbox

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// scenery fills a service with something of everything and returns a function
// that reads all of it back as text.
func scenery(w *World) func(*World) string {
	user, admin, worker := w.user(), w.admin(), w.service()
	videos := newIDs(4)
	for _, video := range videos {
		user.views(video)
		user.likes(video)
		user.adds(video, "comments", newID())
	}
	user.unlikes(videos[0])
	admin.deletesVideos(videos[1])
	job, done := user.createsJob(), user.createsJob()
	worker.updatesJob(job, obj{"status": "processing", "progress": 40})
	worker.updatesJob(done, obj{"status": "completed", "result_url": "https://cdn.example.org/v"})
	ids := worker.notify(user, "likes", 4)
	user.marksRead(obj{"notification_ids": ids[:2]})
	user.post("/v1/blocks/batch", obj{"user_ids": newIDs(3)}).want(200)
	worker.feeds(event("counter.baseline", obj{"video_id": videos[2], "source": "old app", "view_count": 500}))
	return func(w *World) string { return observe(user.with(w), admin.with(w), videos) }
}

// observe reads all that a user and an admin can see.
func observe(user, admin *Caller, videos []string) string {
	user.w.t.Helper()
	var seen strings.Builder
	look := func(a *Answer) { fmt.Fprintf(&seen, "%s %s\n%s\n", a.Method, a.Path, canonical(a.want(200).object())) }
	look(user.w.metadata(videos...))
	for _, path := range []string{"/v1/ai/jobs?limit=200", "/v1/notifications?limit=200", "/v1/blocks?limit=200"} {
		look(user.get(path))
	}
	look(admin.get("/v1/admin/audit?limit=200"))
	look(admin.get("/v1/videos/trending?window=24h&by=views&limit=200"))
	look(admin.get("/v1/videos/trending?window=24h&by=likes&limit=200"))
	return seen.String()
}

func TestAllIsThereAfterAStopAndAfterAKill(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	read := scenery(w)
	before := read(w)
	for _, end := range []struct {
		name string
		do   func()
	}{
		{"a kill", s.Kill},
		{"a stop", func() { s.Stop(t) }},
		{"a kill after a stop", s.Kill},
	} {
		end.do()
		s.Restart(t)
		if after := read(worldOf(t, s)); after != before {
			t.Fatalf("after %s:\n%s\nbefore:\n%s", end.name, after, before)
		}
	}
	// The position of before is known, and time goes on.
	w.user().views(newID())
}

func TestAcknowledgedCommandsSurviveAKillUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	const clients = 8
	videos := newIDs(clients)
	acknowledged, tried := make([]int, clients), make([]int, clients)
	enough := make(chan struct{})
	var total atomic.Int64
	var once sync.Once
	var group sync.WaitGroup
	for i := range clients {
		user := w.user()
		group.Go(func() {
			for {
				tried[i]++
				a, err := user.try("POST", "/v1/videos/"+videos[i]+"/views", nil)
				if err != nil || a.Status != 202 {
					return
				}
				acknowledged[i]++
				if total.Add(1) >= 200 {
					once.Do(func() { close(enough) })
				}
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(patience):
		t.Error("200 views were not acknowledged in time")
	}
	s.Kill()
	group.Wait()
	s.Restart(t)
	after := worldOf(t, s)
	for i, video := range videos {
		got, _ := after.counts(video)
		if got.Views < acknowledged[i] || got.Views > tried[i] {
			t.Errorf("%d views, want %d acknowledged to %d tried", got.Views, acknowledged[i], tried[i])
		}
	}
}

func TestAStopAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	const clients = 8
	video := newID()
	var acknowledged, unknown atomic.Int64
	enough := make(chan struct{})
	var once sync.Once
	var group sync.WaitGroup
	for range clients {
		user := w.user()
		group.Go(func() {
			for {
				a, err := user.try("POST", "/v1/videos/"+video+"/views", nil)
				switch {
				case err != nil && strings.Contains(err.Error(), "refused"):
					return // nobody listens any more, so nothing was sent
				case err != nil:
					// A connection that closes as a request goes out leaves it open.
					unknown.Add(1)
					return
				case a.Status == 202:
					if acknowledged.Add(1) == 100 {
						once.Do(func() { close(enough) })
					}
				case a.Status == 503:
					return
				default:
					t.Errorf("status %d while stopping: %s", a.Status, a.Body)
					return
				}
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(patience):
		t.Error("100 views were not acknowledged in time")
	}
	s.Stop(t)
	group.Wait()
	s.Restart(t)
	got, _ := worldOf(t, s).counts(video)
	least, most := int(acknowledged.Load()), int(acknowledged.Load()+unknown.Load())
	if got.Views < least || got.Views > most {
		t.Errorf("%d views, want %d to %d", got.Views, least, most)
	}
}

// TestAStopIsNoFailureForClientsThatDawdle: who sends a body by drops, or takes a
// profile for longer than a stop may last, is cut off, and everything is closed
// as ever.
func TestAStopIsNoFailureForClientsThatDawdle(t *testing.T) {
	t.Parallel()
	s := start(t, "--drain-limit", "300ms", "--ops-listen", "127.0.0.1:0")
	w := worldOf(t, s)
	user, video := w.user(), newID()
	user.likes(video)
	half := "PUT /v1/videos/" + video + "/like HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + user.token +
		"\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"at\":"
	if _, err := io.WriteString(dial(t, s), half); err != nil {
		t.Fatal(err)
	}
	profiler, err := net.Dial("tcp", strings.TrimPrefix(addressOfMetrics(t, s.Log), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer profiler.Close()
	if _, err := io.WriteString(profiler, "GET /debug/pprof/profile?seconds=60 HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	w.wantCounts(video, counts{Likes: 1})
	s.Stop(t)
	if said := s.Log.String(); !strings.Contains(said, "tidemark has stopped") {
		t.Error("it did not come to its end")
	}
	s.Restart(t)
	worldOf(t, s).wantCounts(video, counts{Likes: 1})
}

func TestASecondProcessOnTheSameDataIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	_, said, err := program(t, "serve", "--data-dir", s.Dir, "--listen", "127.0.0.1:0")
	if err == nil {
		t.Fatal("the second process exits with 0")
	}
	if !strings.Contains(said, s.Dir) {
		t.Errorf("the second process says %q, want the data directory in it", said)
	}
	w.user().views(newID()) // the first goes on
}

func TestAPositionIsWaitedForAndThenStale(t *testing.T) {
	t.Parallel()
	s := start(t)
	video := newID()
	worldOf(t, s).user().views(video)
	s.Stop(t)
	copied := t.TempDir()
	if err := os.CopyFS(filepath.Join(copied, "data"), os.DirFS(s.Dir)); err != nil {
		t.Fatal(err)
	}
	s.Restart(t)
	ahead := worldOf(t, s).user().views(video).text("position")

	// The copy stands where the log stood, and never hears of the second view.
	behind := worldOf(t, startIn(t, filepath.Join(copied, "data"), "--jwt-secret", secret, "--wait-limit", "50ms"))
	stale := behind.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{video}}, "Tidemark-After", ahead).want(503)
	if kind := stale.problem().Type; !strings.HasSuffix(kind, "/stale-read-model") {
		t.Errorf("type %s, want …/stale-read-model", kind)
	}
	behind.user().put("/v1/videos/"+video+"/like", nil, "Tidemark-After", ahead).want(503)
	behind.wantCounts(video, counts{Views: 1})
}

func TestAReaderWhoSendsPositionsNeverGoesBack(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	writers := []*Caller{w.user(), w.user(), w.user(), w.user()}
	var group sync.WaitGroup
	for _, writer := range writers {
		group.Go(func() {
			own := worldOf(t, common)
			mine := writer.with(own)
			for range 25 {
				if a := mine.post("/v1/videos/"+video+"/views", nil); a.Status != 202 {
					t.Errorf("status %d: %s", a.Status, a.Body)
				}
			}
			// Its own writes are there, on whichever node it asks.
			if got, _ := own.counts(video); got.Views < 25 {
				t.Errorf("a writer of 25 views reads %d", got.Views)
			}
		})
	}
	seen, position := 0, ""
	for seen < 100 {
		headers := []string{}
		if position != "" {
			headers = []string{"Tidemark-After", position}
		}
		a := w.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{video}}, headers...).want(200)
		now := decode[struct{ Videos map[string]counts }](t, a).Videos[video].Views
		if now < seen {
			t.Fatalf("views go back from %d to %d", seen, now)
		}
		seen, position = now, a.Header.Get("Tidemark-Position")
		if t.Context().Err() != nil || t.Failed() {
			break
		}
	}
	group.Wait()
	w.wantCounts(video, counts{Views: 100})
}
