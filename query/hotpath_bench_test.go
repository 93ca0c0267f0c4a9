package query

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// sink is a ResponseWriter that keeps nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

// benchWorld folds that many videos; the first of them have counters of all
// lengths, the others zeros.
func benchWorld(b *testing.B, videos int) *world {
	w := newWorld(b)
	random := rand.New(rand.NewPCG(5, 6))
	for n := 0; n < videos; {
		w.fold(func(m *readmodel.Model, step func() events.Position) {
			for end := min(videos, n+events.MaxBatchEvents); n < end; n++ {
				step()
				if n >= benchCounted {
					m.PublishVideo(scattered(n), events.UserID{})
					continue
				}
				d := events.CounterBaseline{Video: scattered(n), Source: []byte("x"), Set: 1<<events.CounterCount - 1}
				for c := range d.Values {
					d.Values[c] = random.Int64N(10_000_000) >> random.IntN(24)
				}
				m.SetBaseline(d)
			}
		})
	}
	return w
}

// benchCounted bounds what the benchmark keeps of rows.
const benchCounted = 1_000_000

// benchBodies returns requests for 20 videos that draw picks.
func benchBodies(bodies int, draw func() int) [][]byte {
	list := make([][]byte, bodies)
	for b := range list {
		texts := make([]string, 20)
		for i := range texts {
			texts[i] = scattered(draw()).String()
		}
		list[b] = []byte(idsBody("video_ids", texts...))
	}
	return list
}

// BenchmarkBatchMetadata asks for 20 videos, by size of the table and by how
// they are drawn. Only the sizes that -bench names are built: ten million take
// half a minute.
func BenchmarkBatchMetadata(b *testing.B) {
	for _, size := range []struct {
		name   string
		videos int
	}{{"10k", 10_000}, {"1M", 1_000_000}, {"10M", 10_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			w := benchWorld(b, size.videos)
			random := rand.New(rand.NewPCG(7, 8))
			zipf := rand.NewZipf(random, 1.07, 1, uint64(size.videos-1))
			b.Run("uniform", func(b *testing.B) {
				benchSteps(b, w, benchBodies(16<<10, func() int { return random.IntN(size.videos) }))
			})
			b.Run("zipf", func(b *testing.B) {
				benchSteps(b, w, benchBodies(16<<10, func() int { return int(zipf.Uint64()) }))
			})
		})
	}
}

// benchSteps measures an answer's steps apart, and together.
func benchSteps(b *testing.B, w *world, bodies [][]byte) {
	var scan strictjson.Scanner
	var out []byte
	queries := make([]*metadataQuery, len(bodies)/2)
	for i := range queries {
		queries[i] = w.service.metadataQuery()
		scan.Reset(bodies[i])
		if err := queries[i].decode(&scan, DefaultMaxBatch); err != nil {
			b.Fatal(err)
		}
		queries[i].read(w.model)
	}
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		q := w.service.metadataQuery()
		for i := 0; b.Loop(); i++ {
			q.list.Reset()
			scan.Reset(bodies[i%64])
			if err := q.decode(&scan, DefaultMaxBatch); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			queries[i%len(queries)].read(w.model)
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			out = queries[i%64].appendAnswer(out[:0])
		}
	})
	b.Run("answer", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			out = answerOnce(w.service, &scan, bodies[i%len(bodies)], out)
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		b.ReportAllocs()
		polls := make([][]byte, 64)
		for i := range polls {
			polls[i] = append(bytes.TrimSuffix(bytes.Clone(bodies[i]), []byte("}")), `,"since":"`+w.token()+`"}`...)
		}
		for i := 0; b.Loop(); i++ {
			out = answerOnce(w.service, &scan, polls[i%len(polls)], out)
		}
	})
	b.Run("server", func(b *testing.B) { benchServer(b, w, bodies) })
	b.Run("etag", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			queries[i%64].etag()
		}
	})
}

// benchServer measures the whole HTTP handler.
func benchServer(b *testing.B, w *world, bodies [][]byte) {
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
}
