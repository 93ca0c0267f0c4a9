package blackbox

import (
	"testing"
	"time"
)

func TestPublishedVideosHaveZeroCounts(t *testing.T) {
	t.Parallel()
	w := world(t)
	author, video, imported := w.user(), newID(), newID()
	answer := author.publishes(video)
	answer.is(obj{"position": answer.Header.Get("Tidemark-Position")})
	w.wantCounts(video, counts{})
	w.service().post("/v1/videos", obj{"video_id": imported, "author_id": author.ID}).want(202)
	w.wantCounts(imported, counts{})
	// A user cannot publish for another.
	foreign := newID()
	author.post("/v1/videos", obj{"video_id": foreign, "author_id": newID()}).want(403)
	w.wantUnknown(foreign)
}

func TestPublishingDoesNotResetCounts(t *testing.T) {
	t.Parallel()
	w := world(t)
	author, video := w.user(), newID()
	author.views(video)
	author.publishes(video)
	w.wantCounts(video, counts{Views: 1})
}

func TestEveryViewCounts(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, video := w.user(), newID()
	user.views(video)
	user.views(video)
	user.post("/v1/videos/"+video+"/views", "{}").want(202)
	w.wantCounts(video, counts{Views: 3})
	w.anonymous().post("/v1/videos/"+video+"/views", nil).want(401)
	w.wantCounts(video, counts{Views: 3})
}

func TestAnonymousViewsWhereTheyAreLetIn(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t, "--anonymous-views"))
	video := newID()
	w.anonymous().views(video)
	w.user().views(video)
	w.wantCounts(video, counts{Views: 2})
	// A key belongs to a token's subject.
	w.anonymous().post("/v1/videos/"+video+"/views", nil, "Idempotency-Key", "k").want(422)
	// A bad token is refused, not taken for no token.
	w.anonymous().post("/v1/videos/"+video+"/views", nil, "Authorization", "Bearer x").want(401)
	w.wantCounts(video, counts{Views: 2})
}

func TestTheLikeCountIsTheNumberOfUsersWhoLikeItNow(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	alice, bob := w.user(), w.user()
	alice.likes(video)
	alice.likes(video)
	bob.likes(video)
	w.wantCounts(video, counts{Likes: 2})
	alice.unlikes(video)
	alice.unlikes(video)
	w.wantCounts(video, counts{Likes: 1})
	w.user().unlikes(video) // never liked it
	w.wantCounts(video, counts{Likes: 1})
	alice.likes(video)
	w.wantCounts(video, counts{Likes: 2})
}

func TestTheLaterTapWins(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, test := range map[string]struct {
		taps func(user *Caller, video string)
		want int
	}{
		"unlike of an earlier time arrives late": {func(u *Caller, v string) {
			u.likesAt(v, ago(time.Minute))
			u.unlikesAt(v, ago(2*time.Minute))
		}, 1},
		"like of an earlier time arrives late": {func(u *Caller, v string) {
			u.unlikesAt(v, ago(time.Minute))
			u.likesAt(v, ago(2*time.Minute))
		}, 0},
		"in order": {func(u *Caller, v string) {
			u.likesAt(v, ago(2*time.Minute))
			u.unlikesAt(v, ago(time.Minute))
		}, 0},
		"of two at one time the later in the log": {func(u *Caller, v string) {
			u.likesAt(v, ago(time.Minute))
			u.unlikesAt(v, ago(time.Minute))
		}, 0},
		"23 hours back is taken": {func(u *Caller, v string) {
			u.likesAt(v, ago(23*time.Hour))
		}, 1},
		"a tap without a time is later than all before it": {func(u *Caller, v string) {
			u.likesAt(v, ago(-4*time.Minute))
			u.unlikes(v)
		}, 0},
		"a little ahead counts as now": {func(u *Caller, v string) {
			u.likesAt(v, ago(-4*time.Minute))
			u.unlikes(v)
			u.likes(v)
		}, 1},
		"an offset is a spelling of the same moment": {func(u *Caller, v string) {
			u.likesAt(v, ago(time.Minute))
			at := ago(2 * time.Minute).In(time.FixedZone("", 5*3600+1800)).Format(time.RFC3339Nano)
			u.do("DELETE", "/v1/videos/"+v+"/like", obj{"at": at}).want(202)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world(t)
			user, video := w.user(), newID()
			user.publishes(video)
			test.taps(user, video)
			w.wantCounts(video, counts{Likes: test.want})
		})
	}
}

func TestTapsOutsideTheirTimeAreRefused(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, video := w.user(), newID()
	for _, at := range []any{
		stamp(time.Now().Add(-25 * time.Hour)), stamp(time.Now().Add(6 * time.Minute)),
		"0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday", "", 1700000000,
		"2026-13-01T00:00:00Z", "2026-11-22", "2026-11-22 10:00:00Z",
	} {
		user.put("/v1/videos/"+video+"/like", obj{"at": at}).want(422)
		user.do("DELETE", "/v1/videos/"+video+"/like", obj{"at": at}).want(422)
	}
	w.wantUnknown(video)
}

// kinds are the three things that people add to a video, with the counter that
// each of them moves.
var kinds = map[string]func(n int) counts{
	"comments": func(n int) counts { return counts{Comments: n} },
	"remixes":  func(n int) counts { return counts{Remixes: n} },
	"glitches": func(n int) counts { return counts{Glitches: n} },
}

func TestItemsCountOnceHoweverOftenTheyAreSaid(t *testing.T) {
	t.Parallel()
	for kind, count := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := world(t)
			author, video, first, second := w.user(), newID(), newID(), newID()
			author.adds(video, kind, first)
			author.adds(video, kind, first)
			author.adds(video, kind, second)
			w.wantCounts(video, count(2))
			author.removes(video, kind, first)
			author.removes(video, kind, first)
			w.wantCounts(video, count(1))
			// Deleted wins over created.
			author.put(itemPath(video, kind, first), nil)
			w.wantCounts(video, count(1))
		})
	}
}

func TestItemsBelongToWhoSaidThemFirst(t *testing.T) {
	t.Parallel()
	for kind, count := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := world(t)
			author, other, service, admin := w.user(), w.user(), w.service(), w.admin()
			video, id := newID(), newID()
			author.adds(video, kind, id)
			other.put(itemPath(video, kind, id), nil).want(409)
			service.put(itemPath(video, kind, id), obj{"author_id": other.ID}).want(409)
			other.delete(itemPath(video, kind, id)).want(403)
			w.wantCounts(video, count(1))

			other.delete(itemPath(video, kind, newID())).want(404)
			author.delete(itemPath(newID(), kind, id)).want(404)
			w.wantCounts(video, count(1))

			service.removes(video, kind, id)
			w.wantCounts(video, count(0))

			moderated := newID()
			author.adds(video, kind, moderated)
			admin.removes(video, kind, moderated)
			w.wantCounts(video, count(0))
		})
	}
}

func TestAServiceAddsItemsForTheirAuthor(t *testing.T) {
	t.Parallel()
	w := world(t)
	author, other, service := w.user(), w.user(), w.service()
	video, id := newID(), newID()
	service.put(itemPath(video, "comments", id), obj{"author_id": author.ID}).want(202)
	other.delete(itemPath(video, "comments", id)).want(403)
	author.put(itemPath(video, "comments", id), nil).want(202)
	w.wantCounts(video, counts{Comments: 1})
	author.removes(video, "comments", id)
	w.wantCounts(video, counts{})
	// Who is no service cannot speak for another.
	author.put(itemPath(video, "comments", newID()), obj{"author_id": other.ID}).wantOneOf(403, 422)
	w.wantCounts(video, counts{})
}

func TestADeletedVideoTakesNothingNew(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, admin, video, comment := w.user(), w.admin(), newID(), newID()
	user.likes(video)
	user.adds(video, "comments", comment)
	admin.deletesVideos(video)
	user.post("/v1/videos/"+video+"/views", nil).want(410)
	w.user().put("/v1/videos/"+video+"/like", nil).want(410)
	for kind := range kinds {
		user.put(itemPath(video, kind, newID()), nil).want(410)
	}
	w.wantUnknown(video)
	admin.restoresVideos(video)
	w.wantCounts(video, counts{Likes: 1, Comments: 1})
}
