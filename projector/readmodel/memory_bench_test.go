package readmodel

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// numberedID spreads a small number over a whole ID, as random UUIDs are.
func numberedID(n uint64) (id [16]byte) {
	h := n*0x9e3779b97f4a7c15 ^ 0x5bd1e995
	binary.BigEndian.PutUint64(id[:8], h^h>>29)
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMemoryPerVideo builds a table of a million videos and reports what
// one costs, index and all.
func BenchmarkMemoryPerVideo(b *testing.B) {
	const videos = 1_000_000
	for range b.N {
		before := heapBytes()
		v := newVideos(nil)
		for n := range uint64(videos) {
			v.change(v.intern(numberedID(n)), Counts{1}, slotKnown, events.Position{Seq: n + 1})
			if n%100_000 == 0 {
				v.dirty.clear() // as each checkpoint does
			}
		}
		v.dirty = dirtySet{}
		b.ReportMetric(float64(heapBytes()-before)/videos, "bytes/video")
		runtime.KeepAlive(v)
	}
}

// BenchmarkMemoryPerLike has 20,000 users like 100 of a million videos each,
// and reports what a pair costs, its user's share included.
func BenchmarkMemoryPerLike(b *testing.B) {
	const users, each = 20_000, 100
	random := rand.New(rand.NewPCG(1, 2))
	for range b.N {
		before := heapBytes()
		u := newUsers(nil)
		for n := range uint64(users) {
			number := u.intern(numberedID(n))
			for range each {
				video := random.Uint32N(1_000_000)
				old, had := u.entry(number).likes.get(video)
				u.setLike(number, video, old, had, likeVersionOf(events.Time(n), true))
			}
			u.changes = userChanges{} // as each checkpoint does
		}
		u.changes = userChanges{}
		b.ReportMetric(float64(heapBytes()-before)/float64(u.pairs), "bytes/like")
		runtime.KeepAlive(u)
	}
}
