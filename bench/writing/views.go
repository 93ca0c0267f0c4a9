package writing

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/world"
)

const (
	// viewedVideos fit into one request for counters.
	viewedVideos = 1000
	// viewers is how many users send: each has a token of their own.
	viewers = 256
)

// views is a script of single commands: a view of one video by one user each.
type views struct {
	requests [][]byte
	next     int
	accepted int // so far, in all runs
}

func newViews() *views {
	v := new(views)
	tokens := make([]string, viewers)
	for i := range tokens {
		tokens[i] = "Authorization: Bearer " + process.Token(string(world.AppendUUID(nil, world.UserID(i))))
	}
	for i := range 4 * viewedVideos {
		path := "/v1/videos/" + string(world.AppendUUID(nil, world.ID(i%viewedVideos))) + "/views"
		v.requests = append(v.requests, load.Build("POST", path, "", nil, tokens[i%viewers]))
	}
	return v
}

// Next returns the next view.
func (v *views) Next(int) []byte {
	v.next++
	return v.requests[v.next%len(v.requests)]
}

// Check takes nothing but a durable acknowledgement.
func (v *views) Check(_ int, a *load.Answer) error {
	if a.Status != http.StatusAccepted || !bytes.HasPrefix(a.Body, []byte(`{"position":"`)) {
		return fmt.Errorf("a view was answered with %d: %.300s", a.Status, a.Body)
	}
	v.accepted++
	return nil
}

// constant returns the script that asks the floor for answers of that size with
// the same headers.
func (v *views) constant(size int) load.Script {
	const kept = 256
	exchanges := make([]load.Exchange, kept)
	path := []byte(fmt.Sprintf("/floor/%d", size))
	for i := range exchanges {
		from, to := bytes.IndexByte(v.requests[i], ' ')+1, bytes.Index(v.requests[i], []byte(" HTTP/1.1"))
		request := append(bytes.Clone(v.requests[i][:from]), path...)
		exchanges[i] = load.Exchange{Request: append(request, v.requests[i][to:]...), Want: world.Constant(size)}
	}
	return load.NewCycle(exchanges, 64)
}

// answerSize sends one view and returns the size of its answer's body.
func (v *views) answerSize(ctx context.Context, address string) (int, error) {
	pool, err := load.Dial(ctx, address, 1)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	report, err := pool.Run(ctx, load.Plan{Script: v, Duration: time.Hour, Limit: 1})
	if err != nil {
		return 0, err
	}
	return int(report.BodyBytes), nil
}

// checkLimit is how long the fold may be behind when it is asked.
const checkLimit = time.Minute

// check compares the sum of all counters with the number of acknowledgements.
func (v *views) check(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	videos := make([]int, viewedVideos)
	for i := range videos {
		videos[i] = i
	}
	body := world.AppendBatchRequest(nil, videos)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		counted, err := count(ctx, address, body)
		if err != nil || counted.Views == v.accepted {
			return err
		}
		if counted.Views > v.accepted {
			return fmt.Errorf("%d views were acknowledged, %d are counted", v.accepted, counted.Views)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d views were acknowledged, %d are counted after %s", v.accepted, counted.Views, checkLimit)
		}
	}
}

// counters are what some videos have together.
type counters struct {
	Views int `json:"view_count"`
	Likes int `json:"like_count"`
}

func count(ctx context.Context, address string, body []byte) (sum counters, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/videos/batch-metadata", bytes.NewReader(body))
	if err != nil {
		return sum, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return sum, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return sum, err
	}
	var answer struct {
		Videos map[string]counters `json:"videos"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return sum, fmt.Errorf("read counters from %.300s: %w", text, err)
	}
	for _, one := range answer.Videos {
		sum.Views += one.Views
		sum.Likes += one.Likes
	}
	return sum, nil
}
