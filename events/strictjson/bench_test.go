package strictjson

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// lookup is the hot request: 20 UUIDs.
var lookup = []byte(`{"video_ids":["` + strings.TrimSuffix(strings.Repeat(`0190163d-8694-739b-aea5-966c26f8ad91","`, 20), `,"`) + `]}`)

// cloudEvents is a batch of 100 events.
var cloudEvents = func() []byte {
	var doc []byte
	for i := range 100 {
		doc = fmt.Appendf(doc, `,{"specversion":"1.0","id":"%032d","source":"//gateway-3.example.com/edge","type":"video.viewed",`+
			`"time":"2026-11-22T12:34:56.%03dZ","datacontenttype":"application/json","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",`+
			`"data":{"video_id":"0190163d-8694-739b-aea5-966c26f8ad91","user_id":"0190163d-8694-739b-aea5-966c26f8ad92"}}`, i, i)
	}
	doc[0] = '['
	return append(doc, ']')
}()

func walkLookup(s *Scanner) (count int) {
	s.Reset(lookup)
	if s.Object() {
		for name, ok := s.Member(); ok; name, ok = s.Member() {
			switch string(name) {
			case "video_ids":
				if !s.Array() {
					continue
				}
				for s.Element() {
					if text, ok := s.String(); ok && len(text) == 36 {
						count++
					}
				}
			default:
				s.Unknown()
			}
		}
	}
	if s.End() != nil {
		return -1
	}
	return count
}

func walkEvents(s *Scanner) (count int) {
	s.Reset(cloudEvents)
	if !s.Array() {
		return -1
	}
	for s.Element() {
		if !s.Object() {
			continue
		}
		for name, ok := s.Member(); ok; name, ok = s.Member() {
			switch string(name) {
			case "data":
				if !s.Object() {
					continue
				}
				for _, ok := s.Member(); ok; _, ok = s.Member() {
					s.String()
				}
			case "specversion", "id", "source", "type", "time":
				s.String()
			default:
				s.Skip()
			}
		}
		count++
	}
	if s.End() != nil {
		return -1
	}
	return count
}

func TestGoodDocumentsAllocateNothing(t *testing.T) {
	integers := []byte(`[9223372036854775807,-1,true,null]`)
	escaped := []byte(`{"reason":"a \"quoted\" word\n","\u0061":[1,-2,true,null]}`)
	var reused Scanner
	for name, walk := range map[string]func(){
		"lookup, local scanner": func() {
			var s Scanner
			if walkLookup(&s) != 20 {
				t.Error("wrong count")
			}
		},
		"events, local scanner": func() {
			var s Scanner
			if walkEvents(&s) != 100 {
				t.Error("wrong count")
			}
		},
		"integers, local scanner": func() {
			var s Scanner
			s.Reset(integers)
			s.Array()
			s.Element()
			s.Int(0, math.MaxInt64)
			s.Element()
			s.Int(-1, 100)
			if s.End() != nil {
				t.Error("refused")
			}
		},
		"check": func() {
			if Check(cloudEvents) != nil {
				t.Error("refused")
			}
		},
		"escapes, reused scanner": func() {
			reused.Reset(escaped)
			reused.Object()
			reused.Member()
			if text, _ := reused.String(); string(text) != "a \"quoted\" word\n" || reused.End() != nil {
				t.Error("refused")
			}
		},
	} {
		if allocations := testing.AllocsPerRun(100, walk); allocations != 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

func BenchmarkLookup20(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(lookup)))
	for b.Loop() {
		var s Scanner
		if walkLookup(&s) != 20 {
			b.Fatal("wrong count")
		}
	}
}

func BenchmarkLookup20Reused(b *testing.B) {
	b.SetBytes(int64(len(lookup)))
	var s Scanner
	for b.Loop() {
		if walkLookup(&s) != 20 {
			b.Fatal("wrong count")
		}
	}
}

func BenchmarkCloudEvents100(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(cloudEvents)))
	var s Scanner
	for b.Loop() {
		if walkEvents(&s) != 100 {
			b.Fatal("wrong count")
		}
	}
}

func BenchmarkObjectOf20000Members(b *testing.B) {
	doc := []byte{'{'}
	for i := range 20_000 {
		doc = fmt.Appendf(doc, `"m%d":0,`, i)
	}
	doc = append(doc, `"last":{}}`...)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if err := Check(doc); err != nil {
			b.Fatal(err)
		}
	}
}
