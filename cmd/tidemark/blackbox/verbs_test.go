package blackbox

import (
	"fmt"
	"testing"
	"time"
)

// counts are the five counters of a video.
type counts struct {
	Views    int `json:"view_count"`
	Likes    int `json:"like_count"`
	Comments int `json:"comment_count"`
	Remixes  int `json:"remix_count"`
	Glitches int `json:"glitch_count"`
}

// What a user does to a video. Each is a command that must be taken.

func (c *Caller) publishes(video string) *Answer {
	c.w.t.Helper()
	return c.post("/v1/videos", obj{"video_id": video}).want(202)
}

func (c *Caller) views(video string) *Answer {
	c.w.t.Helper()
	return c.post("/v1/videos/"+video+"/views", nil).want(202)
}

func (c *Caller) likes(video string) *Answer {
	c.w.t.Helper()
	return c.put("/v1/videos/"+video+"/like", nil).want(202)
}

func (c *Caller) unlikes(video string) *Answer {
	c.w.t.Helper()
	return c.delete("/v1/videos/" + video + "/like").want(202)
}

// likesAt and unlikesAt say when the user tapped.
func (c *Caller) likesAt(video string, at time.Time) *Answer {
	c.w.t.Helper()
	return c.put("/v1/videos/"+video+"/like", obj{"at": stamp(at)}).want(202)
}

func (c *Caller) unlikesAt(video string, at time.Time) *Answer {
	c.w.t.Helper()
	return c.do("DELETE", "/v1/videos/"+video+"/like", obj{"at": stamp(at)}).want(202)
}

// adds and removes take a kind of comments, remixes or glitches.
func (c *Caller) adds(video, kind, id string) *Answer {
	c.w.t.Helper()
	return c.put(itemPath(video, kind, id), nil).want(202)
}

func (c *Caller) removes(video, kind, id string) *Answer {
	c.w.t.Helper()
	return c.delete(itemPath(video, kind, id)).want(202)
}

func itemPath(video, kind, id string) string {
	return "/v1/videos/" + video + "/" + kind + "/" + id
}

// counts of a video; ok is false where the answer leaves it out.
func (w *World) counts(video string) (n counts, ok bool) {
	w.t.Helper()
	videos := decode[struct{ Videos map[string]counts }](w.t, w.metadata(video)).Videos
	n, ok = videos[video]
	return n, ok
}

func (w *World) metadata(videos ...string) *Answer {
	w.t.Helper()
	return w.anonymous().post("/v1/videos/batch-metadata", obj{"video_ids": videos}).want(200)
}

func (w *World) wantCounts(video string, want counts) {
	w.t.Helper()
	if got, ok := w.counts(video); !ok || got != want {
		w.t.Fatalf("video %s: counts %+v (there: %t), want %+v", video, got, ok, want)
	}
}

func (w *World) wantUnknown(video string) {
	w.t.Helper()
	if got, ok := w.counts(video); ok {
		w.t.Fatalf("video %s is there: %+v", video, got)
	}
}

// What an admin does.

func (c *Caller) deletesVideos(ids ...string) *Answer {
	c.w.t.Helper()
	return c.post("/v1/admin/videos/batch-delete", obj{"video_ids": ids, "reason": "spam"}).want(200)
}

func (c *Caller) restoresVideos(ids ...string) *Answer {
	c.w.t.Helper()
	return c.post("/v1/admin/videos/batch-restore", obj{"video_ids": ids, "reason": "appeal granted"}).want(200)
}

func (c *Caller) blocksAccounts(retract bool, ids ...string) *Answer {
	c.w.t.Helper()
	return c.post("/v1/admin/users/batch-block", obj{"user_ids": ids, "reason": "bot farm", "retract": retract}).want(200)
}

func (c *Caller) unblocksAccounts(ids ...string) *Answer {
	c.w.t.Helper()
	return c.post("/v1/admin/users/batch-unblock", obj{"user_ids": ids, "reason": "was human"}).want(200)
}

// Jobs.

// job creates a job for the user and returns its ID.
func (c *Caller) createsJob() string {
	c.w.t.Helper()
	return c.post("/v1/ai/jobs", obj{}).want(202).text("job_id")
}

func (c *Caller) updatesJob(job string, update obj) *Answer {
	c.w.t.Helper()
	return c.patch("/v1/ai/jobs/"+job, update).want(202)
}

// seesJob returns the job as batch-status shows it, or nil.
func (c *Caller) seesJob(job string) obj {
	c.w.t.Helper()
	answer := c.post("/v1/ai/jobs/batch-status", obj{"job_ids": []string{job}}).want(200)
	seen, _ := answer.object()["jobs"].(obj)[job].(obj)
	return seen
}

func (c *Caller) wantJob(job string, want obj) {
	c.w.t.Helper()
	full := obj{"status": "queued", "progress": 0, "result_url": nil, "error": nil}
	for name, value := range want {
		full[name] = value
	}
	if got := c.seesJob(job); canonical(got) != canonical(full) {
		c.w.t.Fatalf("job %s:\n got %s\nwant %s", job, canonical(got), canonical(full))
	}
}

// Notifications.

func (c *Caller) sends(notifications ...obj) *Answer {
	c.w.t.Helper()
	return c.post("/v1/notifications", obj{"notifications": notifications}).want(202)
}

// notify sends a user n notifications of a category and returns their IDs.
func (c *Caller) notify(to *Caller, category string, n int) []string {
	c.w.t.Helper()
	ids := newIDs(n)
	batch := make([]obj, n)
	for i, id := range ids {
		batch[i] = obj{"notification_id": id, "user_id": to.ID, "category": category}
	}
	c.sends(batch...)
	return ids
}

func (c *Caller) marksRead(what obj) *Answer {
	c.w.t.Helper()
	return c.post("/v1/notifications/batch-mark-read", what).want(200)
}

func (c *Caller) wantUnread(want int) {
	c.w.t.Helper()
	c.get("/v1/notifications").want(200).has(obj{"unread_count": want})
}

// Events.

// event returns a CloudEvent with an identity of its own that happened now.
func event(kind string, data obj) obj {
	return eventAt(kind, time.Now(), data)
}

func eventAt(kind string, at time.Time, data obj) obj {
	return obj{
		"specversion": "1.0", "id": newID(), "source": "/blackbox",
		"type": kind, "time": stamp(at), "data": data,
	}
}

const cloudEvents = "application/cloudevents-batch+json"

// ingests sends events the bulk way; what became of them is in the answer.
func (c *Caller) ingests(events ...obj) *Answer {
	c.w.t.Helper()
	return c.post("/v1/events", events, "Content-Type", cloudEvents).want(200)
}

// feeds ingests events that must all be accepted.
func (c *Caller) feeds(events ...obj) {
	c.w.t.Helper()
	c.ingests(events...).has(obj{"accepted": len(events), "duplicates": 0, "rejected": []any{}})
}

// Paging.

// pages follows next_cursor from the first page to the last and returns all
// entries. The path has a query already.
func (c *Caller) pages(path, list string) []obj {
	c.w.t.Helper()
	var all []obj
	cursor := ""
	for range 100 {
		answer := c.get(path + cursor).want(200)
		all = append(all, answer.list(list)...)
		next := answer.object()["next_cursor"]
		if next == nil {
			return all
		}
		text, _ := next.(string)
		if !positionPattern.MatchString(text) {
			c.w.t.Fatalf("GET %s: next_cursor is %v", path, next)
		}
		cursor = "&cursor=" + text
	}
	c.w.t.Fatalf("GET %s: the pages do not end", path)
	return nil
}

// column returns one member of all entries.
func column(entries []obj, name string) []any {
	values := make([]any, len(entries))
	for i, entry := range entries {
		values[i] = entry[name]
	}
	return values
}

func wantColumn(t testing.TB, entries []obj, name string, want ...string) {
	t.Helper()
	if got := column(entries, name); canonical(got) != canonical(append([]string{}, want...)) {
		t.Fatalf("%s:\n got %s\nwant %s", name, canonical(got), canonical(want))
	}
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

func wantTime(t testing.TB, what string, value any) {
	t.Helper()
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(value)); err != nil {
		t.Errorf("%s is %v, want RFC 3339", what, value)
	}
}

// reversed returns the IDs newest first.
func reversed(ids []string) []string {
	back := make([]string, len(ids))
	for i, id := range ids {
		back[len(ids)-1-i] = id
	}
	return back
}
