package writing

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/world"
)

// Visible is the scenario of one client that reads its own writes, with the
// subjects of its rows.
const (
	Visible = "write/visible"
	ReadOwn = "from an acknowledgement to the answer that shows it"
	Plain   = "of it, a poll that waits for nothing"
)

// ownVideo lies apart from the videos that the other scenarios view.
const ownVideo = viewedVideos + 1

// visible lets one client view a video and ask for its counters at once, naming
// the position that it was given. The answer's way through HTTP is in the time.
func (st *stage) visible(ctx context.Context, env *scenario.Env) ([]result.Row, error) {
	if err := st.ready(ctx, env); err != nil {
		return nil, err
	}
	rows := []result.Row{{Scenario: Visible, Subject: ReadOwn}, {Scenario: Visible, Subject: Plain}}
	for range env.Rounds {
		for i := range rows {
			script := &st.readers[i]
			script.start(i == 0)
			if err := script.run(ctx, st.tidemark.Address, env.Window()/2); err != nil {
				return rows, fmt.Errorf("%s: %w", rows[i].Subject, err)
			}
			rows[i].Add(result.P50, result.Milliseconds, script.waited.Quantile(0.5))
			rows[i].Add(result.P99, result.Milliseconds, script.waited.Quantile(0.99))
			rows[i].Add(result.Worst, result.Milliseconds, script.waited.Max())
		}
	}
	return rows, nil
}

// readBack is a script that views a video and reads it back, in turn.
type readBack struct {
	view   []byte
	video  int
	viewed int // acknowledged so far
	after  bool
	// position is the last acknowledgement's, acknowledged when it came.
	position     []byte
	acknowledged time.Time
	reading      bool
	waited       *load.Histogram
}

func newReadBack(video int, token string) readBack {
	path := "/v1/videos/" + string(world.AppendUUID(nil, world.ID(video))) + "/views"
	return readBack{video: video, view: load.Build("POST", path, "", nil, token)}
}

// start begins a round; after says whether polls name the position.
func (r *readBack) start(after bool) {
	r.after, r.reading, r.waited = after, false, load.NewHistogram()
}

func (r *readBack) run(ctx context.Context, address string, window time.Duration) error {
	pool, err := load.Dial(ctx, address, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.Run(ctx, load.Plan{Script: r, Duration: window})
	return err
}

// Next returns a view, and after it a poll.
func (r *readBack) Next(int) []byte {
	if !r.reading {
		return r.view
	}
	body := world.AppendBatchRequest(nil, []int{r.video})
	if !r.after {
		r.acknowledged = time.Now()
		return load.Post("/v1/videos/batch-metadata", body)
	}
	return load.Post("/v1/videos/batch-metadata", body, "Tidemark-After: "+string(r.position))
}

// Check takes the position of a view, and wants a poll to show all views.
func (r *readBack) Check(_ int, a *load.Answer) error {
	if r.reading {
		r.reading = false
		r.waited.Record(time.Since(r.acknowledged))
		want := fmt.Sprintf(`"view_count":%d,`, r.viewed)
		if a.Status != http.StatusOK || r.after && !bytes.Contains(a.Body, []byte(want)) {
			return fmt.Errorf("%d views were acknowledged, and the poll after them was answered with %d: %.300s", r.viewed, a.Status, a.Body)
		}
		return nil
	}
	rest, found := bytes.CutPrefix(a.Body, []byte(`{"position":"`))
	position, _, ended := bytes.Cut(rest, []byte(`"`))
	if a.Status != http.StatusAccepted || !found || !ended {
		return fmt.Errorf("a view was answered with %d: %.300s", a.Status, a.Body)
	}
	r.position, r.acknowledged, r.reading = bytes.Clone(position), time.Now(), true
	r.viewed++
	return nil
}
