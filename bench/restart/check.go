package restart

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/world"
)

// checker sends views and knows which counters must come of them. Every video
// has one view from the history; views that are sent go round the first ones.
type checker struct {
	videos int // that views are sent for, of all
	asked  []int
}

// checkedVideos is how many videos take the views that are sent.
const checkedVideos = 1000

func newChecker(videos int) *checker {
	c := &checker{videos: min(videos, checkedVideos)}
	for i := range 20 {
		c.asked = append(c.asked, i*(c.videos/20))
	}
	c.asked = append(c.asked, videos-1) // one that took none
	return c
}

// view sends so many views, each with an identity of its own, in calls of a
// thousand; first numbers them.
func (c *checker) view(ctx context.Context, address string, first, count int) error {
	at := world.Start()
	token := process.ServiceToken()
	for from := first; from < first+count; from += 1000 {
		var body []byte
		n := min(1000, first+count-from)
		for i := range n {
			body = world.AppendView(body, "bench/restart", uint64(from+i), (from+i)%c.videos, at)
		}
		answer, err := post(ctx, address, "/v1/events", "application/x-ndjson", token, body)
		if err != nil {
			return err
		}
		if want := fmt.Sprintf(`{"accepted":%d,"duplicates":0,"rejected":[],`, n); !bytes.HasPrefix(answer, []byte(want)) {
			return fmt.Errorf("%d views were sent, and the service answered %.300s", n, answer)
		}
	}
	return nil
}

// check asks for counters and compares them, sent being how many views were
// acknowledged so far.
func (c *checker) check(ctx context.Context, address string, sent int) error {
	want := []byte(`{"videos":{`)
	for i, video := range c.asked {
		if i > 0 {
			want = append(want, ',')
		}
		views := 1
		if video < c.videos {
			views += (sent - video + c.videos - 1) / c.videos
		}
		want = world.AppendEntry(want, world.ID(video), [5]int64{int64(views)})
	}
	want = append(want, "}}"...)
	got, err := post(ctx, address, "/v1/videos/batch-metadata", "application/json", "", world.AppendBatchRequest(nil, c.asked))
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("after the start the service answers %s, and it must be %s", got, want)
	}
	return err
}

// post sends a body and returns that of the answer.
func post(ctx context.Context, address, path, media, token string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", media)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST %s was answered with %s: %.300s", path, resp.Status, answer)
	}
	return answer, err
}
