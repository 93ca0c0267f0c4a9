package blackbox

import (
	"testing"
	"time"
)

// viewsAgo are n events of somebody seeing the video that long ago.
func viewsAgo(video string, ago time.Duration, n int) []obj {
	events := make([]obj, n)
	for i := range events {
		events[i] = eventAt("video.viewed", time.Now().Add(-ago), obj{"video_id": video})
	}
	return events
}

func likesAgo(video string, ago time.Duration, n int) []obj {
	events := make([]obj, n)
	for i := range events {
		events[i] = eventAt("video.liked", time.Now().Add(-ago), obj{"video_id": video, "user_id": newID()})
	}
	return events
}

func TestTrendingCountsTheWindowByEventTime(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t))
	anyone, service := w.anonymous(), w.service()
	fresh, recent, weekly, old := newID(), newID(), newID(), newID()
	// Ages stay clear of the windows' edges, whatever their grain.
	service.feeds(viewsAgo(fresh, 10*time.Minute, 2)...)
	service.feeds(viewsAgo(recent, 3*time.Hour, 3)...)
	service.feeds(viewsAgo(weekly, 3*24*time.Hour, 4)...)
	service.feeds(viewsAgo(old, 10*24*time.Hour, 5)...)
	for window, want := range map[string][]string{
		"1h": {fresh}, "24h": {recent, fresh}, "7d": {weekly, recent, fresh},
	} {
		answer := anyone.get("/v1/videos/trending?window=" + window + "&by=views&limit=10").want(200)
		wantColumn(t, answer.list("videos"), "video_id", want...)
	}
	top := anyone.get("/v1/videos/trending?window=7d&by=views&limit=1").want(200)
	top.is(obj{"videos": []obj{{
		"video_id": weekly, "score": 4,
		"view_count": 4, "like_count": 0, "comment_count": 0, "remix_count": 0, "glitch_count": 0,
	}}})

	w.admin().deletesVideos(weekly)
	answer := anyone.get("/v1/videos/trending?window=7d&by=views").want(200)
	wantColumn(t, answer.list("videos"), "video_id", recent, fresh)
}

func TestTrendingByLikesCountsTheLikesThatStand(t *testing.T) {
	t.Parallel()
	w := worldOf(t, start(t))
	loved, fickle := newID(), newID()
	w.service().feeds(likesAgo(loved, 10*time.Minute, 2)...)
	users := []*Caller{w.user(), w.user(), w.user()}
	for _, user := range users {
		user.likes(fickle)
	}
	trending := func() []obj {
		return w.anonymous().get("/v1/videos/trending?window=1h&by=likes").want(200).list("videos")
	}
	wantColumn(t, trending(), "video_id", fickle, loved)
	users[0].unlikes(fickle)
	users[1].unlikes(fickle)
	top := trending()
	wantColumn(t, top, "video_id", loved, fickle)
	if got := canonical(column(top, "score")); got != "[2,1]" {
		t.Errorf("scores %s, want [2,1]", got)
	}
}

func TestTrendingRefusesBadParameters(t *testing.T) {
	t.Parallel()
	w := world(t)
	for _, query := range []string{
		"window=2h&by=views", "window=1h&by=comments", "window=1H&by=views", "window=1h&by=views&limit=0",
		"window=1h&by=views&limit=201", "window=1h&by=views&limit=-1", "window=1h&by=views&limit=0x10",
		"window=1h&by=views&limit=1e1", "window=1h&window=24h&by=views", "window=1h&by=views&limit=1&limit=2",
	} {
		w.anonymous().get("/v1/videos/trending?" + query).want(422)
	}
}
