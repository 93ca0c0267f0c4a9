package query

import (
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

func TestJobs(t *testing.T) {
	w := newWorld(t)
	at := events.TimeOf(testStart)
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		for n, owner := range []events.UserID{alice, alice, alice, bob} {
			step()
			m.CreateJob(events.JobCreated{Job: jobID(n), Owner: owner}, at+events.Time(n))
		}
		step()
		m.UpdateJob(&events.JobUpdated{Job: jobID(1), Attempt: 2, Has: events.JobHasStatus | events.JobHasResultURL,
			Status: events.JobCompleted, ResultURL: []byte("https://cdn/\"\\\n\t\r\x01é\u2028")}, events.TimeOf(testStart.Add(time.Minute)))
		step()
		m.CancelJob(jobID(2), alice, false, at)
		step()
		m.UpdateJob(&events.JobUpdated{Job: jobID(9), Attempt: 1, Has: events.JobHasProgress, Progress: 5}, at) // not created
	})
	upper := strings.ToUpper(jobID(0).String())
	queued := `{"status":"queued","progress":0,"result_url":null,"error":null}`
	done := `{"status":"completed","progress":100,"result_url":"https://cdn/\"\\\n\t\r\u0001é\u2028","error":null}`
	failed := `{"status":"failed","progress":0,"result_url":null,"error":"cancelled"}`
	entry := func(n int, state string) string { return `"` + jobID(n).String() + `":` + state }
	var ids []string
	for _, n := range []int{0, 1, 2, 3, 9, 10} {
		ids = append(ids, jobID(n).String())
	}
	ask := func(token string, ids ...string) reply {
		return w.do("POST", "/v1/ai/jobs/batch-status", idsBody("job_ids", ids...), "Authorization", token)
	}
	own := `{"jobs":{` + entry(0, queued) + `,` + entry(1, done) + `,` + entry(2, failed)
	got := ask(bearer(t, alice), ids...)
	w.want(got, 200, own+`}}`)
	if got.Header.Get("Tidemark-Poll-After") != "2" || got.Header.Get("Tidemark-Position") != w.token() {
		t.Errorf("headers %v", got.Header)
	}
	for _, role := range []api.Role{api.RoleService, api.RoleAdmin} {
		w.want(ask(bearer(t, root, role), ids...), 200, own+`,`+entry(3, queued)+`}}`)
	}
	w.want(ask(bearer(t, bob), ids...), 200, `{"jobs":{`+entry(3, queued)+`}}`)
	w.want(ask(bearer(t, alice)), 200, `{"jobs":{}}`)
	w.want(ask(bearer(t, alice), jobID(0).String(), upper, upper), 200, `{"jobs":{`+entry(0, queued)+`,"`+upper+`":`+queued+`}}`)
	for body, pointer := range map[string]string{
		`{}`: "", `{"job_ids":["x"]}`: "/job_ids/0", `{"job_ids":[],"all":true}`: "/all", `{"job_ids":null}`: "/job_ids", `{"video_ids":[]}`: "/video_ids",
	} {
		w.wantProblem(w.do("POST", "/v1/ai/jobs/batch-status", body, "Authorization", bearer(t, alice)), api.InvalidContent, pointer)
	}
	w.wantProblem(w.do("POST", "/v1/ai/jobs/batch-status", `{"job_ids":[]}}`, "Authorization", bearer(t, alice)), api.BadJSON, "")
	w.want(w.do("GET", "/v1/ai/jobs?status=queued,completed", "", "Authorization", bearer(t, alice)), 200,
		`{"jobs":[{"job_id":"`+jobID(1).String()+`",`+done[1:len(done)-1]+`,"attempt":2,"created_at":"2026-11-22T12:00:00.000001Z","updated_at":"2026-11-22T12:01:00Z"},`+
			`{"job_id":"`+jobID(0).String()+`",`+queued[1:len(queued)-1]+`,"attempt":1,"created_at":"2026-11-22T12:00:00Z","updated_at":"2026-11-22T12:00:00Z"}],"next_cursor":null}`)
}

func TestNotifications(t *testing.T) {
	w := newWorld(t)
	at := events.TimeOf(testStart)
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		step()
		m.SendNotification(&events.NotificationSent{Notification: noteID(1), User: alice, Actor: bob, Category: []byte("like"), Payload: []byte(`{"n":[1, 2]}`)}, at)
		step()
		m.SendNotification(&events.NotificationSent{Notification: noteID(2), User: alice, Category: []byte("a.b")}, at+1)
		step()
		m.SendNotification(&events.NotificationSent{Notification: noteID(3), User: bob, Category: []byte("like")}, at)
		step()
		id := noteID(1)
		m.MarkRead(&events.NotificationRead{User: alice, Scope: events.ReadByID, IDs: id[:]})
	})
	token := bearer(t, alice)
	w.want(w.do("GET", "/v1/notifications", "", "Authorization", token), 200,
		`{"notifications":[{"notification_id":"`+noteID(2).String()+`","category":"a.b","actor_id":null,"payload":null,"read":false,"created_at":"2026-11-22T12:00:00.000001Z"},`+
			`{"notification_id":"`+noteID(1).String()+`","category":"like","actor_id":"`+bob.String()+`","payload":{"n":[1,2]},"read":true,"created_at":"2026-11-22T12:00:00Z"}],"unread_count":1,"next_cursor":null}`)
	w.want(w.do("POST", "/v1/notifications/batch-status", idsBody("notification_ids", noteID(1).String(), noteID(3).String(), noteID(2).String(), noteID(8).String()), "Authorization", token), 200,
		`{"notifications":{"`+noteID(1).String()+`":{"read":true,"category":"like","created_at":"2026-11-22T12:00:00Z"},"`+
			noteID(2).String()+`":{"read":false,"category":"a.b","created_at":"2026-11-22T12:00:00.000001Z"}},"unread_count":1}`)
	w.want(w.do("GET", "/v1/notifications", "", "Authorization", bearer(t, root)), 200, `{"notifications":[],"unread_count":0,"next_cursor":null}`)
}

func TestBlocksAndAudit(t *testing.T) {
	w := newWorld(t)
	at := events.TimeOf(testStart)
	var last events.Position
	w.fold(func(m *readmodel.Model, step func() events.Position) {
		step()
		m.SetBlock(events.UserBlock{User: alice, Blocked: bob}, readmodel.When{Time: at}, true)
		step()
		m.SetBlock(events.UserBlock{User: alice, Blocked: root}, readmodel.When{Time: at}, true)
		step()
		m.SetBlock(events.UserBlock{User: alice, Blocked: root}, readmodel.When{Time: at + 1}, false)
		last = step()
		m.Audit(&readmodel.AuditEntry{At: at, Actor: root, Action: events.DeleteVideos, Position: last, Reason: []byte(`spam "x"`),
			Targets: [][16]byte{videoID(1), videoID(2), videoID(3)}, Effects: []readmodel.Effect{readmodel.Applied, readmodel.None, readmodel.Applied}})
	})
	w.want(w.do("GET", "/v1/blocks", "", "Authorization", bearer(t, alice)), 200,
		`{"blocks":[{"user_id":"`+bob.String()+`","created_at":"2026-11-22T12:00:00Z"}],"next_cursor":null}`)
	got := w.do("GET", "/v1/admin/audit", "", "Authorization", bearer(t, bob, api.RoleAdmin))
	position := positionToken(w.Snapshot(), last).String()
	hash := w.auditHead()
	w.want(got, 200, `{"entries":[{"at":"2026-11-22T12:00:00Z","actor":"`+root.String()+`","action":"video.delete","targets":["`+vid(1)+`","`+vid(2)+`","`+vid(3)+`"],`+
		`"reason":"spam \"x\"","outcome":{"none":1,"applied":2},"position":"`+position+`","number":1,"hash":"`+hash+`"}],"next_cursor":null}`)
	for filter, n := range map[string]int{
		"target=" + vid(2): 1, "target=" + vid(4): 0, "target=1.0": 0, "from=2026-11-22T12:00:00Z": 1, "from=2026-11-22T12:00:00.000001Z": 0,
		"to=2026-11-22T12:00:00Z": 0, "to=2026-11-22T12:00:01Z&target=" + vid(1): 1,
		"target=00000000-0000-0000-0000-000000000000": 0, "actor=00000000-0000-0000-0000-000000000000": 0,
	} {
		page := w.do("GET", "/v1/admin/audit?"+filter, "", "Authorization", bearer(t, bob, api.RoleAdmin))
		if w.want(page, 200, ""); strings.Count(page.text, `"at"`) != n {
			t.Errorf("%s: %s, want %d entries", filter, page.text, n)
		}
	}
	for _, filter := range []string{"target=x", "target=1", "from=now", "to=", "from=2026-11-22T12:00:00Z&to=2026-11-22T12:00:00Z"} {
		w.want(w.do("GET", "/v1/admin/audit?"+filter, "", "Authorization", bearer(t, bob, api.RoleAdmin)), 422, "")
	}
	if err := strictjson.Check([]byte(got.text)); err != nil {
		t.Error(err)
	}
	w.want(w.do("GET", "/v1/blocks", "", "Authorization", bearer(t, alice), "Tidemark-After", position), 200, "")
}

func TestPosition(t *testing.T) {
	w := newWorld(t)
	w.view(1)
	at := w.Snapshot().At
	w.lag.End, w.lag.Folded = at, at
	token := bearer(t, alice)
	w.want(w.do("GET", "/v1/position", "", "Authorization", token), 200, `{"end":"`+w.token()+`","folded":"`+w.token()+`","lag_events":0,"lag_seconds":0}`)
	w.lag.End, w.lag.Events, w.lag.Seconds = events.Position{Seq: 9}, 12, 1.23456
	end := positionToken(w.Snapshot(), w.lag.End).String()
	w.want(w.do("GET", "/v1/position", "", "Authorization", token), 200, `{"end":"`+end+`","folded":"`+w.token()+`","lag_events":12,"lag_seconds":1.235}`)
}

func TestStringsAreJSON(t *testing.T) {
	for _, text := range []string{"", "plain", `"\`, "\x00\x1f\x7f\b\f\n\r\t", "é\u2028\U0001f600<>&", "a\"b"} {
		got := appendString([]byte("x"), text)[1:]
		var s strictjson.Scanner
		s.Reset(got)
		back, _ := s.String()
		if err := s.End(); err != nil || string(back) != text {
			t.Errorf("%q became %s: %v", text, got, err)
		}
	}
}
