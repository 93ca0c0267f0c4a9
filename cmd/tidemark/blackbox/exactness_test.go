package blackbox

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// countAtOnce makes the same request many times at once and adds up a number
// of the answers.
func countAtOnce(t *testing.T, caller *Caller, path string, body any, member string) int {
	t.Helper()
	var total atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			a, err := caller.try("POST", path, body)
			if err != nil || a.Status != 200 {
				t.Errorf("POST %s: %v %+v", path, err, a)
				return
			}
			n, _ := a.object()[member].(float64)
			total.Add(int64(n))
		})
	}
	group.Wait()
	return int(total.Load())
}

func TestOutcomesAreExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, admin, service := w.user(), w.admin(), w.service()
	notes := service.notify(user, "c", 7)
	why := func(list string, ids []string) obj { return obj{list: ids, "reason": "r"} }
	videos, accounts := newIDs(5), newIDs(3)
	for _, step := range []struct {
		caller       *Caller
		path, member string
		body         obj
		want         int
	}{
		{user, "/v1/notifications/batch-mark-read", "marked_count", obj{"notification_ids": notes[:3]}, 3},
		{user, "/v1/notifications/batch-mark-read", "marked_count", obj{"all": true}, 4},
		{user, "/v1/blocks/batch", "blocked_count", obj{"user_ids": accounts}, 3},
		{user, "/v1/blocks/batch-unblock", "unblocked_count", obj{"user_ids": accounts}, 3},
		{admin, "/v1/admin/videos/batch-delete", "deleted_count", why("video_ids", videos), 5},
		{admin, "/v1/admin/videos/batch-restore", "restored_count", why("video_ids", videos), 5},
		{admin, "/v1/admin/users/batch-block", "blocked_count", why("user_ids", accounts), 3},
		{admin, "/v1/admin/users/batch-unblock", "unblocked_count", why("user_ids", accounts), 3},
	} {
		if got := countAtOnce(t, step.caller, step.path, step.body, step.member); got != step.want {
			t.Errorf("%s: %s adds up to %d, want %d", step.path, step.member, got, step.want)
		}
	}
}

func TestStatesSaidByManyAtOnceCountOnce(t *testing.T) {
	t.Parallel()
	w := world(t)
	user, video, comment := w.user(), newID(), newID()
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for _, path := range []string{"/v1/videos/" + video + "/like", itemPath(video, "comments", comment)} {
				if a, err := user.try("PUT", path, nil); err != nil || a.Status != 202 {
					t.Errorf("PUT %s: %v %+v", path, err, a)
				}
			}
		})
	}
	group.Wait()
	user.likes(video)
	w.wantCounts(video, counts{Likes: 1, Comments: 1})
}

func TestOneIDInTwoSpellingsIsOneThing(t *testing.T) {
	t.Parallel()
	w := world(t)
	user := w.user()
	video, comment := "abcdef00-"+newID()[9:], "fedcba00-"+newID()[9:]
	loud := &Caller{w: w, ID: strings.ToUpper(user.ID), token: mint(strings.ToUpper(user.ID))}
	user.likes(video)
	loud.likes(strings.ToUpper(video))
	user.adds(video, "comments", comment)
	loud.adds(strings.ToUpper(video), "comments", strings.ToUpper(comment))
	w.wantCounts(video, counts{Likes: 1, Comments: 1})
	loud.removes(video, "comments", comment)
	loud.unlikes(video)
	w.wantCounts(video, counts{})
}

func TestWhatCountsOnceDoesSoAcrossRestarts(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := worldOf(t, s)
	user, service, video, comment := w.user(), w.service(), newID(), newID()
	view := event("video.viewed", obj{"video_id": video})
	past := time.Now().Add(-time.Hour)
	like := eventAt("video.liked", past, obj{"video_id": video, "user_id": user.ID})
	late := eventAt("video.unliked", past.Add(-time.Minute), obj{"video_id": video, "user_id": user.ID})
	service.feeds(view, like)
	user.adds(video, "comments", comment)
	user.removes(video, "comments", comment)
	before := w.metadata(video).Header.Get("Tidemark-Position")
	for _, end := range []func(){func() { s.Stop(t) }, s.Kill} {
		end()
		s.Restart(t)
		w := worldOf(t, s)
		// A position outlives the process.
		w.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{video}, "since": before}, "Tidemark-After", before).
			want(200).is(obj{"videos": obj{}})
		service.with(w).ingests(view).has(obj{"accepted": 0, "duplicates": 1})
		service.with(w).ingests(late)
		user.with(w).put(itemPath(video, "comments", comment), nil)
		w.wantCounts(video, counts{Views: 1, Likes: 1})
	}
}

func TestARetractWhileTheVideoIsDeletedShowsAfterItsRestore(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, spammer, honest, video := w.admin(), w.user(), w.user(), newID()
	spammer.likes(video)
	honest.likes(video)
	spammer.adds(video, "comments", newID())
	admin.deletesVideos(video)
	admin.blocksAccounts(true, spammer.ID)
	admin.restoresVideos(video)
	w.wantCounts(video, counts{Likes: 1})
	admin.deletesVideos(video)
	admin.unblocksAccounts(spammer.ID)
	admin.restoresVideos(video)
	w.wantCounts(video, counts{Likes: 2, Comments: 1})
}

func TestABlockWithoutRetractKeepsOnlyCommandsOut(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, blocked, video := w.admin(), w.user(), newID()
	admin.blocksAccounts(false, blocked.ID)
	w.service().feeds(
		event("video.liked", obj{"video_id": video, "user_id": blocked.ID}),
		event("comment.created", obj{"video_id": video, "comment_id": newID(), "author_id": blocked.ID}),
	)
	w.wantCounts(video, counts{Likes: 1, Comments: 1})
}

func TestAnAccountThatIsBlockedBeforeItsFirstEventStaysOut(t *testing.T) {
	t.Parallel()
	w := world(t)
	admin, spammer, video := w.admin(), w.user(), newID()
	admin.blocksAccounts(true, spammer.ID)
	w.service().feeds(
		event("video.viewed", obj{"video_id": video, "user_id": spammer.ID}),
		event("video.liked", obj{"video_id": video, "user_id": spammer.ID}),
		event("remix.created", obj{"video_id": video, "remix_id": newID(), "author_id": spammer.ID}),
	)
	w.wantCounts(video, counts{Views: 1})
	admin.unblocksAccounts(spammer.ID)
	w.wantCounts(video, counts{Views: 1, Likes: 1, Remixes: 1})
}

func TestAnItemOfNobodyIsForServicesAndAdminsToDelete(t *testing.T) {
	t.Parallel()
	w := world(t)
	video, comment := newID(), newID()
	w.service().feeds(event("comment.created", obj{"video_id": video, "comment_id": comment}))
	w.user().delete(itemPath(video, "comments", comment)).want(403)
	w.wantCounts(video, counts{Comments: 1})
	w.admin().removes(video, "comments", comment)
	w.wantCounts(video, counts{})
}

func TestAVideoThatIsDeletedUnseenIsNamedAsRemoved(t *testing.T) {
	t.Parallel()
	w := world(t)
	video := newID()
	start := w.metadata(video).Header.Get("Tidemark-Position")
	w.admin().deletesVideos(video)
	w.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": []string{video}, "since": start}).want(200).
		is(obj{"videos": obj{}, "removed": []string{video}})
}
