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
// length and the part of a bucket that has begun. Each width is a multiple of
// the one before, so that a bucket lies within one of the next window.
var windowShape = [windowCount]struct {
	width  int64 // microseconds
	length int64 // buckets
}{
	WindowHour: {time.Minute.Microseconds(), 60},
	WindowDay:  {10 * time.Minute.Microseconds(), 144},
	WindowWeek: {time.Hour.Microseconds(), 168},
}

// Trending counts views, and likes that stand, per video in buckets of the
// event's time. Each is counted once, in the finest bucket that a window still
// needs: in its minute until the hour is over for all ten minutes of that bucket,
// then with them in ten minutes, then in an hour. So an event costs one append,
// and windows are added up by who asks for them, which is seldom.
//
// The fold writes in batches under the lock. A reader takes it to collect
// slices, whose scores never change, and adds them up without it.
type Trending struct {
	mu    sync.RWMutex
	now   int64 // the log time, microseconds; exact to the minute
	parts [rankingCount][windowCount]part
	// last is where the last event went: most go there again.
	last  [rankingCount]lastBucket
	spare moveSorter
	// base is where buckets are that were left in the checkpoint, as is done where
	// lean says so.
	base Base
	lean bool
	// sums are lent to readers. What lies in the pool is all zero.
	sums sync.Pool
}

// part holds the buckets of one width, from the oldest that is not rolled up.
type part struct {
	width   int64 // microseconds
	first   int64 // the oldest bucket kept
	buckets map[int64]*tally
	dropped []droppedTally // since the last checkpoint
}

// droppedTally is a bucket that is gone, and its values in the checkpoint.
type droppedTally struct {
	at     int64
	values uint32
}

// lastBucket is the bucket of the times from from up to until.
type lastBucket struct {
	from, until int64
	tally       *tally
}

func newTrending() *Trending {
	t := &Trending{sums: sync.Pool{New: func() any { return new(sums) }}}
	for r := range t.parts {
		for w := range t.parts[r] {
			t.parts[r][w] = part{width: windowShape[w].width, buckets: map[int64]*tally{}}
		}
	}
	t.settle(0)
	return t
}

// settle puts the windows where the log time is, before the first event, or
// after buckets were loaded.
func (t *Trending) settle(logTime events.Time) {
	t.now = int64(logTime)
	for r := range t.parts {
		for w := range t.parts[r] {
			t.parts[r][w].first = firstKept(Window(w), t.now)
		}
	}
}

// firstKept is the oldest bucket that stands by itself at the log time: the
// first of those that make up one bucket of the next window, as long as the
// window spans any of them.
func firstKept(w Window, now int64) int64 {
	shape := windowShape[w]
	oldest := floorDiv(now, shape.width) - shape.length
	if w+1 == windowCount {
		return oldest
	}
	times := windowShape[w+1].width / shape.width
	return floorDiv(oldest, times) * times
}

// advance moves the windows to the log time, rolls up what falls out of them
// into the buckets of the next, and drops what falls out of the last. The caller
// holds the lock.
func (t *Trending) advance(logTime events.Time) {
	t.now = int64(logTime)
	for r := range t.parts {
		t.last[r] = lastBucket{}
		for w := range t.parts[r] {
			first := firstKept(Window(w), t.now)
			if first <= t.parts[r][w].first {
				continue
			}
			t.parts[r][w].first = first
			t.rollUp(Ranking(r), Window(w))
		}
	}
}

// rollUp moves the buckets before the first kept to the next window's.
func (t *Trending) rollUp(r Ranking, w Window) {
	p := &t.parts[r][w]
	whole := map[int64][][]score{} // by bucket of the next window
	for at, b := range p.buckets {
		if at >= p.first {
			continue
		}
		if w+1 < windowCount {
			b.settle(&t.spare)
			b.here()
			next := floorDiv(at*p.width, windowShape[w+1].width)
			whole[next] = append(whole[next], b.scores)
		}
		p.dropped = append(p.dropped, droppedTally{at, b.values})
		delete(p.buckets, at)
	}
	for at, parts := range whole {
		b := t.parts[r][w+1].bucket(at)
		b.here()
		b.scores = mergeAll(append(parts, b.scores))
		b.touch()
	}
}

// add moves a video's score by delta, 1 or -1, at the event's time. What is
// older than all windows is not counted. The caller holds the lock.
func (t *Trending) add(r Ranking, video uint32, at events.Time, delta int32) {
	last := &t.last[r]
	if int64(at) < last.from || int64(at) >= last.until {
		*last = t.find(r, int64(at))
	}
	if last.tally == nil {
		return
	}
	last.tally.add(moveOf(video, delta), &t.spare)
}

// find returns the bucket where an event of that time counts.
func (t *Trending) find(r Ranking, at int64) lastBucket {
	for w := range t.parts[r] {
		p := &t.parts[r][w]
		if n := floorDiv(at, p.width); n >= p.first {
			return lastBucket{from: n * p.width, until: (n + 1) * p.width, tally: p.bucket(n)}
		}
	}
	return lastBucket{}
}

func (p *part) bucket(at int64) *tally {
	b := p.buckets[at]
	if b == nil {
		b = &tally{}
		p.buckets[at] = b
	}
	return b
}

// Scores calls fn for each video with a score in the window that ends now, in
// the order of their numbers: not before the log time, so that a quiet log does
// not keep old videos trending.
func (t *Trending) Scores(r Ranking, w Window, now time.Time, fn func(video uint32, score int32)) {
	sum := t.sums.Get().(*sums)
	sum.addAll(t.collect(r, w, now))
	sum.drain(fn)
	t.sums.Put(sum)
}

// collect returns what counts in the window: scores, which the fold does not
// change any more, and a copy of the moves that it has not added to them yet.
func (t *Trending) collect(r Ranking, w Window, now time.Time) (scores [][]score, moves []move) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	shape := windowShape[w]
	first := floorDiv(max(t.now, now.UnixMicro()), shape.width) - shape.length
	for v := range w + 1 {
		for at, b := range t.parts[r][v].buckets {
			if floorDiv(at*windowShape[v].width, shape.width) >= first {
				b.mustBeHere()
				scores, moves = append(scores, b.scores), append(moves, b.moves...)
			}
		}
	}
	return scores, moves
}

// digest sums up all buckets. It settles them first, since equal scores must
// give equal digests however they came about.
func (t *Trending) digest() (sum uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for r := range t.parts {
		for w := range t.parts[r] {
			for at, b := range t.parts[r][w].buckets {
				sum += b.sum(partOf(r, w), at, &t.spare)
			}
		}
	}
	return sum
}
