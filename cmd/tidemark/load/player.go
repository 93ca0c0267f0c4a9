package load

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"
)

const mediaJSON = "application/json"

// player is the person, or the machine, behind an actor. Each of its methods
// returns the function that makes its next request.
type player struct {
	user   uuid.UUID
	token  string
	videos []string
	random *rand.Rand
	zipf   *rand.Zipf
}

func (p *player) video() string { return p.videos[p.zipf.Uint64()] }

// page draws distinct videos.
func (p *player) page(size int) []string {
	page := make([]string, 0, size)
	for len(page) < min(size, len(p.videos)) {
		if video := p.video(); !slices.Contains(page, video) {
			page = append(page, video)
		}
	}
	return page
}

// poller asks for the counters of a page of its feed, a new page each time. It
// sends no token, as most pollers of a feed do.
func (p *player) poller(size int) func() request {
	return func() request {
		body, err := json.Marshal(map[string][]string{"video_ids": p.page(size)})
		if err != nil {
			panic(err) // strings are always JSON
		}
		return request{kind: KindPoll, method: "POST", path: "/v1/videos/batch-metadata", media: mediaJSON, body: body}
	}
}

func (p *player) viewer() func() request {
	return func() request {
		return request{kind: KindView, method: "POST", path: "/v1/videos/" + p.video() + "/views", token: p.token}
	}
}

// liker likes, and one time in five takes a like back.
func (p *player) liker() func() request {
	return func() request {
		r := request{kind: KindLike, method: "PUT", path: "/v1/videos/" + p.video() + "/like", token: p.token}
		if p.random.IntN(5) == 0 {
			r.method = "DELETE"
		}
		return r
	}
}

// worker takes one job after the other through its life and asks for its
// status after each step, as the page that waits for it would.
func (p *player) worker() func() request {
	steps := []string{
		`{"status":"processing","progress":10}`,
		`{"progress":60}`,
		`{"status":"completed","result_url":"https://cdn.example.org/result"}`,
	}
	var job uuid.UUID
	turn := 0
	return func() request {
		step := turn / 2
		status := turn%2 == 1
		turn = (turn + 1) % (2 * (len(steps) + 1))
		switch {
		case status:
			return p.job(KindJobStatus, "POST", "/v1/ai/jobs/batch-status", fmt.Sprintf(`{"job_ids":["%s"]}`, job))
		case step == 0:
			job = p.newID()
			return p.job(KindJob, "POST", "/v1/ai/jobs", fmt.Sprintf(`{"job_id":"%s","owner_id":"%s"}`, job, p.user))
		default:
			return p.job(KindJob, "PATCH", "/v1/ai/jobs/"+job.String(), steps[step-1])
		}
	}
}

func (p *player) job(kind Kind, method, path, body string) request {
	return request{kind: kind, method: method, path: path, media: mediaJSON, token: p.token, body: []byte(body)}
}

// newID is a random UUID that the seed decides.
func (p *player) newID() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], p.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], p.random.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // RFC 9562, version 4
	return id
}
