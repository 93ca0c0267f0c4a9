package query

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// pageWalk reads a list page by page and returns its entries as they stand.
func pageWalk(w *world, path, member, token string) (entries []map[string]any) {
	w.t.Helper()
	cursor := ""
	for {
		next := path
		if cursor != "" {
			next += "&cursor=" + cursor
		}
		got := w.do("GET", next, "", "Authorization", token)
		w.want(got, http.StatusOK, "")
		var answer map[string]json.RawMessage
		if err := json.Unmarshal([]byte(got.text), &answer); err != nil {
			w.t.Fatal(err)
		}
		var page []map[string]any
		if err := json.Unmarshal(answer[member], &page); err != nil {
			w.t.Fatal(err)
		}
		entries = append(entries, page...)
		if string(answer["next_cursor"]) == "null" {
			return entries
		}
		cursor = strings.Trim(string(answer["next_cursor"]), `"`)
		if strings.Trim(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			w.t.Fatalf("cursor %s has other characters", cursor)
		}
	}
}

func pluck(entries []map[string]any, member string) (values []string) {
	for _, e := range entries {
		values = append(values, e[member].(string))
	}
	return values
}

// listedWorld has 45 jobs, notifications and blocks of alice, many at equal
// times, and one of each of bob; and 45 audit entries.
func listedWorld(t *testing.T) *world {
	w := newWorld(t)
	for n := range 45 {
		at := events.TimeOf(testStart.Add(time.Duration(n/10) * time.Second))
		w.fold(func(m *readmodel.Model, step func() events.Position) {
			step()
			m.CreateJob(events.JobCreated{Job: jobID(n), Owner: alice}, at)
			if n%3 == 0 {
				step()
				m.UpdateJob(&events.JobUpdated{Job: jobID(n), Attempt: 1, Has: events.JobHasStatus, Status: events.JobCompleted}, at)
			}
			step()
			m.SendNotification(&events.NotificationSent{Notification: noteID(n), User: alice, Actor: bob, Category: []byte([]string{"like", "remix"}[n%2])}, at)
			if n%5 == 0 {
				step()
				id := noteID(n)
				m.MarkRead(&events.NotificationRead{User: alice, Scope: events.ReadByID, IDs: id[:]})
			}
			step()
			m.SetBlock(events.UserBlock{User: alice, Blocked: userID(100 + n)}, readmodel.When{Time: at}, true)
			step()
			m.Audit(&readmodel.AuditEntry{At: at, Actor: userID(3 + n%2), Action: []events.CommandKind{events.DeleteVideos, events.BlockAccounts}[n%3/2],
				Position: m.At(), Reason: []byte(fmt.Sprintf("reason %d", n)), Targets: [][16]byte{videoID(n)}, Effects: []readmodel.Effect{readmodel.Applied}})
		})
	}
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		step()
		m.CreateJob(events.JobCreated{Job: jobID(1000), Owner: bob}, 1)
		step()
		m.SendNotification(&events.NotificationSent{Notification: noteID(1000), User: bob, Category: []byte("like")}, 1)
		step()
		m.SetBlock(events.UserBlock{User: bob, Blocked: alice}, readmodel.When{Time: 1}, true)
	})
	return w
}

func TestPagesHoldEverythingOnce(t *testing.T) {
	w := listedWorld(t)
	all := func(name func(n int) string, keep func(n int) bool) (want []string) {
		for n := 44; n >= 0; n-- { // newest first; at equal times the later in the log first
			if keep(n) {
				want = append(want, name(n))
			}
		}
		return want
	}
	job := func(n int) string { return jobID(n).String() }
	note := func(n int) string { return noteID(n).String() }
	every := func(int) bool { return true }
	user, admin := bearer(t, alice), bearer(t, root, api.RoleAdmin)
	cases := []struct {
		path, list, member, token string
		want                      []string
	}{
		{"/v1/ai/jobs?", "jobs", "job_id", user, all(job, every)},
		{"/v1/ai/jobs?status=completed,queued,processing,failed", "jobs", "job_id", user, all(job, every)},
		{"/v1/ai/jobs?status=completed,completed", "jobs", "job_id", user, all(job, func(n int) bool { return n%3 == 0 })},
		{"/v1/ai/jobs?status=queued%2Cprocessing", "jobs", "job_id", user, all(job, func(n int) bool { return n%3 != 0 })},
		{"/v1/notifications?", "notifications", "notification_id", user, all(note, every)},
		{"/v1/notifications?unread=false", "notifications", "notification_id", user, all(note, every)},
		{"/v1/notifications?unread=true", "notifications", "notification_id", user, all(note, func(n int) bool { return n%5 != 0 })},
		{"/v1/notifications?category=like", "notifications", "notification_id", user, all(note, func(n int) bool { return n%2 == 0 })},
		{"/v1/notifications?category=like&unread=true", "notifications", "notification_id", user, all(note, func(n int) bool { return n%2 == 0 && n%5 != 0 })},
		{"/v1/blocks?", "blocks", "user_id", user, all(func(n int) string { return userID(100 + n).String() }, every)},
		{"/v1/admin/audit?", "entries", "reason", admin, all(func(n int) string { return fmt.Sprintf("reason %d", n) }, every)},
		{"/v1/admin/audit?action=account.block", "entries", "reason", admin, all(func(n int) string { return fmt.Sprintf("reason %d", n) }, func(n int) bool { return n%3 == 2 })},
		{"/v1/admin/audit?actor=" + userID(4).String(), "entries", "reason", admin, all(func(n int) string { return fmt.Sprintf("reason %d", n) }, func(n int) bool { return n%2 == 1 })},
	}
	for _, c := range cases {
		for _, limit := range []string{"", "&limit=1", "&limit=7", "&limit=15", "&limit=45", "&limit=200"} {
			if got := pluck(pageWalk(w, c.path+limit, c.list, c.token), c.member); !slices.Equal(got, c.want) {
				t.Errorf("%s%s\n got %v\nwant %v", c.path, limit, got, c.want)
			}
		}
	}
	// What comes while somebody pages is before the first page, and moves nothing.
	first := w.do("GET", "/v1/ai/jobs?limit=44", "", "Authorization", user)
	w.one(func(m *readmodel.Model) {
		m.CreateJob(events.JobCreated{Job: jobID(50), Owner: alice}, events.TimeOf(testStart.Add(time.Hour)))
	})
	var answer struct {
		Next string `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(first.text), &answer); err != nil {
		t.Fatal(err)
	}
	rest := pageWalk(w, "/v1/ai/jobs?cursor="+answer.Next, "jobs", user)
	if got := pluck(rest, "job_id"); !slices.Equal(got, []string{job(0)}) {
		t.Errorf("the last page is %v", got)
	}
}

func TestCursorsAreBound(t *testing.T) {
	w := listedWorld(t)
	user, admin := bearer(t, alice), bearer(t, root, api.RoleAdmin)
	cursorOf := func(path, token string) string {
		got := w.do("GET", path, "", "Authorization", token)
		var answer struct {
			Next string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(got.text), &answer); err != nil || answer.Next == "" {
			t.Fatalf("%s: no cursor in %s", path, got.text)
		}
		return answer.Next
	}
	jobs, notes := cursorOf("/v1/ai/jobs?limit=5", user), cursorOf("/v1/notifications?limit=5", user)
	queued := cursorOf("/v1/ai/jobs?limit=5&status=queued", user)
	audit := cursorOf("/v1/admin/audit?limit=5", admin)
	blocks := cursorOf("/v1/blocks?limit=5", user)
	w.want(w.do("GET", "/v1/ai/jobs?limit=9&cursor="+jobs, "", "Authorization", user), 200, "") // another limit is no other list
	w.want(w.do("GET", "/v1/ai/jobs?cursor="+jobs+"&status=failed,queued,processing,completed", "", "Authorization", user), 200, "")
	refused := []struct{ name, path, token string }{
		{"another user", "/v1/ai/jobs?cursor=" + jobs, bearer(t, bob)},
		{"another filter", "/v1/ai/jobs?status=queued&cursor=" + jobs, user},
		{"no filter", "/v1/ai/jobs?cursor=" + queued, user},
		{"another list", "/v1/ai/jobs?cursor=" + notes, user},
		{"another list", "/v1/notifications?cursor=" + blocks, user},
		{"another list", "/v1/blocks?cursor=" + jobs, user},
		{"another filter", "/v1/notifications?unread=true&cursor=" + notes, user},
		{"another filter", "/v1/notifications?category=like&cursor=" + notes, user},
		{"another filter", "/v1/admin/audit?action=video.delete&cursor=" + audit, admin},
		{"another admin", "/v1/admin/audit?cursor=" + audit, bearer(t, bob, api.RoleAdmin)},
		{"empty", "/v1/blocks?cursor=", user},
		{"cut short", "/v1/blocks?cursor=" + blocks[1:], user},
		{"too long", "/v1/blocks?cursor=" + blocks + "A", user},
		{"far too long", "/v1/blocks?cursor=" + strings.Repeat("A", 30000), user},
		{"a position", "/v1/blocks?cursor=" + w.token(), user},
	}
	for i := range blocks {
		other := byte('A')
		if blocks[i] == other {
			other = 'B'
		}
		refused = append(refused, struct{ name, path, token string }{fmt.Sprint("byte ", i),
			"/v1/blocks?cursor=" + blocks[:i] + string(other) + blocks[i+1:], user})
	}
	for _, c := range refused {
		if got := w.do("GET", c.path, "", "Authorization", c.token); got.StatusCode != 422 {
			t.Errorf("%s: %d %.200s", c.name, got.StatusCode, got.text)
		}
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	w := newWorld(t)
	user, admin := bearer(t, alice), bearer(t, root, api.RoleAdmin)
	lists := []string{"/v1/ai/jobs", "/v1/notifications", "/v1/blocks", "/v1/admin/audit", "/v1/videos/trending"}
	for _, path := range lists {
		for _, q := range []string{
			"limit=0", "limit=201", "limit=-1", "limit=0x10", "limit=%2B5", "limit=+5", "limit=", "limit=1e2", "limit=5.0", "limit=1000000000",
			"limit=99999999999999999999999", "limit=5&limit=5", "Limit=5", "offset=1", "limit=%zz", "limit=%EF%BC%95",
		} {
			w.wantProblem(w.do("GET", path+"?"+q, "", "Authorization", admin), api.InvalidContent, "")
		}
		for _, q := range []string{"limit=1", "limit=200", "limit=%35", ""} {
			w.want(w.do("GET", path+"?"+q, "", "Authorization", admin), 200, "")
		}
	}
	for _, path := range []string{
		"/v1/ai/jobs?status=", "/v1/ai/jobs?status=queued,", "/v1/ai/jobs?status=Queued", "/v1/ai/jobs?status=done", "/v1/ai/jobs?status=queued&status=failed",
		"/v1/notifications?unread=1", "/v1/notifications?unread=", "/v1/notifications?category=", "/v1/notifications?category=A",
		"/v1/notifications?category=" + strings.Repeat("a", 65), "/v1/notifications?actor=x",
		"/v1/videos/trending?window=1d", "/v1/videos/trending?by=comments", "/v1/videos/trending?window=", "/v1/videos/trending?by=views&by=views",
		"/v1/position?x=1",
	} {
		w.wantProblem(w.do("GET", path, "", "Authorization", user), api.InvalidContent, "")
	}
	for _, q := range []string{"actor=x", "actor=", "action=video.view", "action=", "action=command%200", "actor=" + alice.String() + "&actor=" + alice.String()} {
		w.wantProblem(w.do("GET", "/v1/admin/audit?"+q, "", "Authorization", admin), api.InvalidContent, "")
	}
}

func TestRights(t *testing.T) {
	w := newWorld(t)
	tokens := map[string]string{"user": bearer(t, alice), "service": bearer(t, alice, api.RoleService), "admin": bearer(t, alice, api.RoleAdmin)}
	for _, r := range w.service.Routes() {
		body := ""
		if r.Body == api.JSONBody {
			body = `{}` // 422 for who may ask
		}
		anonymous := w.do(r.Method, r.Path, body).StatusCode
		if public := strings.HasPrefix(r.Path, "/v1/videos/") && !strings.HasSuffix(r.Path, "/history"); public == (anonymous == 401) {
			t.Errorf("%s %s without a token: %d", r.Method, r.Path, anonymous)
		}
		for role, token := range tokens {
			status := w.do(r.Method, r.Path, body, "Authorization", token).StatusCode
			forbidden := strings.HasPrefix(r.Path, "/v1/admin/") && role != "admin"
			if status == 401 || forbidden != (status == 403) {
				t.Errorf("%s %s as %s: %d", r.Method, r.Path, role, status)
			}
		}
	}
}
