package clients_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
)

func TestJobMonitorFollowsJobsUntilAllAreFinal(t *testing.T) {
	t.Parallel()
	s := serve(t)
	owner := uuid.NewString()
	user, worker := s.token(owner), s.token(uuid.NewString(), "service")
	good, bad, late := uuid.NewString(), strings.ToUpper(uuid.NewString()), uuid.NewString()
	create := func(job string) { s.does(user, "POST", "/v1/ai/jobs", fmt.Sprintf(`{"job_id":%q}`, job)) }
	update := func(job, report string) { s.does(worker, "PATCH", "/v1/ai/jobs/"+job, report) }
	job := func(id, status string, progress int, result, problem any) line {
		return line{"id": id, "status": status, "progress": progress, "result_url": result, "error": problem}
	}
	create(good)
	create(strings.ToLower(bad)) // the page has it in capitals

	monitor := s.starts("job-monitor", user, good, bad, late)
	monitor.prints(job(good, "queued", 0, nil, nil), job(bad, "queued", 0, nil, nil))
	update(good, `{"status":"processing","progress":40}`)
	monitor.prints(job(good, "processing", 40, nil, nil))
	update(bad, `{"status":"failed","error":"no such voice"}`)
	monitor.prints(job(bad, "failed", 0, nil, "no such voice"))
	update(good, `{"status":"completed","result_url":"https://cdn.example.org/a"}`)
	monitor.prints(job(good, "completed", 100, "https://cdn.example.org/a", nil))
	create(late)
	monitor.prints(job(late, "queued", 0, nil, nil))
	update(late, `{"status":"completed"}`)
	monitor.prints(job(late, "completed", 100, nil, nil), line{"final": 3})
	monitor.ends()
	wantPace(t, monitor, 2000)
	wantNoMore(t, monitor, 8)
}

func TestViewCounterUpdatesThePageByTheVeryIDString(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user, admin := s.token(uuid.NewString()), s.token(uuid.NewString(), "admin")
	lower, unknown := uuid.NewString(), uuid.NewString()
	upper, other := strings.ToUpper(lower), strings.ToUpper(uuid.NewString())
	view := func(video string) { s.does(user, "POST", "/v1/videos/"+video+"/views", "") }
	view(lower)
	view(other)

	// One video stands on the page three times, in two spellings.
	page := s.starts("view-counter", "", lower, upper, other, unknown, lower)
	at := func(element int, id, count, text string) line { return line{"element": element, "id": id, count: text} }
	all := func(count, text string) []line {
		return []line{at(0, lower, count, text), at(1, upper, count, text), at(4, lower, count, text)}
	}
	page.prints(slices.Concat(all("views", "1"), all("likes", "0"), []line{
		at(2, other, "views", "1"), at(2, other, "likes", "0"), {"element": 3, "id": unknown, "hidden": true},
	})...)
	view(upper)
	page.prints(all("views", "2")...)
	s.does(user, "PUT", "/v1/videos/"+lower+"/like", "")
	page.prints(all("likes", "1")...)
	s.does(user, "DELETE", "/v1/videos/"+lower+"/like", "")
	page.prints(all("likes", "0")...)
	view(unknown)
	page.prints(at(3, unknown, "views", "1"), at(3, unknown, "likes", "0"), line{"element": 3, "id": unknown, "hidden": false})
	s.does(admin, "POST", "/v1/admin/videos/batch-delete", fmt.Sprintf(`{"video_ids":[%q],"reason":"spam"}`, other))
	page.prints(line{"element": 2, "id": other, "hidden": true})
	s.does(admin, "POST", "/v1/admin/videos/batch-restore", fmt.Sprintf(`{"video_ids":[%q],"reason":"appeal"}`, other))
	page.prints(line{"element": 2, "id": other, "hidden": false})

	if err := page.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	page.prints(line{"stopped": true})
	page.ends()
	wantPace(t, page, 5000)
	wantNoMore(t, page, 9+3+3+3+3+1+1+1)
}

// wantPace checks what the client waited between polls, by its own clock: the
// pace that the contract gives for a service without load.
func wantPace(t *testing.T, c *client, milliseconds float64) {
	t.Helper()
	if len(c.waits) == 0 {
		t.Error("the client never waited")
	}
	for _, wait := range c.waits {
		if wait < milliseconds {
			t.Errorf("the client waited %v ms between polls, want %v at least", wait, milliseconds)
		}
	}
}

// wantNoMore checks that nothing but the expected was printed, and that once.
func wantNoMore(t *testing.T, c *client, lines int) {
	t.Helper()
	if len(c.seen) != lines {
		t.Errorf("the client printed %d lines, want %d: %v", len(c.seen), lines, c.seen)
	}
}
