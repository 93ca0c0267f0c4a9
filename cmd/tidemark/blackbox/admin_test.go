package blackbox

import (
	"strings"
	"testing"
	"time"
)

func TestDeleteAndRestoreReportEachOutcome(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, admin, a, b := w.user(), w.admin(), newID(), newID()
	user.publishes(a)
	admin.deletesVideos(a).has(obj{"deleted_count": 1, "success": true, "results": obj{a: "deleted"}})
	// A video that nobody has seen can be deleted too.
	upper := strings.ToUpper(b)
	admin.deletesVideos(a, b, upper).has(obj{"deleted_count": 1, "results": obj{a: "already_deleted", b: "deleted", upper: "deleted"}})
	user.post("/v1/videos/"+b+"/views", nil).want(410)
	admin.restoresVideos(a, b).has(obj{"restored_count": 2, "success": true, "results": obj{a: "restored", b: "restored"}})
	admin.restoresVideos(a).has(obj{"restored_count": 0, "results": obj{a: "not_deleted"}})
	w.wantCounts(a, counts{})
}

func TestARestoreIsExact(t *testing.T) {
	t.Parallel()
	w := world(t)
	alice, bob, admin, service := w.user(), w.user(), w.admin(), w.service()
	video, comment := newID(), newID()
	alice.views(video)
	alice.likes(video)
	alice.adds(video, "comments", comment)
	admin.deletesVideos(video)
	w.wantUnknown(video)
	// Late events reach the log all the same.
	late := time.Now().Add(-time.Minute)
	service.feeds(
		eventAt("video.viewed", late, obj{"video_id": video, "user_id": bob.ID}),
		eventAt("video.liked", late, obj{"video_id": video, "user_id": bob.ID}),
		event("video.unliked", obj{"video_id": video, "user_id": alice.ID}),
		event("comment.deleted", obj{"video_id": video, "comment_id": comment}),
		eventAt("remix.created", late, obj{"video_id": video, "remix_id": newID()}),
		eventAt("glitch.created", late, obj{"video_id": video, "glitch_id": newID()}),
	)
	w.wantUnknown(video)
	admin.restoresVideos(video)
	w.wantCounts(video, counts{Views: 2, Likes: 1, Remixes: 1, Glitches: 1})
}

func TestABadBatchIsRefusedWhole(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, video := w.admin(), newID()
	w.user().publishes(video)
	for name, body := range map[string]string{
		"no reason":      `{"video_ids":["` + video + `"]}`,
		"empty reason":   `{"video_ids":["` + video + `"],"reason":""}`,
		"long reason":    `{"video_ids":["` + video + `"],"reason":"` + strings.Repeat("é", 501) + `"}`,
		"no list":        `{"reason":"r"}`,
		"empty list":     `{"video_ids":[],"reason":"r"}`,
		"one bad ID":     `{"video_ids":["` + video + `","x"],"reason":"r"}`,
		"null reason":    `{"video_ids":["` + video + `"],"reason":null}`,
		"dry_run text":   `{"video_ids":["` + video + `"],"reason":"r","dry_run":"yes"}`,
		"unknown member": `{"video_ids":["` + video + `"],"reason":"r","is_admin":true}`,
	} {
		if a := admin.post("/v1/admin/videos/batch-delete", body); a.Status != 422 {
			t.Errorf("%s: status %d, want 422: %s", name, a.Status, a.Body)
		}
	}
	w.wantCounts(video, counts{})
	longest := strings.Repeat("é", 500)
	admin.post("/v1/admin/videos/batch-delete", obj{"video_ids": []string{video}, "reason": longest}).want(200)
	w.wantUnknown(video)
}

func TestABatchOfAThousandIsDeletedWhole(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, ids := w.admin(), newIDs(1000)
	admin.deletesVideos(ids...).has(obj{"deleted_count": 1000})
	admin.deletesVideos(ids...).has(obj{"deleted_count": 0})
	admin.post("/v1/admin/videos/batch-restore", obj{"video_ids": append(ids, newID()), "reason": "r"}).want(422)
	admin.deletesVideos(ids[0]).has(obj{"deleted_count": 0})
}

func TestDryRunsSayWhatWouldBeAndChangeNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, user := w.admin(), w.user()
	live, gone, liked := newID(), newID(), newID()
	user.views(live)
	admin.deletesVideos(gone)
	dry := func(path string, body obj) *Answer {
		body["reason"], body["dry_run"] = "just asking", true
		return admin.post("/v1/admin/"+path, body).want(200).has(obj{"dry_run": true, "success": true})
	}
	both := []string{live, gone}
	for range 2 {
		dry("videos/batch-delete", obj{"video_ids": both}).
			has(obj{"deleted_count": 1, "results": obj{live: "deleted", gone: "already_deleted"}})
		dry("videos/batch-restore", obj{"video_ids": both}).
			has(obj{"restored_count": 1, "results": obj{live: "not_deleted", gone: "restored"}})
	}
	w.wantCounts(live, counts{Views: 1})
	w.wantUnknown(gone)

	user.likes(live)
	user.likes(liked)
	user.adds(liked, "comments", newID())
	user.adds(liked, "comments", newID())
	user.adds(live, "remixes", newID())
	user.adds(live, "glitches", newID())
	dry("users/batch-block", obj{"user_ids": []string{user.ID}, "retract": true}).has(obj{
		"blocked_count": 1, "results": obj{user.ID: "blocked"},
		"would_retract": obj{"likes": 2, "comments": 2, "remixes": 1, "glitches": 1, "videos": 2},
	})
	dry("users/batch-unblock", obj{"user_ids": []string{user.ID}}).
		has(obj{"unblocked_count": 0, "results": obj{user.ID: "not_blocked"}})
	w.wantCounts(liked, counts{Likes: 1, Comments: 2})
	user.views(live) // and is not blocked

	trail := admin.pages("/v1/admin/audit?limit=200&actor="+admin.ID, "entries")
	if len(trail) != 1 {
		t.Errorf("%d audit entries, want that of the one true delete: %v", len(trail), trail)
	}
}

func TestABlockedAccountCannotCommand(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, spammer, video, comment := w.admin(), w.user(), newID(), newID()
	spammer.likes(video)
	spammer.adds(video, "comments", comment)
	job := spammer.createsJob()
	admin.blocksAccounts(false, spammer.ID).has(obj{"blocked_count": 1, "success": true, "results": obj{spammer.ID: "blocked"}})
	admin.blocksAccounts(false, spammer.ID).has(obj{"blocked_count": 0, "results": obj{spammer.ID: "already_blocked"}})
	for _, try := range []func() *Answer{
		func() *Answer { return spammer.post("/v1/videos/"+video+"/views", nil) },
		func() *Answer { return spammer.put("/v1/videos/"+video+"/like", nil) },
		func() *Answer { return spammer.delete("/v1/videos/" + video + "/like") },
		func() *Answer { return spammer.put(itemPath(video, "comments", newID()), nil) },
		func() *Answer { return spammer.delete(itemPath(video, "comments", comment)) },
		func() *Answer { return spammer.post("/v1/videos", obj{"video_id": newID()}) },
		func() *Answer { return spammer.post("/v1/ai/jobs", obj{}) },
		func() *Answer { return spammer.post("/v1/ai/jobs/"+job+"/cancel", nil) },
		func() *Answer { return spammer.post("/v1/blocks/batch", obj{"user_ids": newIDs(1)}) },
		func() *Answer { return spammer.post("/v1/notifications/batch-mark-read", obj{"all": true}) },
	} {
		try().want(403)
	}
	// Reading goes on, and without retract the counters stay.
	spammer.wantJob(job, nil)
	w.wantCounts(video, counts{Likes: 1, Comments: 1})
	admin.unblocksAccounts(spammer.ID).has(obj{"unblocked_count": 1, "success": true, "results": obj{spammer.ID: "unblocked"}})
	admin.unblocksAccounts(spammer.ID).has(obj{"unblocked_count": 0, "results": obj{spammer.ID: "not_blocked"}})
	spammer.views(video)
	w.wantCounts(video, counts{Views: 1, Likes: 1, Comments: 1})
}

func TestARetractTakesBackAndAnUnblockGivesBack(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, spammer, honest, service, video := w.admin(), w.user(), w.user(), w.service(), newID()
	for _, user := range []*Caller{spammer, honest} {
		user.views(video)
		user.likes(video)
		for kind := range kinds {
			user.adds(video, kind, newID())
		}
	}
	full, kept := counts{2, 2, 2, 2, 2}, counts{2, 1, 1, 1, 1}
	w.wantCounts(video, full)
	admin.blocksAccounts(false, spammer.ID)
	w.wantCounts(video, full)
	admin.blocksAccounts(true, spammer.ID).has(obj{"results": obj{spammer.ID: "updated"}})
	w.wantCounts(video, kept)
	// What reaches the log later stays out too.
	service.feeds(
		event("comment.created", obj{"video_id": video, "comment_id": newID(), "author_id": spammer.ID}),
		event("video.liked", obj{"video_id": video, "user_id": spammer.ID}),
		event("glitch.created", obj{"video_id": video, "glitch_id": newID(), "author_id": spammer.ID}),
	)
	w.wantCounts(video, kept)
	admin.blocksAccounts(false, spammer.ID).has(obj{"results": obj{spammer.ID: "updated"}})
	full.Comments++
	full.Glitches++
	w.wantCounts(video, full)
	admin.blocksAccounts(true, spammer.ID)
	w.wantCounts(video, kept)
	admin.unblocksAccounts(spammer.ID)
	w.wantCounts(video, full)
}

func TestARetractShowsInSincePolls(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, spammer, video := w.admin(), w.user(), newID()
	spammer.likes(video)
	start := w.metadata(video).Header.Get("Tidemark-Position")
	admin.blocksAccounts(true, spammer.ID)
	answer := w.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{video}, "since": start}).want(200)
	answer.is(obj{"videos": obj{video: noCounts}})
}

func TestTheAuditNamesWhoDidWhatWhenAndWhy(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, a, b, spammer := w.admin(), newID(), newID(), newID()
	admin.deletesVideos(a, b)
	admin.deletesVideos(a)
	admin.restoresVideos(b)
	admin.blocksAccounts(true, spammer)
	admin.unblocksAccounts(spammer)
	trail := admin.pages("/v1/admin/audit?limit=2&actor="+admin.ID, "entries")
	wantColumn(t, trail, "reason", "was human", "bot farm", "appeal granted", "spam", "spam")
	for _, entry := range trail {
		wantTime(t, "at", entry["at"])
		if entry["actor"] != admin.ID || entry["outcome"] == nil {
			t.Errorf("entry %v", entry)
		}
		for _, name := range []string{"action", "position"} {
			if text, _ := entry[name].(string); text == "" {
				t.Errorf("entry without %s: %v", name, entry)
			}
		}
	}
	if got := canonical(trail[4]["targets"]); got != canonical([]string{a, b}) {
		t.Errorf("targets %s, want both videos", got)
	}
	action := trail[3]["action"].(string)
	if trail[4]["action"] != action || trail[2]["action"] == action {
		t.Errorf("actions %v", column(trail, "action"))
	}
	some := admin.pages("/v1/admin/audit?limit=200&actor="+admin.ID+"&action="+action, "entries")
	wantColumn(t, some, "reason", "spam", "spam")
	if none := admin.pages("/v1/admin/audit?limit=200&actor="+newID(), "entries"); len(none) != 0 {
		t.Errorf("a stranger's trail: %v", none)
	}
	w.user().get("/v1/admin/audit").want(403)
	w.service().get("/v1/admin/audit").want(403)
	admin.get("/v1/admin/audit?actor=me").want(422)
}
