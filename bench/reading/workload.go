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
	// size is that of the floor's constant: of the real answers, on average.
	size int
}

const batchPath = "/v1/videos/batch-metadata"

// floorPath is where the floor answers a constant of that size.
func floorPath(size int) string { return fmt.Sprintf("/floor/%d", size) }

// newWorkload returns requests for as many videos each, drawn by popularity.
func newWorkload(videos world.Videos, ids int) *workload {
	count := min(4096, 200_000/ids) // the client's own memory must not get in the way
	draw := videos.NewDraw(uint64(ids))
	w := new(workload)
	var bodies [][]byte
	for range count {
		batch := draw.Distinct(ids)
		body, answer := world.AppendBatchRequest(nil, batch), world.AppendBatchAnswer(nil, batch)
		w.real = append(w.real, load.Exchange{Request: load.Post(batchPath, body), Want: answer})
		w.size += len(answer)
		bodies = append(bodies, body)
	}
	w.size /= count
	w.addConstant(bodies)
	return w
}

// addConstant gives the floor the same bodies.
func (w *workload) addConstant(bodies [][]byte) {
	constant := world.Constant(w.size)
	for _, body := range bodies {
		w.constant = append(w.constant, load.Exchange{Request: load.Post(floorPath(w.size), body), Want: constant})
	}
}

// pollBody is the answer to a poll when nothing has changed.
var pollBody = []byte(`{"videos":{}}`)

// newPolls returns the requests of a workload as polls that ask what has changed
// since a position. Nothing has.
func newPolls(of *workload, since string) *workload {
	w := &workload{size: len(pollBody)}
	var bodies [][]byte
	for i := range of.real {
		_, body, _ := bytes.Cut(of.real[i].Request, []byte("\r\n\r\n"))
		body = append(bytes.Clone(body[:len(body)-1]), `,"since":"`+since+`"}`...)
		w.real = append(w.real, load.Exchange{Request: load.Post(batchPath, body), Want: pollBody})
		bodies = append(bodies, body)
	}
	w.addConstant(bodies)
	return w
}
