package readmodel

import (
	"sync"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// Window is a span of time over which videos are ranked.
type Window uint8

// The windows.
const (
	WindowHour Window = iota
	WindowDay
	WindowWeek
	windowCount
)

// Ranking says what a video's score in a window counts.
type Ranking uint8

// The rankings.
const (
	ByViews Ranking = iota
	ByLikes
	rankingCount
)

// windowShape: a window slides in steps of its bucket's width, and spans its
// length and the part of a bucket that has begun.
var windowShape = [windowCount]struct {
	width  time.Duration
	length int // in buckets
}{
	WindowHour: {time.Minute, 60},
	WindowDay:  {10 * time.Minute, 144},
	WindowWeek: {time.Hour, 168},
}

// Trending counts views, and likes that stand, per video in buckets of the
// event's time. The fold writes in batches under the lock; readers rank under it.
type Trending struct {
	mu    sync.RWMutex
	rings [rankingCount][windowCount]ring
}

// ring holds the buckets of one window, and their sum.
type ring struct {
	width   int64 // microseconds
	length  int64 // buckets
	now     int64 // the bucket of the log time
	buckets map[int64]*tally
	total   map[uint32]int32
	dropped []int64 // since the last checkpoint
}

// tally is one bucket: the score of each video in it.
type tally struct {
	scores map[uint32]int32
	dirty  bool
	digest uint64 // as of the last checkpoint
}

func newTrending() *Trending {
	t := &Trending{}
	for r := range t.rings {
		for w := range t.rings[r] {
			shape := windowShape[w]
			t.rings[r][w] = ring{
				width: shape.width.Microseconds(), length: int64(shape.length),
				buckets: map[int64]*tally{}, total: map[uint32]int32{},
			}
		}
	}
	return t
}

// advance moves the windows to the log time and drops what falls out of them.
// The caller holds the lock.
func (t *Trending) advance(logTime events.Time) {
	for r := range t.rings {
		for w := range t.rings[r] {
			t.rings[r][w].advance(floorDiv(int64(logTime), t.rings[r][w].width))
		}
	}
}

func (g *ring) advance(now int64) {
	if now <= g.now {
		return
	}
	g.now = now
	for at, b := range g.buckets {
		if g.holds(at, now) {
			continue
		}
		for video, score := range b.scores {
			g.addTotal(video, -score)
		}
		g.dropped = append(g.dropped, at)
		delete(g.buckets, at)
	}
}

// holds reports whether the window that ends in bucket now spans the bucket.
func (g *ring) holds(bucket, now int64) bool { return bucket >= now-g.length }

// add moves a video's score by delta at the event's time. The caller holds the lock.
func (t *Trending) add(r Ranking, video uint32, at events.Time, delta int32) {
	for w := range t.rings[r] {
		t.rings[r][w].add(video, floorDiv(int64(at), t.rings[r][w].width), delta)
	}
}

func (g *ring) add(video uint32, bucket int64, delta int32) {
	if !g.holds(bucket, g.now) {
		return
	}
	b := g.buckets[bucket]
	if b == nil {
		b = &tally{scores: map[uint32]int32{}}
		g.buckets[bucket] = b
	}
	b.dirty = true
	addScore(b.scores, video, delta)
	g.addTotal(video, delta)
}

func (g *ring) addTotal(video uint32, delta int32) { addScore(g.total, video, delta) }

func addScore(scores map[uint32]int32, video uint32, delta int32) {
	if sum := scores[video] + delta; sum != 0 {
		scores[video] = sum
	} else {
		delete(scores, video)
	}
}

// Scores calls fn for each video with a score in the window that ends now: not
// before the log time, so that a quiet log does not keep old videos trending.
func (t *Trending) Scores(r Ranking, w Window, now time.Time, fn func(video uint32, score int32)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	g := &t.rings[r][w]
	bucket := max(g.now, floorDiv(now.UnixMicro(), g.width))
	var gone map[uint32]int32
	for at, b := range g.buckets {
		if g.holds(at, bucket) {
			continue
		}
		if gone == nil {
			gone = map[uint32]int32{}
		}
		for video, score := range b.scores {
			gone[video] += score
		}
	}
	for video, score := range g.total {
		if score -= gone[video]; score > 0 {
			fn(video, score)
		}
	}
}

func (b *tally) computeDigest(r, w int, at int64) uint64 {
	var sum uint64
	for video, score := range b.scores {
		sum += digestStart(tableTrending).word(uint64(r)).word(uint64(w)).word(uint64(at)).
			word(uint64(video)).word(uint64(uint32(score))).sum()
	}
	return sum
}
