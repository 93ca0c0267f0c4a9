package strictjson

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// verdict walks doc with the given steps and returns what End says: "" for
// good, "syntax" for a syntax error, else the content errors in one line.
func verdict(doc string, walk func(*Scanner)) string {
	var s Scanner
	s.Reset([]byte(doc))
	walk(&s)
	err := s.End()
	var syntax *SyntaxError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &syntax):
		return "syntax"
	}
	return err.Error()
}

// walkUpdate reads {"job_ids":[strings],"progress":0..100,"done":bool,"error":string or null}.
func walkUpdate(s *Scanner) {
	if !s.Object() {
		return
	}
	seen := false
	for name, ok := s.Member(); ok; name, ok = s.Member() {
		switch string(name) {
		case "job_ids":
			seen = true
			if !s.Array() {
				continue
			}
			count := 0
			for s.Element() {
				if text, ok := s.String(); ok && len(text) != 2 {
					s.Fail("must have 2 bytes")
				}
				count++
			}
			if count > 4 {
				s.Fail("must have at most 4 elements")
			}
		case "progress":
			s.Int(0, 100)
		case "done":
			s.Bool()
		case "error":
			if !s.Null() {
				s.String()
			}
		default:
			s.Unknown()
		}
	}
	if !seen {
		s.Missing("job_ids")
	}
}

func TestContentErrors(t *testing.T) {
	for _, test := range []struct{ doc, want string }{
		{`{"job_ids":[]}`, ""},
		{`{"job_ids":["ab","\u0061b"],"progress":100,"done":false,"error":null}`, ""},
		{`{"job_\u0069ds":["ab"],"error":"x"}`, ""},
		{`[]`, "must be an object, not an array"},
		{` null `, "must be an object, not null"},
		{`{}`, `member "job_ids" is missing`},
		{`{"job_ids":null}`, "/job_ids: must be an array, not null"},
		{`{"job_ids":{"a":[{}]}}`, "/job_ids: must be an array, not an object"},
		{`{"job_ids":["ab",1,"ab",[2],"abc"]}`, "/job_ids/1: must be a string, not a number; /job_ids/3: must be a string, not an array; /job_ids/4: must have 2 bytes; /job_ids: must have at most 4 elements"},
		{`{"Job_ids":[]}`, `/Job_ids: unknown member; member "job_ids" is missing`},
		{`{"job_ids":[],"a/b~c":{"x":1}}`, "/a~1b~0c: unknown member"},
		{`{"job_ids":[],"":1}`, "/: unknown member"},
		{`{"job_ids":[],"done":"true","progress":"1","error":0}`, "/done: must be a boolean, not a string; /progress: must be an integer, not a string; /error: must be a string, not a number"},
		// A syntax error takes precedence, wherever it stands.
		{`{"job_ids":null`, "syntax"},
		{`{"job_ids":null,"job_ids":[]}`, "syntax"},
		{`{"job_ids":{"a":1,"\u0061":2}}`, "syntax"},
		{`{"x":"\ud800"}`, "syntax"},
		{`{"x":1e}`, "syntax"},
		{`[] x`, "syntax"},
		{`{"progress":1.5}}`, "syntax"},
	} {
		if got := verdict(test.doc, walkUpdate); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.doc, got, test.want)
		}
	}
}

func TestInt(t *testing.T) {
	const plain, hundred = "must be an integer in plain digits", "must be an integer from -5 to 100"
	for _, test := range []struct {
		doc      string
		min, max int64
		want     int64
		detail   string
	}{
		{"0", -5, 100, 0, ""}, {"-5", -5, 100, -5, ""}, {"100", -5, 100, 100, ""},
		{"101", -5, 100, 0, hundred}, {"-6", -5, 100, 0, hundred}, {"9223372036854775808", -5, 100, 0, hundred}, {strings.Repeat("9", 500), -5, 100, 0, hundred},
		{"1.5", -5, 100, 0, plain}, {"1.0", -5, 100, 0, plain}, {"1e1", -5, 100, 0, plain}, {"1E1", -5, 100, 0, plain}, {"1e400", -5, 100, 0, plain}, {"-0", -5, 100, 0, plain},
		{"9223372036854775807", math.MinInt64, math.MaxInt64, math.MaxInt64, ""}, {"-9223372036854775808", math.MinInt64, math.MaxInt64, math.MinInt64, ""},
		{"9223372036854775808", math.MinInt64, math.MaxInt64, 0, "must be an integer of 64 bits"},
		{"0", 1, math.MaxInt64, 0, "must be an integer of 1 or more, in 64 bits"},
		{`"1"`, -5, 100, 0, "must be an integer, not a string"}, {"null", -5, 100, 0, "must be an integer, not null"}, {"1.", -5, 100, 0, "syntax"},
	} {
		got := verdict(test.doc, func(s *Scanner) {
			value, ok := s.Int(test.min, test.max)
			if value != test.want || ok != (test.detail == "") {
				t.Errorf("Int of %.30s = %d, %t", test.doc, value, ok)
			}
		})
		if got != test.detail {
			t.Errorf("Int of %.30s: %q, want %q", test.doc, got, test.detail)
		}
	}
}

func TestString(t *testing.T) {
	for doc, want := range map[string]string{
		`""`: "", `"plain"`: "plain", `"é日"`: "é日", `"\"\\\/\b\f\n\r\t"`: "\"\\/\b\f\n\r\t",
		`"a\u00e9b"`: "aéb", `"\uD834\uDd1e!"`: "𝄞!", `"\u0000"`: "\x00", `"x\\u0041"`: `x\u0041`,
	} {
		if problem := verdict(doc, func(s *Scanner) {
			if text, ok := s.String(); !ok || string(text) != want {
				t.Errorf("String of %s = %q, %t", doc, text, ok)
			}
		}); problem != "" {
			t.Errorf("%s: %s", doc, problem)
		}
	}
}

func TestStringsStayValidUntilReset(t *testing.T) {
	var doc []byte
	for i := range 200 {
		doc = fmt.Appendf(doc, `,"\u0078%d","y%d"`, i, i)
	}
	doc[0] = '['
	doc = append(doc, ']')
	var s Scanner
	s.Reset(doc)
	s.Array()
	var all [][]byte
	for s.Element() {
		text, _ := s.String()
		all = append(all, text)
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	for i, text := range all {
		if want := fmt.Sprintf("%c%d", "xy"[i%2], i/2); string(text) != want {
			t.Fatalf("string %d is %q, want %q", i, text, want)
		}
		if cap(text) != len(text) {
			t.Fatalf("appending to string %d would overwrite what follows", i)
		}
	}
}

func TestRawAndNumberAndKind(t *testing.T) {
	var got []string
	problem := verdict(` [ 1.50 , { "a" : [ ] } , "\n" , null , -1e+9 , true ] `, func(s *Scanner) {
		s.Array()
		for s.Element() {
			if s.Kind() == Number {
				literal, _ := s.Number()
				got = append(got, "number "+string(literal))
			} else {
				got = append(got, s.Kind().String()+" "+string(s.Raw()))
			}
		}
	})
	want := []string{"number 1.50", `an object { "a" : [ ] }`, `a string "\n"`, "null null", "number -1e+9", "a boolean true"}
	if problem != "" || !slices.Equal(got, want) {
		t.Errorf("%q, %q", got, problem)
	}
	if problem := verdict(`{"a":1,"a":2}`, func(s *Scanner) {
		if raw := s.Raw(); raw != nil {
			t.Errorf("Raw = %s", raw)
		}
	}); problem != "syntax" {
		t.Error(problem)
	}
}

func TestUnreadValuesAreSkipped(t *testing.T) {
	names := ""
	walk := func(s *Scanner) {
		s.Object()
		for name, ok := s.Member(); ok; name, ok = s.Member() {
			names += string(name)
		}
	}
	if problem := verdict(`{"a":{"x":[1]},"b":"s","c":[[]]}`, walk); problem != "" || names != "abc" {
		t.Errorf("%q, %q", names, problem)
	}
	if problem := verdict(`{"a":[1,]}`, walk); problem != "syntax" {
		t.Error(problem)
	}
	// A walk may stop anywhere; End checks the rest.
	for doc, want := range map[string]string{`[[1,[2]],3]`: "", `[[1,[2]],3`: "syntax", `[[1,[2],],3]`: "syntax"} {
		if got := verdict(doc, func(s *Scanner) { s.Array(); s.Element(); s.Array(); s.Element() }); got != want {
			t.Errorf("%s: %q", doc, got)
		}
	}
}

func TestReadingAValueTwicePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	verdict(`1`, func(s *Scanner) { s.Int(0, 9); s.Int(0, 9) })
}

func TestZeroScannerHasAnEmptyDocument(t *testing.T) {
	var s Scanner
	if err := s.End(); err == nil {
		t.Error("an empty document is no JSON")
	}
}

func TestTakeErrorsJudgesElementsOneByOne(t *testing.T) {
	var bad []string
	problem := verdict(`[1,"x",3,{"a":1}]`, func(s *Scanner) {
		s.Array()
		for s.Element() {
			s.Int(0, 9)
			if taken := s.TakeErrors(); taken != nil {
				bad = append(bad, taken[0].Pointer)
			}
		}
	})
	if problem != "" || !slices.Equal(bad, []string{"/1", "/3"}) {
		t.Errorf("%q, %q", bad, problem)
	}
}

func TestErrorsAreBoundedAndPrintable(t *testing.T) {
	var s Scanner
	s.Reset([]byte("[" + strings.Repeat("0,", 100) + "0]"))
	s.Array()
	for s.Element() {
		s.String()
	}
	if errs, ok := s.End().(ContentErrors); !ok || len(errs) != MaxErrors || errs[MaxErrors-1].Pointer != "/19" {
		t.Errorf("%v", errs)
	}

	long, fits := strings.Repeat("é", 64), strings.Repeat("é", 61)
	for name, want := range map[string]string{
		fits: "/a/" + fits, long: "/a", strings.Repeat("x", 100_000): "/a", strings.Repeat("~", 40): "/a",
		`\u0000`: "/a", `\n`: "/a", "\u202e": "/a", "\u2028": "/a", "\u00a0": "/a", "é x": "/a/é x",
	} {
		s.Reset([]byte(`{"a":{"` + name + `":1}}`))
		s.Object()
		s.Member()
		s.Object()
		s.Member()
		s.Unknown()
		errs, ok := s.End().(ContentErrors)
		if !ok || len(errs) != 1 || errs[0].Pointer != want || utf8.RuneCountInString(errs[0].Pointer) > 64 {
			t.Errorf("%.20q: %.200q", name, errs)
		} else if hidden := strings.HasPrefix(errs[0].Detail, "in a member whose name is not shown"); hidden != (want == "/a") {
			t.Errorf("%.20q: %q", name, errs[0].Detail)
		}
	}
}
