package blackbox

import (
	"strings"
	"testing"
	"time"
)

func TestNotificationsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader, actor, service := w.user(), newID(), w.service()
	id := newID()
	service.sends(obj{
		"notification_id": id, "user_id": reader.ID, "category": "new_comment-1.x",
		"actor_id": actor, "payload": obj{"text": "hé ☃", "n": []int{1, 2}},
	})
	page := reader.get("/v1/notifications").want(200).has(obj{"unread_count": 1, "next_cursor": nil})
	entry := page.list("notifications")[0]
	wantTime(t, "created_at", entry["created_at"])
	delete(entry, "created_at")
	want := obj{
		"notification_id": id, "category": "new_comment-1.x", "actor_id": actor,
		"payload": obj{"text": "hé ☃", "n": []int{1, 2}}, "read": false,
	}
	if canonical(entry) != canonical(want) {
		t.Errorf("listed as\n     %s\nwant %s", canonical(entry), canonical(want))
	}

	ids := append([]string{id}, service.notify(reader, "likes", 4)...)
	all := reader.pages("/v1/notifications?limit=2", "notifications")
	wantColumn(t, all, "notification_id", reversed(ids)...)
	wantColumn(t, reader.pages("/v1/notifications?category=likes&limit=3", "notifications"), "notification_id", reversed(ids[1:])...)
	reader.marksRead(obj{"notification_ids": ids[1:3]})
	wantColumn(t, reader.pages("/v1/notifications?unread=true&limit=2", "notifications"), "notification_id", ids[4], ids[3], ids[0])
	wantColumn(t, reader.pages("/v1/notifications?unread=true&category=likes", "notifications"), "notification_id", ids[4], ids[3])
	wantColumn(t, w.user().pages("/v1/notifications?limit=9", "notifications"), "notification_id")
}

func TestAPageIsStableWhileNewOnesArrive(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader, service := w.user(), w.service()
	ids := service.notify(reader, "c", 4)
	first := reader.get("/v1/notifications?limit=2").want(200)
	service.notify(reader, "c", 3)
	second := reader.get("/v1/notifications?limit=2&cursor=" + first.text("next_cursor")).want(200)
	wantColumn(t, second.list("notifications"), "notification_id", ids[1], ids[0])
}

func TestNotificationStatus(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader, service := w.user(), w.service()
	ids := service.notify(reader, "likes", 2)
	foreign := service.notify(w.user(), "likes", 1)[0]
	reader.marksRead(obj{"notification_ids": ids[:1]})
	upper := strings.ToUpper(ids[1])
	answer := reader.post("/v1/notifications/batch-status", obj{"notification_ids": []string{ids[0], upper, foreign, newID()}}).want(200)
	answer.has(obj{"unread_count": 1})
	seen := answer.object()["notifications"].(obj)
	if len(seen) != 2 {
		t.Fatalf("%d notifications, want the reader's two: %v", len(seen), seen)
	}
	for id, read := range map[string]bool{ids[0]: true, upper: false} {
		entry := seen[id].(obj)
		wantTime(t, "created_at", entry["created_at"])
		if entry["read"] != read || entry["category"] != "likes" {
			t.Errorf("%s is %v, want read %t", id, entry, read)
		}
	}
}

func TestANotificationSaidTwiceIsSentOnce(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader, service, id := w.user(), w.service(), newID()
	one := obj{"notification_id": id, "user_id": reader.ID, "category": "c"}
	service.sends(one, one)
	reader.marksRead(obj{"notification_ids": []string{id}})
	service.sends(one)
	reader.wantUnread(0)
	wantColumn(t, reader.pages("/v1/notifications?limit=9", "notifications"), "notification_id", id)
}

func TestNotificationsWithoutAnIDGetOne(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader := w.user()
	one := obj{"user_id": reader.ID, "category": "c"}
	w.service().sends(one, one)
	reader.wantUnread(2)
}

func TestABlockedActorCannotNotify(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader, service, actor := w.user(), w.service(), newID()
	from := func(actor string) obj { return obj{"user_id": reader.ID, "category": "c", "actor_id": actor} }
	reader.post("/v1/blocks/batch", obj{"user_ids": []string{actor}}).want(200)
	service.sends(from(actor), from(newID()))
	reader.wantUnread(1)
	reader.post("/v1/blocks/batch-unblock", obj{"user_ids": []string{actor}}).want(200)
	reader.wantUnread(1) // what was held back stays so
	service.sends(from(actor))
	reader.wantUnread(2)
}

func TestMarkRead(t *testing.T) {
	t.Parallel()
	answer := func(marked, already, notFound, unread int) obj {
		return obj{"marked_count": marked, "success": true, "already_read_count": already, "not_found_count": notFound, "unread_count": unread}
	}
	t.Run("by ID", func(t *testing.T) {
		t.Parallel()
		w := world(t)
		reader, service := w.user(), w.service()
		ids := service.notify(reader, "c", 3)
		foreign := service.notify(w.user(), "c", 1)[0]
		reader.marksRead(obj{"notification_ids": ids[:1]}).has(answer(1, 0, 0, 2))
		reader.marksRead(obj{"notification_ids": []string{ids[0], ids[1], foreign, newID()}}).has(answer(1, 1, 2, 1))
		// One ID in two spellings is one.
		reader.marksRead(obj{"notification_ids": []string{ids[2], strings.ToUpper(ids[2]), ids[2]}}).has(answer(1, 0, 0, 0))
		reader.marksRead(obj{"notification_ids": ids}).has(answer(0, 3, 0, 0))
	})
	t.Run("IDs of others stay unread", func(t *testing.T) {
		t.Parallel()
		w := world(t)
		owner := w.user()
		id := w.service().notify(owner, "c", 1)[0]
		w.user().marksRead(obj{"notification_ids": []string{id}}).has(answer(0, 0, 1, 0))
		owner.wantUnread(1)
	})
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		w := world(t)
		reader, service := w.user(), w.service()
		service.notify(reader, "a", 2)
		service.notify(reader, "b", 3)
		reader.marksRead(obj{"all": true}).has(obj{"marked_count": 5, "success": true, "unread_count": 0})
		service.notify(reader, "a", 1)
		reader.wantUnread(1)
		reader.marksRead(obj{"all": true}).has(obj{"marked_count": 1, "unread_count": 0})
	})
	t.Run("a category", func(t *testing.T) {
		t.Parallel()
		w := world(t)
		reader, service := w.user(), w.service()
		service.notify(reader, "a", 2)
		service.notify(reader, "b", 3)
		reader.marksRead(obj{"category": "a"}).has(obj{"marked_count": 2, "unread_count": 3})
		reader.marksRead(obj{"category": "none"}).has(obj{"marked_count": 0, "unread_count": 3})
	})
	t.Run("sent up to a time", func(t *testing.T) {
		t.Parallel()
		w := world(t)
		reader, service := w.user(), w.service()
		at := func(minutes int, category string) obj {
			when := time.Now().Add(-time.Duration(minutes) * time.Minute)
			return eventAt("notification.sent", when, obj{"notification_id": newID(), "user_id": reader.ID, "category": category})
		}
		service.feeds(at(30, "a"), at(30, "b"), at(10, "a"), at(10, "b"))
		before := stamp(time.Now().Add(-20 * time.Minute))
		reader.marksRead(obj{"category": "a", "before": before}).has(obj{"marked_count": 1, "unread_count": 3})
		reader.marksRead(obj{"all": true, "before": before}).has(obj{"marked_count": 1, "unread_count": 2})
		reader.marksRead(obj{"all": true}).has(obj{"marked_count": 2, "unread_count": 0})
	})
}

func TestMarkAllWhileNewOnesArrive(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader, service := w.user(), w.service()
	service.notify(reader, "c", 5)
	sent := make(chan struct{})
	feeder := service.with(worldOf(t, common))
	go func() {
		defer close(sent)
		for range 10 {
			_, _ = feeder.try("POST", "/v1/notifications", obj{"notifications": []obj{{"user_id": reader.ID, "category": "c"}}})
		}
	}()
	marked := 0
	for range 5 {
		answer := decode[struct {
			Marked int `json:"marked_count"`
		}](t, reader.marksRead(obj{"all": true}))
		marked += answer.Marked
	}
	<-sent
	last := decode[struct {
		Marked int `json:"marked_count"`
		Unread int `json:"unread_count"`
	}](t, reader.post("/v1/notifications/batch-mark-read", obj{"all": true}, "Tidemark-After", feeder.w.after).want(200))
	if marked+last.Marked != 15 || last.Unread != 0 {
		t.Errorf("%d marked and %d unread, want 15 and 0", marked+last.Marked, last.Unread)
	}
}

func TestMarkReadThatSaysTooLittleOrTooMuch(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader := w.user()
	w.service().notify(reader, "c", 2)
	for _, body := range []string{
		`{}`, `{"notification_ids":[]}`, `{"all":false}`, `{"all":"true"}`, `{"before":"2026-01-01T00:00:00Z"}`,
		`{"all":true,"category":"c"}`, `{"all":true,"notification_ids":["` + newID() + `"]}`,
		`{"category":"C"}`, `{"category":""}`, `{"all":true,"before":"now"}`, `{"all":true,"user_id":"` + reader.ID + `"}`,
		`{"notification_ids":["` + newID() + `"],"before":"2026-01-01T00:00:00Z"}`,
	} {
		if a := reader.post("/v1/notifications/batch-mark-read", body); a.Status != 422 {
			t.Errorf("%s: status %d, want 422", body, a.Status)
		}
	}
	reader.wantUnread(2)
}

func TestNotificationsThatAreWrong(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader, service := w.user(), w.service()
	to := `"user_id":"` + reader.ID + `"`
	for _, bad := range []string{
		`{}`, `{` + to + `}`, `{"category":"c"}`, `{` + to + `,"category":"No"}`, `{` + to + `,"category":"` + strings.Repeat("c", 65) + `"}`,
		`{` + to + `,"category":"c","payload":"` + strings.Repeat("p", 4096) + `"}`, `{` + to + `,"category":"c","read":true}`,
		`{` + to + `,"category":"c","actor_id":"me"}`, `{` + to + `,"category":7}`, `null`, `[]`, `"x"`,
	} {
		good := `{` + to + `,"category":"c"}`
		if a := service.post("/v1/notifications", `{"notifications":[`+good+`,`+bad+`]}`); a.Status != 422 {
			t.Errorf("%s: status %d, want 422: %s", clip(bad), a.Status, a.Body)
		}
	}
	service.post("/v1/notifications", obj{"notifications": []obj{}}).want(422)
	reader.post("/v1/notifications", obj{"notifications": []obj{{"user_id": reader.ID, "category": "c"}}}).want(403)
	reader.wantUnread(0)
}

func TestAPageHasFiftyEntriesUnlessAskedOtherwise(t *testing.T) {
	t.Parallel()
	w := world(t)
	reader := w.user()
	ids := reversed(w.service().notify(reader, "c", 210))
	for path, want := range map[string][]string{
		"/v1/notifications": ids[:50], "/v1/notifications?limit=200": ids[:200], "/v1/notifications?limit=1": ids[:1],
	} {
		wantColumn(t, reader.get(path).want(200).list("notifications"), "notification_id", want...)
	}
	wantColumn(t, reader.pages("/v1/notifications?limit=200", "notifications"), "notification_id", ids...)
	wantColumn(t, reader.pages("/v1/notifications?limit=7", "notifications"), "notification_id", ids...)
}
