package readmodel

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// benchIdentity spreads a number as a hash does.
func benchIdentity(n uint64) identity {
	hi := n * 0x9e3779b97f4a7c15
	hi = (hi ^ hi>>32) * 0xbf58476d1ce4e5b9
	return newIdentity(hi^hi>>29, n)
}

// nothing is a checkpoint from which nothing is read.
type nothing struct{ Base }

// fill remembers identities of one day.
func fill(s *Seen, identities uint64) {
	for n := range identities {
		s.add(int64(n%24), benchIdentity(n), events.Time(n))
	}
}

// sealAll writes all that is in memory, as a checkpoint does.
func sealAll(s *Seen, version uint64, base Base, write yieldKey) {
	s.budget = 0
	i := &Image{Version: version}
	s.freeze(i)
	for _, p := range i.parts {
		p.put(write)
	}
	s.kept(base)
}

// BenchmarkMemoryPerIdentity remembers two million outside events of one day
// and reports what one costs in memory, before and after it is sealed, and what
// its page and its slab take in the checkpoint.
func BenchmarkMemoryPerIdentity(b *testing.B) {
	const identities = 2_000_000
	for range b.N {
		before := heapBytes()
		s := newSeen(0, 1<<40)
		fill(s, identities)
		for _, bucket := range s.buckets {
			bucket.fresh = nil // as each checkpoint does
		}
		b.ReportMetric(float64(heapBytes()-before)/identities, "bytes/identity")
		written := 0
		sealAll(s, 1, nothing{}, func(key, value []byte) bool {
			written += len(key) + len(value)
			return true
		})
		b.ReportMetric(float64(heapBytes()-before)/identities, "bytes/sealed")
		b.ReportMetric(float64(written)/identities, "bytes/written")
		runtime.KeepAlive(s)
	}
}

// BenchmarkIdentityAdd remembers new identities of one day, as the fold does:
// it asks first. Every 100,000 a checkpoint takes what is fresh.
func BenchmarkIdentityAdd(b *testing.B) {
	s := newSeen(0, 1<<40)
	b.ReportAllocs()
	for n := range uint64(b.N) {
		id := benchIdentity(n)
		if s.contains(int64(n%24), id) {
			b.Fatal("seen before")
		}
		s.add(int64(n%24), id, events.Time(n))
		if n%100_000 == 0 {
			s.freeze(&Image{Version: n})
			s.kept(nil)
		}
	}
}

// BenchmarkIdentityRepeat asks for identities out of two million in memory.
func BenchmarkIdentityRepeat(b *testing.B) {
	const identities = 2_000_000
	s := newSeen(0, 1<<40)
	fill(s, identities)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range uint64(b.N) {
		n = n * 0x9e3779b1 % identities
		if !s.contains(int64(n%24), benchIdentity(n)) {
			b.Fatal("not seen before")
		}
	}
}

// BenchmarkSealedIdentityMiss asks two million sealed identities for others:
// what passes a filter is not counted here, since there are no pages.
func BenchmarkSealedIdentityMiss(b *testing.B) {
	const identities = 2_000_000
	s := newSeen(0, 1<<40)
	fill(s, identities)
	sealAll(s, 1, nothing{}, func(_, _ []byte) bool { return true })
	passed := 0
	b.ReportAllocs()
	b.ResetTimer()
	for n := range uint64(b.N) {
		if _, _, may := s.buckets[int64(n%24)].runs[0].page(benchIdentity(identities + n)); may {
			passed++
		}
	}
	b.ReportMetric(100*float64(passed)/float64(b.N), "%passed")
}

// BenchmarkSealIdentities sorts, cuts and filters what is to be sealed.
func BenchmarkSealIdentities(b *testing.B) {
	const identities = 1_000_000
	for range b.N {
		b.StopTimer()
		s := newSeen(0, 1<<40)
		fill(s, identities)
		b.StartTimer()
		sealAll(s, 1, nothing{}, func(_, _ []byte) bool { return true })
	}
	b.ReportMetric(float64(b.N)*identities/b.Elapsed().Seconds(), "identities/s")
}

// BenchmarkIdentityOf hashes an event of a gateway.
func BenchmarkIdentityOf(b *testing.B) {
	id := make([]byte, 36)
	m := events.Meta{Type: events.TypeVideoViewed, Source: []byte("gateway"), ID: id}
	b.ReportAllocs()
	for n := range uint64(b.N) {
		binary.BigEndian.PutUint64(id, n)
		if identityOf(&m) == (identity{}) {
			b.Fatal("zero")
		}
	}
}
