package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// worker is a client with a user of its own who makes one request at a time,
// so that at a crash at most one of them has no answer.
type worker struct {
	w      *workload
	rng    *rand.Rand
	client *http.Client
	// patient: go on when there was no answer.
	patient bool

	user                id
	userToken           string
	operator            id // the sub of serviceToken, a service and administrator
	serviceToken        string
	serial              int
	likes               map[id]bool
	comments            []ownComment
	jobs, notifications []id
	lastEvents          []event
	// seen is the newest position that this worker was told of a new command,
	// and header its text.
	seen   events.Token
	header string
	// views counts the worker's acknowledged views by video.
	views map[id]int

	records []*record
	// open is the last record while it has no answer.
	open *record
}

type ownComment struct{ video, item id }

// work makes requests until the context ends or nobody answers any more.
func (k *worker) work(ctx context.Context) {
	for ctx.Err() == nil {
		if k.open != nil && !k.settle(ctx) {
			return
		}
		if k.rng.IntN(12) == 0 && !k.readOwnWrites() {
			return
		}
		r := &record{command: k.next()}
		k.records = append(k.records, r)
		if !k.try(r) {
			return
		}
	}
}

// try sends a record and reports whether somebody answered. A command with a
// key that has no definite answer stays open.
func (k *worker) try(r *record) bool {
	if err := r.send(k.client, k.w.site.URL); err != nil {
		k.w.violation("I4: %v", err)
	}
	k.open = nil
	switch {
	case r.fate == acknowledged:
		k.note(r)
	case r.fate == unknown && r.key != "":
		k.open = r
	}
	return !r.lostConnection() || k.patient
}

// settle repeats the open record under its key until it has a definite answer.
// It reports false where nobody answers or the context ended.
func (k *worker) settle(ctx context.Context) bool {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for k.open != nil {
		if !k.try(k.open) {
			return false
		}
		if k.open == nil {
			return true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// note holds a new acknowledgement to the order of positions (I6).
func (k *worker) note(r *record) {
	if len(r.facts) == 1 && r.facts[0].Type == events.TypeVideoViewed && r.facts[0].B == k.user {
		k.views[r.facts[0].A]++
	}
	if r.tries > 1 {
		return // its first attempt may lie back
	}
	if r.command.facts != nil && r.token.Ceiling.Compare(k.seen.Ceiling) <= 0 && k.seen.Ceiling.Seq > 0 {
		k.w.violation("I6: a worker was told %v, and then %v for: %v", k.seen.Ceiling, r.token.Ceiling, r)
	}
	k.seen, k.header = r.token, r.token.String()
}

// readOwnWrites asks for a video's counters as of the worker's last command.
func (k *worker) readOwnWrites() bool {
	if k.header == "" {
		return true
	}
	video := pick(k.rng, k.w.steady)
	want := k.views[video]
	counts, token, answered, err := k.w.metadata(k.client, []id{video}, k.header)
	switch {
	case err != nil:
		k.w.violation("read own writes: %v", err)
	case !answered:
		return k.patient
	case counts == nil:
		return true
	case counts[video.String()].Views < int64(want):
		k.w.violation("I6: %d views of %v acknowledged to one client, %d answered to it at %v", want, video, counts[video.String()].Views, token.Ceiling)
	case token.Ceiling.Compare(k.seen.Ceiling) < 0:
		k.w.violation("I6: asked for %v, answered from %v", k.seen.Ceiling, token.Ceiling)
	}
	return true
}

// next is the worker's next command.
func (k *worker) next() command {
	k.serial++
	n := k.rng.IntN(100)
	for _, choice := range [...]struct {
		share int
		make  func() command
	}{
		{30, k.view}, {16, k.like}, {10, k.comment}, {4, k.uncomment}, {4, k.createJob}, {6, k.updateJob},
		{6, k.notify}, {6, k.markRead}, {5, k.block}, {4, k.moderate}, {9, k.ingest},
	} {
		if n -= choice.share; n < 0 {
			c := choice.make()
			if k.rng.IntN(2) == 0 {
				c.key = fmt.Sprintf("%v-%d", k.user, k.serial)
			}
			return c
		}
	}
	panic("the shares sum up to 100")
}

func (k *worker) asUser(method, path, body string, facts ...fact) command {
	return command{method: method, path: path, body: body, media: "application/json", token: k.userToken, sub: k.user, facts: facts}
}

func (k *worker) asService(method, path, body string, facts ...fact) command {
	return command{method: method, path: path, body: body, media: "application/json", token: k.serviceToken, sub: k.operator, facts: facts}
}

func (k *worker) view() command {
	v := k.anyVideo()
	return k.asUser("POST", "/v1/videos/"+v.String()+"/views", "", fact{events.TypeVideoViewed, v, k.user})
}

func (k *worker) like() command {
	v := k.anyVideo()
	k.likes[v] = !k.likes[v]
	path := "/v1/videos/" + v.String() + "/like"
	if k.likes[v] {
		return k.asUser("PUT", path, "", fact{events.TypeVideoLiked, v, k.user})
	}
	return k.asUser("DELETE", path, "", fact{events.TypeVideoUnliked, v, k.user})
}

func (k *worker) comment() command {
	c := ownComment{k.anyVideo(), newID(k.rng)}
	if len(k.comments) > 0 && k.rng.IntN(4) == 0 {
		c = pick(k.rng, k.comments) // said again: counted once
	} else {
		k.comments = append(k.comments, c)
	}
	return k.asUser("PUT", fmt.Sprintf("/v1/videos/%v/comments/%v", c.video, c.item), "", fact{events.TypeCommentCreated, c.video, c.item})
}

func (k *worker) uncomment() command {
	if len(k.comments) == 0 {
		return k.comment()
	}
	c := pick(k.rng, k.comments)
	return k.asUser("DELETE", fmt.Sprintf("/v1/videos/%v/comments/%v", c.video, c.item), "", fact{events.TypeCommentDeleted, c.video, c.item})
}

func (k *worker) createJob() command {
	job := newID(k.rng)
	k.jobs = append(k.jobs, job)
	return k.asUser("POST", "/v1/ai/jobs", fmt.Sprintf(`{"job_id":"%v"}`, job), fact{events.TypeJobCreated, job, k.user})
}

func (k *worker) updateJob() command {
	if len(k.jobs) == 0 {
		return k.createJob()
	}
	job := pick(k.rng, k.jobs)
	body := fmt.Sprintf(`{"status":"processing","progress":%d}`, k.rng.IntN(100))
	if k.rng.IntN(4) == 0 {
		body = `{"status":"completed"}`
	}
	return k.asService("PATCH", "/v1/ai/jobs/"+job.String(), body, fact{Type: events.TypeJobUpdated, A: job})
}

func (k *worker) notify() command {
	list, facts := []any{}, []fact{}
	for range 1 + k.rng.IntN(3) {
		n := newID(k.rng)
		k.notifications = append(k.notifications, n)
		list = append(list, map[string]any{"notification_id": n.String(), "user_id": k.user.String(), "category": "crash"})
		facts = append(facts, fact{events.TypeNotificationSent, n, k.user})
	}
	return k.asService("POST", "/v1/notifications", encode(map[string]any{"notifications": list}), facts...)
}

func (k *worker) markRead() command {
	body := `{"all":true}`
	if len(k.notifications) > 0 && k.rng.IntN(4) > 0 {
		body = fmt.Sprintf(`{"notification_ids":["%v","%v"]}`, pick(k.rng, k.notifications), pick(k.rng, k.notifications))
	}
	return k.asUser("POST", "/v1/notifications/batch-mark-read", body, fact{Type: events.TypeNotificationRead, A: k.user})
}

func (k *worker) block() command {
	other := pick(k.rng, k.w.strangers)
	body := fmt.Sprintf(`{"user_ids":["%v"]}`, other)
	if k.rng.IntN(2) == 0 {
		return k.asUser("POST", "/v1/blocks/batch-unblock", body, fact{events.TypeUserUnblocked, k.user, other})
	}
	return k.asUser("POST", "/v1/blocks/batch", body, fact{events.TypeUserBlocked, k.user, other})
}

// moderate deletes or restores two videos, all or nothing.
func (k *worker) moderate() command {
	at := k.rng.IntN(len(k.w.moderated) - 1)
	a, b := k.w.moderated[at], k.w.moderated[at+1]
	path, kind := "/v1/admin/videos/batch-delete", events.TypeVideoDeleted
	if k.rng.IntN(2) == 0 {
		path, kind = "/v1/admin/videos/batch-restore", events.TypeVideoRestored
	}
	return k.asService("POST", path, fmt.Sprintf(`{"video_ids":["%v","%v"],"reason":"crash test"}`, a, b),
		fact{kind, a, k.operator}, fact{kind, b, k.operator})
}

// event is a CloudEvent as it was sent, for repeats.
type event struct {
	json map[string]any
	fact fact
}

// ingest sends a batch of events, some of them for the second time.
func (k *worker) ingest() command {
	batch := []event{}
	for i := range 2 + k.rng.IntN(12) {
		if len(k.lastEvents) > 0 && k.rng.IntN(4) == 0 {
			batch = append(batch, pick(k.rng, k.lastEvents))
			continue
		}
		e := k.outside(i)
		batch = append(batch, e)
		if k.rng.IntN(8) == 0 {
			batch = append(batch, e)
		}
	}
	k.lastEvents = append(k.lastEvents, batch...)
	k.lastEvents = k.lastEvents[max(0, len(k.lastEvents)-64):]
	list, facts := []any{}, []fact{}
	for _, e := range batch {
		list, facts = append(list, e.json), append(facts, e.fact)
	}
	c := k.asService("POST", "/v1/events", encode(list), facts...)
	c.media = "application/cloudevents-batch+json"
	return c
}

func (k *worker) outside(i int) event {
	video := k.anyVideo()
	// Times differ, so that which of two taps is the later one is never a tie.
	at := time.Now().UTC().Add(-time.Duration(k.rng.IntN(3600)) * time.Second).Format("2006-01-02T15:04:05.000000Z07:00")
	data := map[string]any{"video_id": video.String()}
	f := fact{Type: events.TypeVideoViewed, A: video}
	switch k.rng.IntN(4) {
	case 0:
		fan := pick(k.rng, k.w.strangers)
		f = fact{events.TypeVideoLiked, video, fan}
		if k.rng.IntN(2) == 0 {
			f.Type = events.TypeVideoUnliked
		}
		data["user_id"] = fan.String()
	case 1:
		f = fact{events.TypeRemixCreated, video, newID(k.rng)}
		data["remix_id"] = f.B.String()
	}
	return event{fact: f, json: map[string]any{
		"specversion": "1.0", "id": fmt.Sprintf("%v-%d-%d", k.user, k.serial, i), "source": "crash",
		"type": f.Type.String(), "time": at, "data": data,
	}}
}

func (k *worker) anyVideo() id {
	if k.rng.IntN(5) == 0 {
		return pick(k.rng, k.w.moderated)
	}
	return pick(k.rng, k.w.steady)
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain maps and strings
	}
	return string(text)
}
