package strictjson

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		``, `{"video_ids":["0190163d-8694-739b-aea5-966c26f8ad91"]}`, `{"a":{"b":[1,-2.5e3,true,false,null,"\u0061\ud834\udd1e"]},"A":0}`,
		`{"a":1,"\u0061":2}`, `"\ud800"`, "\"\xff\"", "\ufeff{}", `[1,]`, `1e400`, strings.Repeat("[", 33),
		`{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0,"\u0062":0}`,
	} {
		f.Add([]byte(seed), uint64(len(seed))*0x9e3779b97f4a7c15)
	}
	var reused Scanner
	f.Fuzz(func(t *testing.T, doc []byte, choices uint64) {
		checked := Check(doc)
		if want := oracle(doc); (checked == nil) != want {
			t.Fatalf("Check(%q) = %v, accepted should be %t", doc, checked, want)
		}
		// Whatever a walk reads, leaves out and complains of, the syntax is judged the same.
		reused.Reset(doc)
		wander(t, &reused, choices)
		err := reused.End()
		var want, got *SyntaxError
		if errors.As(checked, &want) != errors.As(err, &got) || want != nil && *want != *got {
			t.Fatalf("%q: Check %v, walk %v", doc, checked, err)
		}
	})
}

// wander reads the ready value by whatever method the choices say, fitting or not.
func wander(t *testing.T, s *Scanner, choices uint64) uint64 {
	choice := choices % 16
	choices = choices/16 ^ choices<<57 ^ 0x5bd1e995
	switch choice {
	case 0:
		s.Skip()
	case 1:
		if raw := s.Raw(); raw != nil && !oracle(raw) {
			t.Fatalf("Raw returned %q", raw)
		}
	case 2:
		s.Unknown()
	case 3:
		s.Int(0, math.MaxInt64)
	case 4:
		s.String()
	case 5:
		s.Bool()
	case 6: // left unread
	case 7:
		if s.Null() {
			s.Fail("must not be null")
		}
	default:
		switch s.Kind() {
		case Object:
			s.Object()
			for _, ok := s.Member(); ok; _, ok = s.Member() {
				choices = wander(t, s, choices)
			}
			s.Missing("x")
		case Array:
			s.Array()
			for s.Element() {
				choices = wander(t, s, choices)
			}
		case Number:
			s.Number()
		case String:
			s.String()
		case Bool:
			s.Bool()
		case Null:
			s.Null()
		}
	}
	return choices
}
