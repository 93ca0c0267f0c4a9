package blackbox

import (
	"strings"
	"testing"
	"time"
)

func TestEventsOfEveryTypeAreFolded(t *testing.T) {
	t.Parallel()
	w := world(t)
	alice, bob, gateway := w.user(), w.user(), w.caller("service", "admin")
	video, gone, back, job := newID(), newID(), newID(), newID()
	comment, remix, glitch := newID(), newID(), newID()
	first, second, third := newID(), newID(), newID()
	admin := gateway.ID
	gateway.feeds(
		event("video.published", obj{"video_id": video, "author_id": alice.ID}),
		event("video.viewed", obj{"video_id": video}),
		event("video.viewed", obj{"video_id": video, "user_id": bob.ID}),
		event("video.liked", obj{"video_id": video, "user_id": alice.ID}),
		event("video.liked", obj{"video_id": video, "user_id": bob.ID}),
		event("video.unliked", obj{"video_id": video, "user_id": bob.ID}),
		event("comment.created", obj{"video_id": video, "comment_id": comment, "author_id": alice.ID}),
		event("comment.created", obj{"video_id": video, "comment_id": newID()}),
		event("comment.deleted", obj{"video_id": video, "comment_id": comment}),
		event("remix.created", obj{"video_id": video, "remix_id": remix}),
		event("remix.deleted", obj{"video_id": video, "remix_id": remix}),
		event("remix.created", obj{"video_id": video, "remix_id": newID()}),
		event("glitch.created", obj{"video_id": video, "glitch_id": glitch}),
		event("glitch.deleted", obj{"video_id": video, "glitch_id": newID(), "author_id": alice.ID}),
		event("counter.baseline", obj{"video_id": video, "source": "old app", "view_count": 1000, "like_count": 7}),
		event("video.published", obj{"video_id": gone}),
		event("video.deleted", obj{"video_id": gone, "reason": "spam", "admin_id": admin}),
		event("video.deleted", obj{"video_id": back, "reason": "spam", "admin_id": admin}),
		event("video.viewed", obj{"video_id": back}),
		event("video.restored", obj{"video_id": back, "reason": "appeal", "admin_id": admin}),
		event("job.updated", obj{"job_id": job, "status": "processing", "progress": 40}),
		event("job.created", obj{"job_id": job, "owner_id": alice.ID}),
		event("notification.sent", obj{"notification_id": first, "user_id": alice.ID, "category": "a", "payload": obj{"k": 1}}),
		event("notification.sent", obj{"notification_id": second, "user_id": alice.ID, "category": "b"}),
		event("notification.read", obj{"user_id": alice.ID, "notification_ids": []string{first}}),
		event("notification.read", obj{"user_id": alice.ID, "category": "b"}),
		event("notification.sent", obj{"notification_id": third, "user_id": alice.ID, "category": "b"}),
		event("user.blocked", obj{"user_id": alice.ID, "blocked_id": bob.ID}),
		event("notification.sent", obj{"notification_id": newID(), "user_id": alice.ID, "category": "b", "actor_id": bob.ID}),
	)
	w.wantCounts(video, counts{Views: 1002, Likes: 8, Comments: 1, Remixes: 1, Glitches: 1})
	w.wantUnknown(gone)
	w.wantCounts(back, counts{Views: 1})
	alice.wantJob(job, obj{"status": "processing", "progress": 40})
	alice.wantUnread(1)
	wantColumn(t, alice.pages("/v1/notifications?unread=true", "notifications"), "notification_id", third)
	wantColumn(t, alice.pages("/v1/blocks?limit=5", "blocks"), "user_id", bob.ID)

	gateway.feeds(
		event("user.unblocked", obj{"user_id": alice.ID, "blocked_id": bob.ID}),
		event("notification.read", obj{"user_id": alice.ID, "all": true}),
		event("account.blocked", obj{"user_id": alice.ID, "reason": "bot", "retract": true, "admin_id": admin}),
	)
	wantColumn(t, alice.pages("/v1/blocks?limit=5", "blocks"), "user_id")
	alice.wantUnread(0)
	w.wantCounts(video, counts{Views: 1002, Likes: 7, Comments: 1, Remixes: 1, Glitches: 1})
	alice.put("/v1/videos/"+video+"/like", nil).want(403)
	gateway.feeds(event("account.unblocked", obj{"user_id": alice.ID, "reason": "human", "retract": false, "admin_id": admin}))
	w.wantCounts(video, counts{Views: 1002, Likes: 8, Comments: 1, Remixes: 1, Glitches: 1})
}

func TestRepeatedEventsCountOnce(t *testing.T) {
	t.Parallel()
	w := world(t)
	service, video := w.service(), newID()
	view := event("video.viewed", obj{"video_id": video})
	service.ingests(view, view).has(obj{"accepted": 1, "duplicates": 1, "rejected": []any{}})
	service.ingests(view).has(obj{"accepted": 0, "duplicates": 1, "rejected": []any{}})
	w.wantCounts(video, counts{Views: 1})
	// The same moment in another spelling is the same event.
	view["time"] = strings.Replace(view["time"].(string), "Z", "+00:00", 1)
	service.ingests(view).has(obj{"accepted": 0, "duplicates": 1})
	// The same id of another source is another event.
	view["source"] = "/elsewhere"
	service.feeds(view)
	w.wantCounts(video, counts{Views: 2})
}

func TestWhatHasANaturalKeyCountsOnceUnderManyEventIDs(t *testing.T) {
	t.Parallel()
	w := world(t)
	service, user, video := w.service(), w.user(), newID()
	comment, remix, glitch, note, job := newID(), newID(), newID(), newID(), newID()
	for range 3 {
		service.ingests(
			event("video.liked", obj{"video_id": video, "user_id": user.ID}),
			event("comment.created", obj{"video_id": video, "comment_id": comment}),
			event("remix.created", obj{"video_id": video, "remix_id": remix}),
			event("glitch.created", obj{"video_id": video, "glitch_id": glitch}),
			event("notification.sent", obj{"notification_id": note, "user_id": user.ID, "category": "c"}),
			event("job.created", obj{"job_id": job, "owner_id": user.ID}),
		).has(obj{"rejected": []any{}})
	}
	w.wantCounts(video, counts{Likes: 1, Comments: 1, Remixes: 1, Glitches: 1})
	user.wantUnread(1)
	wantColumn(t, user.pages("/v1/ai/jobs?limit=5", "jobs"), "job_id", job)
}

func TestOrderOfEventsIsByTheirTimeWhereTheContractSaysSo(t *testing.T) {
	t.Parallel()
	w := world(t)
	service, user, blocked, video := w.service(), w.user(), newID(), newID()
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	pair, block := obj{"video_id": video, "user_id": user.ID}, obj{"user_id": user.ID, "blocked_id": blocked}
	comment := newID()
	service.feeds(
		eventAt("video.unliked", ago(time.Hour), pair),
		eventAt("video.liked", ago(2*time.Hour), pair),
		eventAt("user.blocked", ago(time.Hour), block),
		eventAt("user.unblocked", ago(2*time.Hour), block),
		eventAt("comment.deleted", ago(2*time.Hour), obj{"video_id": video, "comment_id": comment}),
		eventAt("comment.created", ago(time.Hour), obj{"video_id": video, "comment_id": comment}),
	)
	w.wantCounts(video, counts{})
	wantColumn(t, user.pages("/v1/blocks?limit=5", "blocks"), "user_id", blocked)
	service.feeds(eventAt("video.liked", ago(time.Hour), pair)) // at equal times the later in the log
	w.wantCounts(video, counts{Likes: 1})
}

func TestBaselinesAreAddedPerSource(t *testing.T) {
	t.Parallel()
	w := world(t)
	service, video := w.service(), newID()
	baseline := func(source string, views int) obj {
		return event("counter.baseline", obj{"video_id": video, "source": source, "view_count": views})
	}
	service.feeds(baseline("old app", 100), baseline("older app", 20))
	w.user().views(video)
	w.wantCounts(video, counts{Views: 121})
	service.feeds(baseline("old app", 50)) // of two of one source the later in the log wins
	w.wantCounts(video, counts{Views: 71})
}

func TestEventsOfAnyPastAreTaken(t *testing.T) {
	t.Parallel()
	w := world(t)
	service, user, video := w.service(), newID(), newID()
	long := eventAt("video.liked", time.Now(), obj{"video_id": video, "user_id": user})
	long["time"] = "0001-01-01T00:00:00Z"
	service.feeds(long, eventAt("video.viewed", time.Now().Add(4*time.Minute), obj{"video_id": video}))
	w.wantCounts(video, counts{Views: 1, Likes: 1})
	w.user().likes(video)
	w.wantCounts(video, counts{Views: 1, Likes: 2})
}

func TestExtensionAttributesAreDropped(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	view := event("video.viewed", obj{"video_id": video})
	view["traceparent"], view["sequence"], view["datacontenttype"], view["subject"] = "00-ab-cd-01", 7, "application/json", "x"
	w.service().feeds(view)
	w.wantCounts(video, counts{Views: 1})
}

func TestWrongEventsAreNamedAndLeftOut(t *testing.T) {
	t.Parallel()
	w := world(t)
	service, video := w.service(), newID()
	id, user := newID(), newID()
	view := func(change obj) obj {
		e := event("video.viewed", obj{"video_id": video})
		for name, value := range change {
			if e[name] = value; value == nil {
				delete(e, name)
			}
		}
		return e
	}
	wrong := map[string]obj{
		"no type":              view(obj{"type": nil}),
		"unknown type":         view(obj{"type": "video.watched"}),
		"type in capitals":     view(obj{"type": "Video.Viewed"}),
		"no id":                view(obj{"id": nil}),
		"empty id":             view(obj{"id": ""}),
		"long id":              view(obj{"id": strings.Repeat("i", 257)}),
		"id a number":          view(obj{"id": 7}),
		"no source":            view(obj{"source": nil}),
		"long source":          view(obj{"source": strings.Repeat("s", 257)}),
		"no time":              view(obj{"time": nil}),
		"time not RFC 3339":    view(obj{"time": "yesterday"}),
		"time ahead":           view(obj{"time": stamp(time.Now().Add(6 * time.Minute))}),
		"year 9999":            view(obj{"time": "9999-12-31T23:59:59Z"}),
		"no specversion":       view(obj{"specversion": nil}),
		"another specversion":  view(obj{"specversion": "0.3"}),
		"no data":              view(obj{"data": nil}),
		"data a list":          view(obj{"data": []string{video}}),
		"no video":             view(obj{"data": obj{"user_id": user}}),
		"bad UUID":             view(obj{"data": obj{"video_id": "urn:uuid:" + video}}),
		"unknown member":       view(obj{"data": obj{"video_id": video, "count": 5}}),
		"like of nobody":       event("video.liked", obj{"video_id": video}),
		"job progress 101":     event("job.updated", obj{"job_id": id, "progress": 101}),
		"job progress -1":      event("job.updated", obj{"job_id": id, "progress": -1}),
		"job attempt 0":        event("job.updated", obj{"job_id": id, "progress": 1, "attempt": 0}),
		"job without owner":    event("job.created", obj{"job_id": id}),
		"category in capitals": event("notification.sent", obj{"notification_id": id, "user_id": user, "category": "C"}),
		"large payload":        event("notification.sent", obj{"notification_id": id, "user_id": user, "category": "c", "payload": strings.Repeat("p", 4096)}),
		"read nothing":         event("notification.read", obj{"user_id": user}),
		"negative baseline":    event("counter.baseline", obj{"video_id": video, "source": "s", "view_count": -1}),
		"broken baseline":      event("counter.baseline", obj{"video_id": video, "source": "s", "view_count": 1.5}),
		"overflowing baseline": event("counter.baseline", obj{"video_id": video, "source": "s", "view_count": 1e30}),
		"baseline of nothing":  event("counter.baseline", obj{"video_id": video, "source": "s"}),
		"delete without admin": event("video.deleted", obj{"video_id": video, "reason": "r", "admin_id": service.ID}),
		"restore likewise":     event("video.restored", obj{"video_id": video, "reason": "r", "admin_id": service.ID}),
		"block likewise":       event("account.blocked", obj{"user_id": user, "reason": "r", "retract": true, "admin_id": service.ID}),
		"unblock likewise":     event("account.unblocked", obj{"user_id": user, "reason": "r", "retract": true, "admin_id": service.ID}),
	}
	for name, bad := range wrong {
		good := event("video.viewed", obj{"video_id": video})
		answer := service.ingests(good, bad, good)
		rejected := answer.list("rejected")
		if len(rejected) != 1 || canonical(rejected[0]["index"]) != "1" || rejected[0]["detail"] == "" {
			t.Errorf("%s: rejected is %s, want index 1 alone", name, canonical(rejected))
			continue
		}
		if echo := longestEcho(canonical(rejected[0]["detail"]), mustJSON(bad)); echo != "" {
			t.Errorf("%s: the detail repeats %s", name, echo)
		}
		answer.has(obj{"accepted": 1, "duplicates": 1})
	}
	w.wantCounts(video, counts{Views: len(wrong)})
}

func TestAdminIDIsTheTokensSubject(t *testing.T) {
	t.Parallel()
	w := world(t)
	gateway, video := w.caller("service", "admin"), newID()
	gateway.feeds(event("video.published", obj{"video_id": video}))
	forged := event("video.deleted", obj{"video_id": video, "reason": "r", "admin_id": newID()})
	answer := gateway.ingests(forged)
	if rejected := answer.list("rejected"); len(rejected) == 1 {
		w.wantCounts(video, counts{})
		return
	}
	// Taken: then it is the caller who stands in the audit.
	trail := gateway.pages("/v1/admin/audit?limit=5&actor="+gateway.ID, "entries")
	if len(trail) != 1 || trail[0]["actor"] != gateway.ID {
		t.Errorf("the audit says %v, want one entry of %s", trail, gateway.ID)
	}
}

func TestEventsAsNDJSON(t *testing.T) {
	t.Parallel()
	w := world(t)
	service, video := w.service(), newID()
	line := func() string { return mustJSON(event("video.viewed", obj{"video_id": video})) }
	twice := line()
	body := strings.Join([]string{line(), `{"specversion":`, twice, twice, `not JSON`, line()}, "\n") + "\n"
	answer := service.post("/v1/events", body, "Content-Type", "application/x-ndjson").want(200)
	answer.has(obj{"accepted": 3, "duplicates": 1})
	if got := canonical(column(answer.list("rejected"), "index")); got != "[1,4]" {
		t.Errorf("rejected lines %s, want [1,4]", got)
	}
	w.wantCounts(video, counts{Views: 3})

	packed := gzipped(line() + "\n" + line())
	service.post("/v1/events", packed, "Content-Type", "application/x-ndjson", "Content-Encoding", "gzip").want(200).has(obj{"accepted": 2})
	w.wantCounts(video, counts{Views: 5})
}

func TestAThousandEventsACallAndNoMore(t *testing.T) {
	t.Parallel()
	w := world(t)
	service, video := w.service(), newID()
	events := make([]obj, 1001)
	for i := range events {
		events[i] = event("video.viewed", obj{"video_id": video})
	}
	service.post("/v1/events", events, "Content-Type", cloudEvents).want(422)
	w.wantUnknown(video)
	service.feeds(events[:1000]...)
	w.wantCounts(video, counts{Views: 1000})
	service.post("/v1/events", strings.Repeat(" ", 1<<20)+"[]", "Content-Type", cloudEvents).want(413)
}

func TestWhoAndWhatMayComeTheBulkWay(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	batch := []obj{event("video.viewed", obj{"video_id": video})}
	w.anonymous().post("/v1/events", batch, "Content-Type", cloudEvents).want(401)
	w.user().post("/v1/events", batch, "Content-Type", cloudEvents).want(403)
	w.admin().post("/v1/events", batch, "Content-Type", cloudEvents).want(403)
	w.service().post("/v1/events", batch, "Content-Type", "text/plain").want(415)
	w.service().post("/v1/events", `{"not":"a list"}`, "Content-Type", cloudEvents).want(422)
	w.service().post("/v1/events", `[`, "Content-Type", cloudEvents).want(400)
	w.service().post("/v1/events", "", "Content-Type", cloudEvents).want(400)
	w.wantUnknown(video)
}

func TestACallThatDoesNotFitOneRecordBatchIsRefusedWhole(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader, service := w.user(), w.service()
	events := make([]obj, 900)
	for i := range events {
		events[i] = event("notification.sent", obj{
			"notification_id": newID(), "user_id": reader.ID, "category": "c", "payload": strings.Repeat("p", 700),
		})
	}
	service.post("/v1/events", events, "Content-Type", cloudEvents).want(413)
	reader.wantUnread(0)
	service.feeds(events[:450]...)
	reader.wantUnread(450)
}

func TestCountersDoNotOverflow(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t))
	service, video := w.service(), newID()
	const largest = 1<<53 - 1
	for range 3 {
		events := make([]obj, 500)
		for i := range events {
			events[i] = event("counter.baseline", obj{"video_id": video, "source": newID(), "view_count": largest})
		}
		service.ingests(events...)
	}
	if got, ok := w.counts(video); !ok || got.Views < largest {
		t.Errorf("views %d (there: %t), want at least one baseline", got.Views, ok)
	}
	other := newID()
	w.user().views(other)
	w.wantCounts(other, counts{Views: 1})
}
