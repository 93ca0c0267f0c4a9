package reading

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// eventsPerCall is the greatest number that /v1/events takes.
const eventsPerCall = 1000

// fill puts the videos into a tidemark through its own API.
func fill(ctx context.Context, env *scenario.Env, t *process.Tidemark, videos world.Videos) error {
	const connections = 4
	pool, err := load.Dial(ctx, t.Address, connections)
	if err != nil {
		return err
	}
	defer pool.Close()
	calls := (int(videos) + eventsPerCall - 1) / eventsPerCall
	script := &baselines{videos: int(videos), token: "Authorization: Bearer " + process.ServiceToken(), at: world.Start(), expected: make([]int, connections)}
	if _, err := pool.Run(ctx, load.Plan{Script: script, Duration: time.Hour, Limit: calls}); err != nil {
		return fmt.Errorf("fill tidemark: %w", err)
	}
	return t.Settled(ctx, env.Quiet())
}

// baselines is the script that sends each video's start value once.
type baselines struct {
	videos   int
	token    string
	at       time.Time
	next     int
	expected []int // events of the call under way, by connection
}

func (b *baselines) Next(connection int) []byte {
	last := min(b.next+eventsPerCall, b.videos)
	b.expected[connection] = last - b.next
	var body []byte
	for ; b.next < last; b.next++ {
		body = world.AppendBaseline(body, b.next, b.at)
	}
	return load.Build("POST", "/v1/events", "application/x-ndjson", body, b.token)
}

func (b *baselines) Check(connection int, a *load.Answer) error {
	return accepted(a, b.expected[connection])
}

// accepted checks that a call of /v1/events took so many events.
func accepted(a *load.Answer, events int) error {
	var outcome struct {
		Accepted int `json:"accepted"`
	}
	if err := json.Unmarshal(a.Body, &outcome); err != nil || a.Status != 200 || outcome.Accepted != events {
		return fmt.Errorf("/v1/events answered %d for %d events: %.300s", a.Status, events, a.Body)
	}
	return nil
}
