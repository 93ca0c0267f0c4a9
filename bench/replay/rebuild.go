package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// The rebuild beside the serving model, and the subjects of its rows.
const (
	Rebuild      = "replay/rebuild"
	RebuildAlone = "a rebuild, nothing beside it"
	RebuildPaced = "a rebuild at a pace, beside 2,000 polls/s"
	RebuildFull  = "a rebuild at a pace, beside polls that never pause"
	PollsPaced   = "2,000 polls/s alone"
	PollsFull    = "polls that never pause, alone"
)

func rebuildGroup() scenario.Group {
	of := func(subject string) result.Selector { return result.Selector{Scenario: Rebuild, Subject: subject} }
	return scenario.Group{Scenarios: []scenario.Scenario{{Name: Rebuild, Rounds: 3, Takes: scenario.Takes{Full: 5 * time.Minute, Quick: 280 * time.Second}, Run: rebuilds, Goals: []result.Goal{
		{What: "rebuild of a view-heavy log on idle cores, events/s", Figure: result.Events, Of: of(RebuildAlone), Limit: 3_000_000, AtLeast: true},
		{What: "rebuild beside polls that never pause, events/s", Figure: result.Events, Of: of(RebuildFull), Limit: 500_000, AtLeast: true},
		{What: "p99 of 2,000 polls/s beside a rebuild, to undisturbed", Figure: result.P99, Of: of(RebuildPaced), To: of(PollsPaced), Limit: 1.5},
		{What: "p99 of polls that never pause beside a rebuild, to undisturbed", Figure: result.P99, Of: of(RebuildFull), To: of(PollsFull), Limit: 1.5},
		{What: "the fold's pause at the switch, ms", Figure: "pause", Of: of(RebuildFull), Limit: 1},
	}}}}
}

const (
	rebuildPolls       = 2048
	rebuildConnections = 64
	pollsPace          = 2000
	// rebuildPace is the throttle of a rebuild beside polls, in events a second.
	rebuildPace = 600_000
	batchPath   = "/v1/videos/batch-metadata"
)

// rebuilding is a service whose read model is rebuilt again and again. Every
// answer to a poll must be the one of before the first rebuild, byte by byte.
type rebuilding struct {
	env   *scenario.Env
	t     *process.Tidemark
	token string
	polls []load.Exchange
	rows  []result.Row
}

func rebuilds(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	n := scenario.Pick(env, 10_000_000, 10_000_000, 50_000)
	videos := scenario.Pick(env, 1_000_000, 1_000_000, 10_000)
	dir, err := env.TempDir("rebuild")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	data := filepath.Join(dir, "data")
	if _, err := history.Write(ctx, data, history.Views(n, history.Zipf(5, videos))); err != nil {
		return nil, err
	}
	if err := history.SyncAll(data); err != nil {
		return nil, err
	}
	r := &rebuilding{env: env, token: process.Token("00000000-0000-4000-8000-00000000beef", "admin")}
	if r.t, err = process.StartTidemark(ctx, env.Tidemark, dir, env.GOGC, env.Checkpoints()...); err != nil {
		return nil, err
	}
	defer r.t.Kill()
	if err := r.t.Settled(ctx, env.Quiet()); err != nil {
		return nil, err
	}
	if r.polls, err = r.baseline(ctx, videos); err != nil {
		return nil, err
	}
	for _, subject := range []string{PollsPaced, RebuildPaced, PollsFull, RebuildFull, RebuildAlone} {
		r.rows = append(r.rows, result.Row{Scenario: Rebuild, Subject: subject, Parameters: map[string]string{"events": strconv.Itoa(n)}})
	}
	err = env.Interleave(ctx, len(r.rows), func(ctx context.Context, _, i int) error { return r.measure(ctx, &r.rows[i], n) })
	return r.rows, err
}

// baseline asks once for what will be polled, and keeps the answers.
func (r *rebuilding) baseline(ctx context.Context, videos int) ([]load.Exchange, error) {
	draw := world.Videos(videos).NewDraw(3)
	list := make([]load.Exchange, scenario.Pick(r.env, rebuildPolls, rebuildPolls, 64))
	for i := range list {
		body := world.AppendBatchRequest(nil, draw.Distinct(20))
		answer, err := r.call(ctx, http.MethodPost, batchPath, body)
		if err != nil {
			return nil, err
		}
		list[i] = load.Exchange{Request: load.Post(batchPath, body), Want: answer}
	}
	return list, nil
}

func (r *rebuilding) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.t.Address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+r.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}

// run is what the service says of one.
type run struct {
	State  string
	Error  string
	Result struct {
		Switched     bool    `json:"switched"`
		Equal        bool    `json:"equal"`
		Events       int     `json:"events"`
		Seconds      float64 `json:"seconds"`
		PauseSeconds float64 `json:"pause_seconds"`
		PeakBytes    float64 `json:"peak_bytes"`
	}
}

func (r *rebuilding) begin(ctx context.Context, paced bool) (id string, err error) {
	body := []byte(`{"reason":"to be measured"}`)
	if paced {
		body = fmt.Appendf(nil, `{"reason":"to be measured","events_per_second":%d}`, rebuildPace)
	}
	answer, err := r.call(ctx, http.MethodPost, "/v1/admin/replay/rebuild", body)
	if err != nil {
		return "", err
	}
	var started struct {
		ID string `json:"run_id"`
	}
	err = json.Unmarshal(answer, &started)
	return started.ID, err
}

func (r *rebuilding) look(ctx context.Context, id string) (now run, err error) {
	answer, err := r.call(ctx, http.MethodGet, "/v1/admin/replay/runs/"+id, nil)
	if err == nil {
		err = json.Unmarshal(answer, &now)
	}
	return now, err
}

// measure measures one subject: polls, a rebuild, or both at a time.
func (r *rebuilding) measure(ctx context.Context, row *result.Row, n int) error {
	rate, polled := 0.0, row.Subject != RebuildAlone
	if row.Subject == PollsPaced || row.Subject == RebuildPaced {
		rate = pollsPace
	}
	rebuilt := row.Subject != PollsPaced && row.Subject != PollsFull
	var pool *load.Pool
	plan := load.Plan{Script: load.NewCycle(r.polls, rebuildConnections), Duration: r.env.Window() / 4, Rate: rate}
	if polled {
		var err error
		if pool, err = load.Dial(ctx, r.t.Address, rebuildConnections); err != nil {
			return err
		}
		defer pool.Close()
		if _, err := pool.Run(ctx, plan); err != nil {
			return err
		}
	}
	var id string
	if rebuilt {
		var err error
		if id, err = r.begin(ctx, polled); err != nil {
			return err
		}
	}
	latency, requests, begun := load.NewHistogram(), 0, time.Now()
	for over := false; !over; {
		if polled {
			report, err := pool.Run(ctx, plan)
			if err != nil {
				return err
			}
			latency.Merge(report.Latency)
			requests += report.Requests
		} else {
			time.Sleep(10 * time.Millisecond)
		}
		if !rebuilt {
			over = time.Since(begun) >= r.env.Window()
			continue
		}
		now, err := r.look(ctx, id)
		if err != nil {
			return err
		}
		if over = now.State != "running"; over {
			if err := r.note(row, &now, n); err != nil {
				return err
			}
		}
	}
	if polled {
		row.Add(result.Rate, result.PerSecond, float64(requests)/time.Since(begun).Seconds())
		row.Add(result.P50, result.Milliseconds, latency.Quantile(0.5))
		row.Add(result.P99, result.Milliseconds, latency.Quantile(0.99))
		row.Add(result.Worst, result.Milliseconds, latency.Max())
	}
	if rebuilt {
		return r.t.Settled(ctx, r.env.Quiet())
	}
	return nil
}

func (r *rebuilding) note(row *result.Row, now *run, n int) error {
	if now.State != "done" || !now.Result.Switched || !now.Result.Equal || now.Result.Events < n {
		return fmt.Errorf("the rebuild is %s: %s %+v", now.State, now.Error, now.Result)
	}
	row.Add(result.Events, result.PerSecond, float64(now.Result.Events)/now.Result.Seconds)
	row.Add("pause", result.Milliseconds, 1000*now.Result.PauseSeconds)
	row.Add("peak", "MB", now.Result.PeakBytes/1e6)
	return nil
}
