package query

import (
	"encoding/binary"
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
	q.readChanges(s.source.Model())
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
	start := w.token()
	w.view(1)
	polled, unchanged := []byte(sinceBody(start, vid(1), vid(2))), []byte(sinceBody(w.token(), vid(1), vid(2)))
	var scan strictjson.Scanner
	var out []byte
	for name, each := range map[string]func(i int) []byte{
		"20 IDs":      func(i int) []byte { return bodies[i%len(bodies)] },
		"1,000 IDs":   func(int) []byte { return large },
		"2 spellings": func(int) []byte { return spelt },
		"changed":     func(int) []byte { return polled },
		"unchanged":   func(int) []byte { return unchanged },
	} {
		i := 0
		if got := testing.AllocsPerRun(200, func() { out = answerOnce(w.service, &scan, each(i), out); i++ }); got != 0 {
			t.Errorf("%s: %v allocations a request", name, got)
		}
	}
	q := w.service.metadataQuery()
	scan.Reset(bodies[0])
	if err := q.decode(&scan, DefaultMaxBatch); err != nil {
		t.Fatal(err)
	}
	q.read(w.model)
	if got := testing.AllocsPerRun(200, func() { q.etag() }); got > 1 {
		t.Errorf("an ETag makes %v allocations beside its text", got-1)
	}
}
