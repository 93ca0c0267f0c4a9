package query

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// scattered returns the n-th of IDs that lie anywhere, as real ones do.
func scattered(n int) (id events.VideoID) {
	x := uint64(n)*0x9e3779b97f4a7c15 + 1
	x ^= x >> 29
	binary.BigEndian.PutUint64(id[:8], x*0xbf58476d1ce4e5b9)
	binary.BigEndian.PutUint64(id[8:], x*0x94d049bb133111eb)
	return id
}

// crowd folds that many videos.
func crowd(w *world, videos int) {
	for n := 0; n < videos; {
		w.fold(func(m *readmodel.Model, step func() events.Position) {
			for end := min(videos, n+events.MaxBatchEvents); n < end; n++ {
				step()
				m.SetBaseline(events.CounterBaseline{Video: scattered(n), Source: []byte("x"), Set: 1, Values: [5]int64{int64(n)}})
			}
		})
	}
}

func scatteredBodies(videos, bodies, ids int) [][]byte {
	list := make([][]byte, bodies)
	for b := range list {
		texts := make([]string, ids)
		for i := range texts {
			texts[i] = scattered((b*7919 + i*104729) % videos).String()
		}
		list[b] = []byte(idsBody("video_ids", texts...))
	}
	return list
}

// answerOnce is the whole way from a body to an answer, without HTTP.
func answerOnce(s *Service, scan *strictjson.Scanner, body, out []byte) []byte {
	q := s.metadataQuery()
	scan.Reset(body)
	if err := q.decode(scan, s.maxBatch); err != nil {
		panic(err)
	}
	q.read(s.source.Model())
	out = q.appendAnswer(out[:0])
	s.release(q)
	return out
}

func TestBatchMetadataAllocatesNothing(t *testing.T) {
	if raceEnabled {
		return // the race detector makes sync.Pool forget on purpose
	}
	w := newWorld(t)
	crowd(w, 2000)
	bodies := scatteredBodies(2000, 50, 20)
	large := scatteredBodies(2000, 1, DefaultMaxBatch)[0]
	spelt := []byte(idsBody("video_ids", vid(1), strings.ToUpper(vid(1)), vid(1), strings.ToUpper(vid(1))))
	polled := []byte(sinceBody(w.token(), vid(1)))
	var scan strictjson.Scanner
	var out []byte
	for name, each := range map[string]func(i int) []byte{
		"20 IDs":      func(i int) []byte { return bodies[i%len(bodies)] },
		"1,000 IDs":   func(int) []byte { return large },
		"2 spellings": func(int) []byte { return spelt },
	} {
		i := 0
		if got := testing.AllocsPerRun(200, func() { out = answerOnce(w.service, &scan, each(i), out); i++ }); got != 0 {
			t.Errorf("%s: %v allocations a request", name, got)
		}
	}
	t.Logf("a since poll makes %v allocations", testing.AllocsPerRun(200, func() { out = answerOnce(w.service, &scan, polled, out) }))
}

// sink is a ResponseWriter that keeps nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

// BenchmarkBatchMetadata asks for 20 of a million videos.
func BenchmarkBatchMetadata(b *testing.B) {
	const videos = 1_000_000
	w := newWorld(b)
	crowd(w, videos)
	bodies := scatteredBodies(videos, 5000, 20)
	large := scatteredBodies(videos, 50, DefaultMaxBatch)
	var scan strictjson.Scanner
	var out []byte

	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		q := w.service.metadataQuery()
		for i := 0; b.Loop(); i++ {
			q.list.Reset()
			scan.Reset(bodies[i%len(bodies)])
			if err := q.decode(&scan, DefaultMaxBatch); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		queries := make([]*metadataQuery, 500)
		for i := range queries {
			queries[i] = w.service.metadataQuery()
			queries[i].list.Reset()
			scan.Reset(bodies[i])
			if err := queries[i].decode(&scan, DefaultMaxBatch); err != nil {
				b.Fatal(err)
			}
		}
		b.ResetTimer()
		for i := 0; b.Loop(); i++ {
			queries[i%len(queries)].read(w.model)
		}
	})
	b.Run("answer", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			out = answerOnce(w.service, &scan, bodies[i%len(bodies)], out)
		}
	})
	b.Run("answer-1000", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			out = answerOnce(w.service, &scan, large[i%len(large)], out)
		}
	})
	b.Run("server", func(b *testing.B) {
		b.ReportAllocs()
		server := w.server()
		body := bytes.NewReader(nil)
		r, err := http.NewRequest("POST", metadataPath, nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Body = io.NopCloser(body)
		answer := &sink{header: http.Header{}}
		for i := 0; b.Loop(); i++ {
			body.Reset(bodies[i%len(bodies)])
			r.ContentLength = int64(len(bodies[i%len(bodies)]))
			clear(answer.header)
			if server.ServeHTTP(answer, r); answer.status != 200 {
				b.Fatal(answer.status)
			}
		}
	})
	b.Run("etag", func(b *testing.B) {
		b.ReportAllocs()
		q := w.service.metadataQuery()
		scan.Reset(bodies[0])
		if err := q.decode(&scan, DefaultMaxBatch); err != nil {
			b.Fatal(err)
		}
		q.read(w.model)
		for b.Loop() {
			q.etag()
		}
	})
}
