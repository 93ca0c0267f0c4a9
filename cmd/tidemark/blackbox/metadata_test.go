package blackbox

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var noCounts = obj{"view_count": 0, "like_count": 0, "comment_count": 0, "remix_count": 0, "glitch_count": 0}

func TestBatchMetadataHasTheFiveCountersOfEachKnownVideo(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, video, quiet, unknown := w.user(), newID(), newID(), newID()
	user.publishes(quiet)
	user.views(video)
	user.likes(video)
	user.adds(video, "comments", newID())
	user.adds(video, "remixes", newID())
	user.adds(video, "glitches", newID())
	w.metadata(video, quiet, unknown).is(obj{"videos": obj{
		video: obj{"view_count": 1, "like_count": 1, "comment_count": 1, "remix_count": 1, "glitch_count": 1},
		quiet: noCounts,
	}})
}

func TestAVideoIsKnownFromItsFirstEvent(t *testing.T) {
	t.Parallel()
	w := world(t)
	user := w.user()
	for what, does := range map[string]func(string){
		"published": func(v string) { user.publishes(v) },
		"viewed":    func(v string) { user.views(v) },
		"liked":     func(v string) { user.likes(v) },
		"commented": func(v string) { user.adds(v, "comments", newID()) },
		"remixed":   func(v string) { user.adds(v, "remixes", newID()) },
		"glitched":  func(v string) { user.adds(v, "glitches", newID()) },
	} {
		video := newID()
		w.wantUnknown(video)
		does(video)
		if _, ok := w.counts(video); !ok {
			t.Errorf("a video that was %s is not known", what)
		}
	}
}

func TestAnEmptyBatchIsAnsweredWithAnEmptyMap(t *testing.T) {
	t.Parallel()
	w := world(t)
	w.metadata([]string{}...).is(obj{"videos": obj{}})
	w.user().post("/v1/ai/jobs/batch-status", obj{"job_ids": []string{}}).want(200).is(obj{"jobs": obj{}})
	w.user().post("/v1/notifications/batch-status", obj{"notification_ids": []string{}}).want(200).
		is(obj{"notifications": obj{}, "unread_count": 0})
}

func TestAnswersAreKeyedByTheSpellingThatWasSent(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := "abcdef00-" + newID()[9:]
	capitals, mixed := strings.ToUpper(video), "AbcDef00"+video[8:]
	w.user().views(mixed)
	one := obj{"view_count": 1, "like_count": 0, "comment_count": 0, "remix_count": 0, "glitch_count": 0}
	w.metadata(capitals).is(obj{"videos": obj{capitals: one}})
	w.metadata(video, capitals, mixed, capitals, video).is(obj{"videos": obj{video: one, capitals: one, mixed: one}})
	w.anonymous().get("/v1/videos/batch-metadata?ids=" + capitals + "," + video).want(200).
		is(obj{"videos": obj{video: one, capitals: one}})
}

func TestATrailingSlashChangesNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	w.user().put("/v1/videos/"+video+"/like/", nil).want(202)
	w.anonymous().post("/v1/videos/batch-metadata/", obj{"video_ids": []string{video}}).want(200)
	w.wantCounts(video, counts{Likes: 1})
}

// TestALargestBatchIsAnswered: as many IDs as a batch may have, in a body and in
// an address, beside the headers that a browser sends.
func TestALargestBatchIsAnswered(t *testing.T) {
	t.Parallel()
	w := world(t)
	ids := newIDs(1000)
	w.user().views(ids[0])
	w.user().views(ids[999])
	one := obj{"view_count": 1, "like_count": 0, "comment_count": 0, "remix_count": 0, "glitch_count": 0}
	want := obj{"videos": obj{ids[0]: one, ids[999]: one}}
	anyone := w.anonymous()
	anyone.post("/v1/videos/batch-metadata", obj{"video_ids": ids}).want(200).is(want)
	for _, comma := range []string{",", "%2C"} {
		path := "/v1/videos/batch-metadata?ids=" + strings.Join(ids, comma)
		first := anyone.get(path, "Cookie", strings.Repeat("c", 4<<10)).want(200).is(want)
		anyone.get(path, "If-None-Match", first.Header.Get("Etag")).want(304)
		since := "&since=" + first.Header.Get("Tidemark-Position")
		anyone.get(path + since).want(200).is(obj{"videos": obj{}})
		anyone.get(path + comma + newID() + since).want(422)
	}
}

var strongTag = regexp.MustCompile(`^"[^"]+"$`)

func TestGetMetadataIsConditional(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, anyone, video, other := w.user(), w.anonymous(), newID(), newID()
	user.views(video)
	path := "/v1/videos/batch-metadata?ids=" + video + "," + other
	first := anyone.get(path).want(200)
	tag := first.Header.Get("Etag")
	if !strongTag.MatchString(tag) {
		t.Fatalf("ETag is %s, want a strong one", tag)
	}
	again := anyone.get(path, "If-None-Match", tag).want(304)
	if got := again.Header.Get("Etag"); got != tag {
		t.Errorf("the 304 has ETag %s, want %s", got, tag)
	}
	anyone.get(path, "If-None-Match", `"another", `+tag).want(304)
	anyone.get(path, "If-None-Match", `"another"`).want(200)
	// The tag stands for the answer: another order of IDs is another answer.
	anyone.get("/v1/videos/batch-metadata?ids="+video, "If-None-Match", tag).want(200)
	user.likes(video)
	changed := anyone.get(path, "If-None-Match", tag).want(200)
	if changed.Header.Get("Etag") == tag {
		t.Error("the ETag stays when a counter changes")
	}
	w.admin().deletesVideos(video)
	anyone.get(path, "If-None-Match", changed.Header.Get("Etag")).want(200).is(obj{"videos": obj{}})
}

func TestSinceNamesWhatChanged(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(w *World, since string, ids ...string) *Answer{
		"POST": func(w *World, since string, ids ...string) *Answer {
			return w.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": ids, "since": since}).want(200)
		},
		"GET": func(w *World, since string, ids ...string) *Answer {
			return w.anonymous().get("/v1/videos/batch-metadata?ids=" + strings.Join(ids, ",") + "&since=" + since).want(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world(t)
			user, admin := w.user(), w.admin()
			a, b, c := newID(), newID(), newID()
			for _, video := range []string{a, b, c} {
				user.publishes(video)
			}
			start := w.metadata(a, b, c).Header.Get("Tidemark-Position")
			quiet := ask(w, start, a, b, c).is(obj{"videos": obj{}})

			user.likes(b)
			liked := obj{"view_count": 0, "like_count": 1, "comment_count": 0, "remix_count": 0, "glitch_count": 0}
			ask(w, start, a, b, c).is(obj{"videos": obj{b: liked}})
			ask(w, quiet.Header.Get("Tidemark-Position"), a, b, c).is(obj{"videos": obj{b: liked}})

			admin.deletesVideos(c)
			upper := strings.ToUpper(c)
			answer := ask(w, start, a, b, upper).has(obj{"videos": obj{b: liked}, "removed": []string{upper}})
			ask(w, answer.Header.Get("Tidemark-Position"), a, b, c).is(obj{"videos": obj{}})

			admin.restoresVideos(c)
			ask(w, answer.Header.Get("Tidemark-Position"), a, b, c).is(obj{"videos": obj{c: noCounts}})
		})
	}
}

func TestSinceACommandsPositionLeavesTheCommandOut(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	position := w.user().views(video).text("position")
	w.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{video}, "since": position}).
		want(200).is(obj{"videos": obj{}})
}

func TestAPositionOfAnotherLogResetsSince(t *testing.T) {
	t.Parallel()
	other := worldOf(t, start(t))
	position := other.user().views(newID()).text("position")
	w := world(t)
	video := newID()
	w.user().publishes(video)
	full := obj{"videos": obj{video: noCounts}, "reset": true}
	w.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{video}, "since": position}).want(200).is(full)
	w.anonymous().get("/v1/videos/batch-metadata?ids=" + video + "&since=" + position).want(200).is(full)

	refused := w.anonymous().get("/v1/videos/batch-metadata?ids="+video, "Tidemark-After", position).want(412)
	if refused.problem().Type == "" {
		t.Error("the 412 has no type")
	}
	w.user().put("/v1/videos/"+video+"/like", nil, "Tidemark-After", position).want(412)
	w.wantCounts(video, counts{})
}

func TestPacesAskedOfPollers(t *testing.T) {
	t.Parallel()
	w := world(t)
	if pace := w.metadata(newID()).Header.Get("Tidemark-Poll-After"); pace != "5" {
		t.Errorf("Tidemark-Poll-After of metadata is %s, want 5", pace)
	}
	status := w.user().post("/v1/ai/jobs/batch-status", obj{"job_ids": newIDs(1)}).want(200)
	if pace := status.Header.Get("Tidemark-Poll-After"); pace != "2" {
		t.Errorf("Tidemark-Poll-After of jobs is %s, want 2", pace)
	}
}

func TestLargeAnswersMayBeCompressedAndBodiesToo(t *testing.T) {
	t.Parallel()
	w := world(t)
	ids := newIDs(50)
	events := make([]obj, len(ids))
	for i, id := range ids {
		events[i] = event("video.published", obj{"video_id": id})
	}
	w.service().feeds(events...)
	body := gzipped(mustJSON(obj{"video_ids": ids}))
	plain := w.anonymous().post("/v1/videos/batch-metadata", body, "Content-Encoding", "gzip").want(200)
	packed := w.anonymous().post("/v1/videos/batch-metadata", body, "Content-Encoding", "gzip", "Accept-Encoding", "gzip").want(200)
	if packed.Header.Get("Content-Encoding") == "gzip" {
		packed.Body = gunzipped(t, packed.Body)
	}
	if !slices.Equal(plain.Body, packed.Body) {
		t.Errorf("packed and plain differ:\n%s\n%s", clip(string(packed.Body)), clip(string(plain.Body)))
	}
	if n := len(plain.object()["videos"].(obj)); n != len(ids) {
		t.Errorf("%d videos, want %d", n, len(ids))
	}
}

func TestCompressionIsForThoseWhoAcceptIt(t *testing.T) {
	t.Parallel()
	w := world(t)
	ids := newIDs(100)
	events := make([]obj, len(ids))
	for i, id := range ids {
		events[i] = event("video.published", obj{"video_id": id})
	}
	w.service().feeds(events...)
	for _, accept := range []string{"identity", "gzip;q=0", "br", "*;q=0", ""} {
		answer := w.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": ids}, "Accept-Encoding", accept).want(200)
		if coding := answer.Header.Get("Content-Encoding"); coding != "" {
			t.Errorf("Accept-Encoding %q gets Content-Encoding %q", accept, coding)
		}
	}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	w.user().views(video)
	path := "/v1/videos/batch-metadata?ids=" + video
	get, head := w.anonymous().get(path).want(200), w.anonymous().do("HEAD", path, nil).want(200)
	if len(head.Body) > 0 {
		t.Errorf("HEAD has the body %s", head.Body)
	}
	if head.Header.Get("Etag") != get.Header.Get("Etag") {
		t.Errorf("HEAD has ETag %s, GET %s", head.Header.Get("Etag"), get.Header.Get("Etag"))
	}
}
