package query

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// keptHistory tells what it was asked for, as buckets.
type keptHistory struct{ err error }

func (k keptHistory) EachBucket(_ context.Context, video *events.VideoID, day bool, from, to events.Time, fn func(events.Time, *readmodel.Counts)) (uint64, error) {
	n := int64(0)
	if video != nil {
		n = int64(video[15])
	}
	if day {
		n = -n
	}
	fn(from, &readmodel.Counts{n, 1})
	fn(to, &readmodel.Counts{0, -1, 2, 3, 4})
	return 1, k.err
}

func TestHistory(t *testing.T) {
	w := newWorld(t)
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		step()
		m.PublishVideo(videoID(7), alice)
		m.PublishVideo(videoID(8), events.UserID{})
		m.PublishVideo(videoID(6), alice)
		m.SetDeleted(videoID(6), true)
	})
	ask := func(path string, who events.UserID, roles ...api.Role) reply {
		return w.do("GET", path, "", "Authorization", bearer(t, who, roles...))
	}
	const of7 = "/v1/videos/abababab-abab-abab-abab-abababab0007/history"
	w.wantProblem(ask(of7, alice), api.ArchiveUnavailable, "")
	w.service.histories = keptHistory{}
	archived := positionToken(w.Snapshot(), events.Position{Seq: 1}).String()
	page := func(from, to string, views int, bucket string) string {
		return fmt.Sprintf(`{"buckets":[{"start":"%s","views":%d,"likes":1,"comments":0,"remixes":0,"glitches":0},`+
			`{"start":"%s","views":0,"likes":-1,"comments":2,"remixes":3,"glitches":4}],"archived":"%s","bucket":"%s"}`, from, views, to, archived, bucket)
	}
	const noon = "2026-11-22T12:00:00Z" // testStart, the clock of these tests
	w.want(ask(of7, alice), 200, page("2026-11-20T12:00:00Z", noon, 7, "hour"))
	w.want(ask(of7+"?bucket=day", bob, api.RoleService), 200, page("2026-10-22T00:00:00Z", noon, -7, "day"))
	w.want(ask(of7+"?from=1969-12-31T23:30:00Z&to=1970-01-01T00:00:00Z", bob, api.RoleAdmin), 200, page("1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z", 7, "hour"))
	w.want(ask("/v1/admin/history", bob, api.RoleAdmin), 200, page("2026-11-20T12:00:00Z", noon, 0, "hour"))
	w.wantProblem(ask("/v1/videos/"+vid(6)+"/history", alice), api.NotFound, "") // it is deleted
	w.want(ask("/v1/videos/"+vid(6)+"/history", bob, api.RoleAdmin), 200, "")
	for path, slug := range map[string]api.Slug{
		"/v1/videos/" + vid(6) + "/history": api.NotFound,
		of7:                                 api.Forbidden, "/v1/videos/" + vid(8) + "/history": api.Forbidden, "/v1/videos/" + vid(9) + "/history": api.NotFound,
		"/v1/videos/7/history": api.InvalidContent, of7 + "?bucket=week": api.InvalidContent, of7 + "?from=x": api.InvalidContent,
		of7 + "?from=2026-11-22T13:00:00Z": api.InvalidContent, of7 + "?from=2025-01-01T00:00:00Z": api.InvalidContent,
		of7 + "?from=" + noon + "&to=" + noon: api.InvalidContent, of7 + "?limit=1": api.InvalidContent,
	} {
		w.wantProblem(ask(path, bob), slug, "")
	}
	w.want(ask(of7+"?from=2025-01-01T00:00:00Z&bucket=day", alice), 200, "")
	w.service.histories = keptHistory{errors.New("down")}
	w.wantProblem(ask(of7, alice), api.ArchiveUnavailable, "")
}
