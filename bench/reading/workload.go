package reading

import (
	"bytes"
	"fmt"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/world"
)

// workload is prebuilt requests with their answers: for servers that know the
// videos, and for the floor.
type workload struct {
	real, constant []load.Exchange
}

const batchPath = "/v1/videos/batch-metadata"

// floorPath is where the floor answers a constant of that size.
func floorPath(size int) string { return fmt.Sprintf("/floor/%d", size) }

// newWorkload returns requests for as many videos each, drawn by popularity.
func newWorkload(videos world.Videos, ids int) *workload {
	count := min(4096, 200_000/ids) // the client's own memory must not get in the way
	draw := videos.NewDraw(uint64(ids))
	w := new(workload)
	size := floorSize(ids)
	constant := world.Constant(size)
	for range count {
		batch := draw.Distinct(ids)
		body := world.AppendBatchRequest(nil, batch)
		w.real = append(w.real, load.Exchange{Request: load.Post(batchPath, body), Want: world.AppendBatchAnswer(nil, batch)})
		w.constant = append(w.constant, load.Exchange{Request: load.Post(floorPath(size), body), Want: constant})
	}
	return w
}

// floorSize is the size of the floor's constant for requests of as many IDs:
// that of the real answers, on average over all videos.
func floorSize(ids int) int {
	videos := make([]int, 100)
	for i := range videos {
		videos[i] = i
	}
	entries := len(world.AppendBatchAnswer(nil, videos))
	return entries * ids / len(videos)
}

// pollBody is the answer to a poll when nothing has changed.
var pollBody = []byte(`{"videos":{}}`)

// newPolls returns polls that ask what has changed since a position. Nothing
// has.
func newPolls(videos world.Videos, ids int, since string) *workload {
	w := newWorkload(videos, ids)
	constant := world.Constant(len(pollBody))
	for i := range w.real {
		_, body, _ := bytes.Cut(w.real[i].Request, []byte("\r\n\r\n"))
		body = append(bytes.Clone(body[:len(body)-1]), `,"since":"`+since+`"}`...)
		w.real[i] = load.Exchange{Request: load.Post(batchPath, body), Want: pollBody}
		w.constant[i] = load.Exchange{Request: load.Post(floorPath(len(pollBody)), body), Want: constant}
	}
	return w
}
