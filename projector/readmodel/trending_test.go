package readmodel

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events"
)

// said is one move of a video's score, as a plain recount keeps it.
type said struct {
	video uint32
	at    events.Time
	delta int32
}

// recountScores adds up what lies in the window that ends at now or, where that
// is later, at the log time.
func recountScores(moves []said, w Window, logTime, now events.Time) map[uint32]int32 {
	width, length := time.Minute, 60
	switch w {
	case WindowDay:
		width, length = 10*time.Minute, 144
	case WindowWeek:
		width, length = time.Hour, 168
	}
	micros := events.Time(width.Microseconds())
	end := max(logTime, now)
	first := (end-end%micros)/micros - events.Time(length)
	scores := map[uint32]int32{}
	for _, m := range moves {
		if m.at >= first*micros {
			scores[m.video] += m.delta
		}
	}
	maps.DeleteFunc(scores, func(_ uint32, n int32) bool { return n <= 0 })
	return scores
}

func scoresOf(tr *Trending, r Ranking, w Window, now events.Time) map[uint32]int32 {
	scores := map[uint32]int32{}
	tr.Scores(r, w, now.Std(), func(video uint32, score int32) { scores[video] = score })
	return scores
}

// edges are ages at which an event is about to leave a bucket or a window.
var edges = []time.Duration{
	0, -5 * time.Minute, time.Minute, 10 * time.Minute, 59 * time.Minute, time.Hour, 61 * time.Minute, 69 * time.Minute, 70 * time.Minute,
	71 * time.Minute, 24 * time.Hour, 24*time.Hour + 10*time.Minute, 25 * time.Hour, 167 * time.Hour, 168 * time.Hour, 169 * time.Hour, 200 * time.Hour,
}

// TestTrendingEqualsARecount moves scores at all ages, also below zero, lets
// the log time run on by steps and leaps, and restarts from a checkpoint.
func TestTrendingEqualsARecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr, other := newTrending(), newTrending() // the other one is never saved
		var moves [rankingCount][]said
		kept := newMemory("")
		start := events.TimeOf(time.Unix(rapid.Int64Range(0, 30*86400).Draw(t, "start"), 0))
		logTime := start
		tr.advance(logTime)
		other.advance(logTime)
		for round := range rapid.IntRange(1, 30).Draw(t, "rounds") {
			for range rapid.IntRange(0, 20).Draw(t, "moves") {
				age := rapid.SampledFrom(edges).Draw(t, "age") + rapid.SampledFrom([]time.Duration{0, time.Microsecond, -time.Microsecond, 7 * time.Minute}).Draw(t, "off")
				r := Ranking(rapid.IntRange(0, 1).Draw(t, "ranking"))
				m := said{uint32(rapid.IntRange(0, 5).Draw(t, "video")), logTime - events.Time(age.Microseconds()), 1 - 2*int32(rapid.IntRange(0, 1).Draw(t, "down"))}
				moves[r] = append(moves[r], m)
				tr.add(r, m.video, m.at, m.delta)
				other.add(r, m.video, m.at, m.delta)
			}
			step := rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, 10 * time.Minute, time.Hour, 26 * time.Hour}).Draw(t, "step")
			logTime += events.Time(step.Microseconds())
			tr.advance(logTime)
			other.advance(logTime)
			for r := range moves {
				for w := range windowCount {
					for _, later := range edges {
						now := logTime + events.Time(later.Microseconds())
						want := recountScores(moves[r], w, logTime, now)
						if got := scoresOf(tr, Ranking(r), w, now); !maps.Equal(got, want) {
							t.Fatalf("round %d, ranking %d, window %d, %v later: %v, recounted %v", round, r, w, later, got, want)
						}
					}
				}
			}
			if a, b := tr.digest(), other.digest(); a != b {
				t.Fatalf("round %d: digests %x and %x", round, a, b)
			}
			if rapid.Bool().Draw(t, "save") {
				i := &Image{Version: uint64(round + 1), rows: newLayer()}
				tr.freeze(i)
				kept = kept.put(i)
				if rapid.Bool().Draw(t, "restart") {
					tr = newTrending()
					if err := tr.load(kept); err != nil {
						t.Fatal(err)
					}
					tr.settle(logTime)
				}
			}
		}
	})
}

// TestTrendingOfManyMoves goes through sorting by counting, and through merges.
func TestTrendingOfManyMoves(t *testing.T) {
	tr := newTrending()
	tr.advance(events.TimeOf(testStart))
	want := map[uint32]int32{}
	seed := uint32(1)
	for n := range 5 * movesMin {
		seed = seed*1664525 + 1013904223
		video, delta := seed>>8, int32(1)
		if n%5 == 0 {
			video %= 1000 // below the ten and above the one digit
		} else if n%3 == 0 {
			delta = -1
		}
		video %= 1 << 22
		tr.add(ByLikes, video, events.TimeOf(testStart), delta)
		want[video] += delta
	}
	maps.DeleteFunc(want, func(_ uint32, n int32) bool { return n <= 0 })
	if got := scoresOf(tr, ByLikes, WindowHour, events.TimeOf(testStart)); !maps.Equal(got, want) {
		t.Errorf("%d videos, recounted %d, and they differ", len(got), len(want))
	}
	before := tr.digest()
	tr.digest()
	if after := tr.digest(); before != after {
		t.Errorf("digest %x, asked again %x", before, after)
	}
	if got := scoresOf(tr, ByLikes, WindowWeek, events.TimeOf(testStart)); !maps.Equal(got, want) {
		t.Errorf("settled: %d videos, recounted %d, and they differ", len(got), len(want))
	}
}

// TestBucketsOfManyVideosAreSavedInParts lets a bucket grow over several parts,
// shrink to one, and go, with a restart after each: no value gets long, and none
// is left over.
func TestBucketsOfManyVideosAreSavedInParts(t *testing.T) {
	const parts = 3
	tr, kept, logTime := newTrending(), newMemory(t.TempDir()), events.TimeOf(testStart)
	tr.advance(logTime)
	restart := func(want int) {
		t.Helper()
		i := &Image{Version: kept.version + 1, rows: newLayer()}
		tr.freeze(i)
		kept = kept.with(i)
		if got := len(kept.keys([]byte{spaceTrending})); got != want {
			t.Fatalf("version %d has %d values, want %d", i.Version, got, want)
		}
		for key, value := range kept.values {
			if len(value.value) > 8*trendingScores {
				t.Fatalf("value %x has %d bytes", key, len(value.value))
			}
		}
		before := tr.digest()
		tr = newTrending()
		if err := tr.load(kept); err != nil {
			t.Fatal(err)
		}
		tr.settle(logTime)
		if after := tr.digest(); before != after {
			t.Fatalf("digest %x, after a restart %x", before, after)
		}
	}
	for video := range uint32(parts * trendingScores) {
		tr.add(ByLikes, video, logTime, 1)
	}
	restart(parts)
	for video := range uint32((parts - 1) * trendingScores) {
		tr.add(ByLikes, video, logTime, -1)
	}
	restart(1)
	tr.add(ByLikes, 0, logTime, 1)
	restart(2)
	logTime += events.Time((2 * time.Hour).Microseconds())
	tr.advance(logTime) // into the ten minutes
	restart(2)
	logTime += events.Time((200 * time.Hour).Microseconds())
	tr.advance(logTime)
	restart(0)
}

// TestMissingPartOfABucketIsFound takes away each part.
func TestMissingPartOfABucketIsFound(t *testing.T) {
	tr, kept := newTrending(), newMemory(t.TempDir())
	tr.advance(events.TimeOf(testStart))
	for video := range uint32(2*trendingScores + 1) {
		tr.add(ByViews, video, events.TimeOf(testStart), 1)
	}
	i := &Image{Version: 1, rows: newLayer()}
	tr.freeze(i)
	kept = kept.with(i)
	for _, key := range kept.keys([]byte{spaceTrending}) {
		gone := kept.values[key]
		delete(kept.values, key)
		loaded := newTrending()
		if err := loaded.load(kept); err == nil && loaded.digest() == tr.digest() {
			t.Errorf("nothing is missed without %x", key)
		}
		kept.values[key] = gone
	}
}
