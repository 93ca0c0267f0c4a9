package idlist

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// scanSlowly is Scan without its short way.
func scanSlowly(l *List[events.VideoID], s *strictjson.Scanner, limit int) {
	if !s.Array() {
		return
	}
	sent := 0
	for s.Element() {
		if sent++; sent > limit {
			continue
		}
		if text, ok := s.String(); ok && (len(text) != SpellingLen || !l.Add((*Spelling)(text))) {
			s.Fail(NotUUID)
		}
	}
	if sent > limit {
		s.Fail("lists more than 4 IDs, the most for one request")
	}
}

// FuzzScan compares Scan with one that reads each element by the long way:
// equal lists, equal refusals, to the wording and the place.
func FuzzScan(f *testing.F) {
	one, two, three := `"`+lower+`"`, `"`+upper+`"`, `"`+other+`"`
	for _, seed := range []string{
		"[]", "[" + one + "]", "[" + one + "," + two + "]", "[" + one + ", " + two + ", " + three + "]", "[ " + one + " , " + two + " ]",
		"[" + one + two + "]", "[" + one + ",]", "[," + one + "]", "[" + one + ",,]", "[" + one, "[" + one + ",", "[" + one + `,"x"]`, "[" + one + ",1]",
		"[" + strings.Repeat(one+",", 4) + three + "]", "[" + strings.Repeat(one+",", 3) + three + "]", "[" + one + "] x", "[[" + one + "]]",
		`["` + lower[:35] + `\u0031"]`, `["` + lower[:30] + `\u0031"]`, `["` + lower[:35] + `""]`, `["` + lower[:35] + "\xff\"]", `["` + lower[:35] + "\n\"]",
		`{"video_ids":[` + one + `]}`, "[\t" + one + "]", "[  " + one + "]", "[" + one + ",\n" + two + "]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var fast, slow List[events.VideoID]
		var s strictjson.Scanner
		fast.Reset()
		slow.Reset()
		s.Reset([]byte(body))
		fast.Scan(&s, 4)
		got := s.End()
		s.Reset([]byte(body))
		scanSlowly(&slow, &s, 4)
		want := s.End()
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v, want %v", body, got, want)
		}
		var syntax *strictjson.SyntaxError
		if errors.As(want, &syntax) {
			return // what was read of it is of no use
		}
		if !slices.Equal(fast.IDs, slow.IDs) || !slices.Equal(fast.Entries, slow.Entries) {
			t.Fatalf("%q: %v, want %v", body, spellings(&fast), spellings(&slow))
		}
	})
}
