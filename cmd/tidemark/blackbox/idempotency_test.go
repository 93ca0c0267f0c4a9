package blackbox

import (
	"strings"
	"sync"
	"testing"
)

// keyed is a command under an Idempotency-Key whose effect shows if it is
// done twice.
type keyed struct {
	name     string
	who      func(*World) *Caller
	path     string
	body     any
	other    any // another request under the same key
	media    string
	repeated func(*World, *Caller)
}

func keyedCommands() []keyed {
	viewed, sentTo, blocked, deleted, fed := newID(), newID(), newID(), newID(), newID()
	note := func(user string) any {
		return obj{"notifications": []obj{{"user_id": user, "category": "c"}}}
	}
	return []keyed{
		{
			name: "a view", who: (*World).user, path: "/v1/videos/" + viewed + "/views", other: "{}",
			repeated: func(w *World, _ *Caller) { w.wantCounts(viewed, counts{Views: 1}) },
		}, {
			name: "a job without an ID", who: (*World).user, path: "/v1/ai/jobs", body: obj{}, other: obj{"job_id": newID()},
			repeated: func(w *World, c *Caller) {
				if n := len(c.pages("/v1/ai/jobs?limit=9", "jobs")); n != 1 {
					w.t.Errorf("%d jobs, want 1", n)
				}
			},
		}, {
			name: "notifications without IDs", who: (*World).service, path: "/v1/notifications", body: note(sentTo), other: note(newID()),
			repeated: func(w *World, _ *Caller) {
				(&Caller{w: w, ID: sentTo, token: mint(sentTo)}).wantUnread(1)
			},
		}, {
			name: "blocks", who: (*World).user, path: "/v1/blocks/batch", body: obj{"user_ids": []string{blocked}}, other: obj{"user_ids": newIDs(1)},
			repeated: func(w *World, c *Caller) {
				wantColumn(w.t, c.pages("/v1/blocks?limit=9", "blocks"), "user_id", blocked)
			},
		}, {
			name: "a delete", who: (*World).admin, path: "/v1/admin/videos/batch-delete",
			body:  obj{"video_ids": []string{deleted}, "reason": "r"},
			other: obj{"video_ids": []string{deleted}, "reason": "another"},
			repeated: func(w *World, c *Caller) {
				if n := len(c.pages("/v1/admin/audit?limit=9&actor="+c.ID, "entries")); n != 1 {
					w.t.Errorf("%d audit entries, want 1", n)
				}
			},
		}, {
			name: "a verification", who: (*World).admin, path: "/v1/admin/replay/verify", body: obj{}, other: obj{"events_per_second": 1 << 20},
			repeated: func(w *World, c *Caller) {
				verified := 0
				for _, r := range c.get("/v1/admin/replay/runs").want(200).list("runs") {
					if r["kind"] == "verify" {
						verified++
					}
				}
				if verified != 1 {
					w.t.Errorf("%d verifications, want 1", verified)
				}
			},
		}, {
			name: "events", who: (*World).service, path: "/v1/events", media: cloudEvents,
			body:     []obj{event("video.viewed", obj{"video_id": fed}), {"bad": true}},
			other:    []obj{event("video.viewed", obj{"video_id": fed})},
			repeated: func(w *World, _ *Caller) { w.wantCounts(fed, counts{Views: 1}) },
		},
	}
}

func (k keyed) send(c *Caller, body any, key string) *Answer {
	c.w.t.Helper()
	media := k.media
	if media == "" {
		media = "application/json"
	}
	return c.post(k.path, body, "Idempotency-Key", key, "Content-Type", media)
}

func TestAKeyedCommandHasOneEffectAndOneAnswer(t *testing.T) {
	t.Parallel()
	s := start(t)
	type run struct {
		keyed
		caller *Caller
		first  *Answer
	}
	var runs []run
	const key = "!tap-7~"
	check := func(w *World, r run) {
		caller := r.caller.with(w)
		again := r.send(caller, r.body, key).want(r.first.Status)
		if string(again.Body) != string(r.first.Body) {
			w.t.Errorf("%s: the repeat is answered\n%s\nfirst it was\n%s", r.name, again.Body, r.first.Body)
		}
		r.send(caller, r.other, key).want(422)
		r.repeated(w, caller)
	}
	w := worldOf(t, s)
	for _, k := range keyedCommands() {
		r := run{keyed: k, caller: k.who(w)}
		r.first = k.send(r.caller, k.body, key).wantOneOf(200, 202)
		check(w, r)
		runs = append(runs, r)
	}
	s.Stop(t)
	s.Restart(t)
	for _, r := range runs {
		check(worldOf(t, s), r)
	}
	s.Kill()
	s.Restart(t)
	for _, r := range runs {
		check(worldOf(t, s), r)
	}
}

func TestAnotherPathUnderTheSameKeyIsRefused(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, a, b := w.user(), newID(), newID()
	user.put("/v1/videos/"+a+"/like", nil, "Idempotency-Key", "k").want(202)
	user.put("/v1/videos/"+b+"/like", nil, "Idempotency-Key", "k").want(422)
	user.do("DELETE", "/v1/videos/"+a+"/like", nil, "Idempotency-Key", "k").want(422)
	w.wantCounts(a, counts{Likes: 1})
	w.wantUnknown(b)
}

func TestKeysBelongToTheirSubject(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	for range 2 {
		w.user().post("/v1/videos/"+video+"/views", nil, "Idempotency-Key", "shared").want(202)
	}
	w.wantCounts(video, counts{Views: 2})
}

func TestManyAtOnceUnderOneKeyHaveOneEffect(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, video := w.user(), newID()
	path := "/v1/videos/" + video + "/views"
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			a, err := user.try("POST", path, nil, "Idempotency-Key", "once")
			if err != nil {
				t.Error(err)
			} else if a.Status != 202 && a.Status != 409 {
				t.Errorf("status %d, want 202 or 409: %s", a.Status, a.Body)
			}
		})
	}
	group.Wait()
	user.post(path, nil, "Idempotency-Key", "once").want(202)
	w.wantCounts(video, counts{Views: 1})
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, video := w.user(), newID()
	path := "/v1/videos/" + video + "/views"
	for name, key := range map[string]string{
		"empty": "", "256 characters": strings.Repeat("k", 256), "300 characters": strings.Repeat("k", 300),
		"a space inside": "a b", "not ASCII": "clé", "a tab inside": "a\tb",
	} {
		if a := user.post(path, nil, "Idempotency-Key", key); a.Status != 422 {
			t.Errorf("%s: status %d, want 422", name, a.Status)
		}
	}
	user.post(path, nil, "Idempotency-Key", "a", "Idempotency-Key", "a").want(422)
	w.wantUnknown(video)
	user.post(path, nil, "Idempotency-Key", strings.Repeat("k", 255)).want(202)
	w.wantCounts(video, counts{Views: 1})
}

func TestARepeatIsAnsweredAsItWasWhateverHappenedSince(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, admin, service, video, comment := w.user(), w.admin(), w.service(), newID(), newID()
	job := user.createsJob()
	commands := []struct {
		caller       *Caller
		method, path string
		body         any
	}{
		{user, "POST", "/v1/ai/jobs/" + job + "/cancel", nil},
		{user, "PUT", "/v1/videos/" + video + "/like", nil},
		{user, "POST", "/v1/videos/" + video + "/views", nil},
		{user, "PUT", itemPath(video, "comments", comment), nil},
		{user, "DELETE", itemPath(video, "comments", comment), nil},
		{user, "POST", "/v1/notifications/batch-mark-read", obj{"all": true}},
		{service, "PATCH", "/v1/ai/jobs/" + job, obj{"progress": 7}},
		{service, "POST", "/v1/ai/jobs/batch-update", obj{"updates": []obj{{"job_id": job, "progress": 8}}}},
		{admin, "POST", "/v1/admin/videos/batch-delete", obj{"video_ids": []string{video}, "reason": "r"}},
	}
	key := func(i int) []string { return []string{"Idempotency-Key", "key-" + hex(byte(i))} }
	first := make([]*Answer, len(commands))
	for i, c := range commands {
		first[i] = c.caller.do(c.method, c.path, c.body, key(i)...).wantOneOf(200, 202)
	}
	for i, c := range commands { // the job is final by now, and the video deleted
		again := c.caller.do(c.method, c.path, c.body, key(i)...).want(first[i].Status)
		if string(again.Body) != string(first[i].Body) {
			t.Errorf("%s %s: the repeat is answered\n%s\nfirst it was\n%s", c.method, c.path, again.Body, first[i].Body)
		}
	}
	user.post("/v1/ai/jobs/"+job+"/cancel", nil).want(409)
	user.put("/v1/videos/"+video+"/like", nil).want(410)
}

func TestARefusalUnderAKeyHasNoEffectEither(t *testing.T) {
	t.Parallel()
	w := world(t)
	author, other, video, comment := w.user(), w.user(), newID(), newID()
	author.adds(video, "comments", comment)
	for range 2 {
		other.put(itemPath(video, "comments", comment), nil, "Idempotency-Key", "k").want(409)
		other.do("DELETE", itemPath(video, "comments", comment), nil, "Idempotency-Key", "l").want(403)
		other.post("/v1/ai/jobs/"+newID()+"/cancel", nil, "Idempotency-Key", newID()).want(404)
	}
	w.wantCounts(video, counts{Comments: 1})
}
