package readmodel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

const idsPerLookup = 20

// benchVideos returns a table of that many videos.
func benchVideos(videos uint64) *Videos {
	v := newVideos(nil)
	for n := range videos {
		v.change(v.intern(numberedID(n)), Counts{1}, slotKnown, events.Position{Seq: n + 1})
		if n%100_000 == 0 {
			v.dirty.clear() // as each checkpoint does
		}
	}
	v.dirty = dirtySet{}
	return v
}

func TestLookupAllocatesNothing(t *testing.T) {
	v := benchVideos(1000)
	ids := make([]events.VideoID, 100)
	for i := range ids {
		ids[i] = numberedID(uint64(i) * 11)
	}
	slots, found := make([]Slot, len(ids)), make([]bool, len(ids))
	if got := testing.AllocsPerRun(100, func() { v.Lookup(ids, slots, found) }); got != 0 {
		t.Errorf("%v allocations a look-up", got)
	}
}

// TestALookupMeetsAChunkThatIsNew looks a video up until it is there, while the
// fold begins a chunk for it.
func TestALookupMeetsAChunkThatIsNew(t *testing.T) {
	ids := slices.Repeat([]events.VideoID{numberedID(1)}, len(probes{}.hashes))
	for range 100 {
		v := newVideos(nil)
		v.reserve(0)
		v.count = chunkSize - 1
		v.intern(numberedID(0))
		looking, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			slots, found := make([]Slot, len(ids)), make([]bool, len(ids))
			v.Lookup(ids, slots, found)
			for close(looking); !found[0]; {
				v.Lookup(ids, slots, found)
			}
		}()
		<-looking
		v.intern(numberedID(1))
		<-done
	}
}

// BenchmarkLookup reads 20 videos. Drawn uniformly from many, each is a cache
// miss; drawn by Zipf's law, most are not.
func BenchmarkLookup(b *testing.B) {
	for _, size := range []struct {
		name   string
		videos uint64
	}{{"10k", 10_000}, {"1M", 1_000_000}, {"10M", 10_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			v := benchVideos(size.videos)
			random := rand.New(rand.NewPCG(3, 4))
			zipf := rand.NewZipf(random, 1.07, 1, size.videos-1)
			b.Run("uniform", func(b *testing.B) { benchLookup(b, v, func() uint64 { return random.Uint64N(size.videos) }) })
			b.Run("zipf", func(b *testing.B) { benchLookup(b, v, zipf.Uint64) })
		})
	}
}

// benchLookup looks up lists of videos that draw picks, so many that their
// slots do not stay in the caches because of the benchmark.
func benchLookup(b *testing.B, v *Videos, draw func() uint64) {
	requests := make([][idsPerLookup]events.VideoID, 1<<16)
	for r := range requests {
		for i := range requests[r] {
			requests[r][i] = numberedID(draw())
		}
	}
	var slots [idsPerLookup]Slot
	var found [idsPerLookup]bool
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		v.Lookup(requests[n%len(requests)][:], slots[:], found[:])
	}
}
