package world

import (
	"math/rand/v2"
	"slices"
)

// Skew is the exponent of the popularity of videos.
const Skew = 1.07

// Draw draws videos by popularity, the same ones for the same seed. It is not
// safe for concurrent use.
type Draw struct {
	zipf *rand.Zipf
	n    int
}

// NewDraw returns a source of videos.
func (n Videos) NewDraw(seed uint64) *Draw {
	return &Draw{rand.NewZipf(rand.New(rand.NewPCG(seed, 7)), Skew, 1, uint64(n)-1), int(n)}
}

// Video returns one video. Popular ones lie anywhere among the numbers, so that
// no table profits from the order in which it was filled.
func (d *Draw) Video() int { return int(d.zipf.Uint64() * 611_953 % uint64(d.n)) }

// Distinct returns as many different videos.
func (d *Draw) Distinct(count int) []int {
	videos := make([]int, 0, count)
	for len(videos) < count {
		if v := d.Video(); !slices.Contains(videos, v) {
			videos = append(videos, v)
		}
	}
	return videos
}

// AppendBatchRequest appends the body of POST /v1/videos/batch-metadata.
func AppendBatchRequest(dst []byte, videos []int) []byte {
	dst = append(dst, `{"video_ids":[`...)
	for i, v := range videos {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendUUID(append(dst, '"'), ID(v)), '"')
	}
	return append(dst, `]}`...)
}

// AppendBatchAnswer appends the answer to it, with the counters as Counts has
// them.
func AppendBatchAnswer(dst []byte, videos []int) []byte {
	dst = append(dst, `{"videos":{`...)
	for i, v := range videos {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendEntry(dst, ID(v), Counts(v))
	}
	return append(dst, `}}`...)
}

// Constant returns the body with which the floor answers: one of exactly that
// size, of the same bytes as a real one.
func Constant(size int) []byte {
	videos := make([]int, size/100+1)
	for i := range videos {
		videos[i] = i
	}
	return AppendBatchAnswer(nil, videos)[:size:size]
}
