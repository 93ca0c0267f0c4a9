package projector

import (
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// pooled names many videos and users, spread as random IDs are.
func pooled(kind byte, n int) (id [16]byte) {
	id[0], id[8] = kind, kind
	for i := range 4 {
		id[1+i], id[12+i] = byte(n>>(8*i)), byte(n>>(8*i))
	}
	return id
}

const (
	benchVideos = 100_000
	benchUsers  = 20_000
)

// benchBatches makes record batches of 500 events by a mix of types: so many
// views, likes and comments in a hundred, of outside producers or bare. The second
// half takes back the likes of the first, so that the batches can go round and
// round and each like changes something.
func benchBatches(count, likes, comments int, identities bool) []*decodedMessage {
	seed := uint32(1)
	next := func(n int) int {
		seed = seed*1664525 + 1013904223
		return int(seed>>8) % n
	}
	at := testTime
	batches := make([]*decodedMessage, count)
	like := events.TypeVideoLiked
	for seq := range batches {
		if seq == count/2 {
			seed, like = 1, events.TypeVideoUnliked
		}
		entries := make([]events.Entry, 500)
		for i := range entries {
			video, user := events.VideoID(pooled('v', next(benchVideos))), events.UserID(pooled('u', next(benchUsers)))
			at = at.Add(100 * time.Microsecond)
			m := events.Meta{Type: events.TypeVideoViewed, Time: events.TimeOf(at)}
			var d events.Data = events.VideoViewed{Video: video, User: user}
			switch p := next(100); {
			case p < likes:
				m.Type, m.Arrival, d = like, true, events.VideoLike{Video: video, User: user}
			case p < likes+comments:
				m.Type = events.TypeCommentCreated
				d = events.VideoItem{Video: video, Item: pooled('c', seq*500+i), Author: user}
			case identities:
				m.Source, m.ID = []byte("gateway"), fmt.Append(nil, seq, i)
			}
			entries[i] = events.Entry{Bytes: events.AppendEvent(nil, m, d), Events: 1}
		}
		batches[seq] = decode(ownMessage(uint64(seq+1), at, entries...))
	}
	return batches
}

func runFold(b *testing.B, batches []*decodedMessage) {
	f := newFold()
	pass := func(from uint64) {
		for i, m := range batches {
			m.Seq = from + uint64(i)
			if err := f.message(m); err != nil {
				b.Fatal(err)
			}
		}
	}
	pass(1) // names become known
	b.ReportAllocs()
	folded := 0
	spent := processorTime(b)
	for n := uint64(1); b.Loop(); n++ {
		m := batches[n%uint64(len(batches))]
		m.Seq = uint64(len(batches)) + n
		if err := f.message(m); err != nil {
			b.Fatal(err)
		}
		folded += m.batch.Events
	}
	b.ReportMetric(float64(folded)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(processorTime(b)-spent)/float64(folded), "cpu-ns/event")
}

// processorTime is what this process has used so far, in user and system mode:
// it tells two folds apart on a machine that does other things meanwhile.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkFoldViews folds record batches of 500 views of 100,000 known videos.
func BenchmarkFoldViews(b *testing.B) { runFold(b, benchBatches(200, 0, 0, false)) }

// BenchmarkFoldMix folds 70 views, 25 likes and 5 comments in a hundred.
func BenchmarkFoldMix(b *testing.B) { runFold(b, benchBatches(200, 25, 5, false)) }

// BenchmarkFoldIdentities folds views with identities, all of them repeats.
func BenchmarkFoldIdentities(b *testing.B) { runFold(b, benchBatches(200, 0, 0, true)) }

// TestFoldingKnownVideosAllocatesNothing compares with record batches of no
// events, since each allocates the snapshot that it publishes. The moves of
// trending are settled before: to merge them, once in 8,192 events and more,
// allocates the result. What other goroutines of the process allocate is counted too,
// so the least of several tries decides.
func TestFoldingKnownVideosAllocatesNothing(t *testing.T) {
	const runs, tries = 5, 10
	views, likes := benchBatches(2, 0, 0, false), benchBatches(2, 100, 0, false)
	empty := []*decodedMessage{decode(ownMessage(1, testTime)), decode(ownMessage(1, testTime))}
	f, seq := newFold(), uint64(0)
	allocations := func(batches []*decodedMessage) float64 {
		pass := func() {
			for _, m := range batches {
				seq++
				m.Seq = seq
				if err := f.message(m); err != nil {
					t.Fatal(err)
				}
			}
		}
		least := math.Inf(1)
		for range tries {
			for range 10 {
				pass()
			}
			f.model.Digest()
			least = min(least, testing.AllocsPerRun(runs, pass))
		}
		return least
	}
	published := allocations(empty)
	if n := allocations(views); n != published {
		t.Errorf("1,000 views: %v allocations, without them %v", n, published)
	}
	// The changes kept for the next checkpoint grow by doubling.
	if n := allocations(likes); n > published+2 {
		t.Errorf("1,000 likes: %v allocations, without them %v", n, published)
	}
}
