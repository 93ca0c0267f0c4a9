package events

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-22T12:34:56Z":             "2026-11-22T12:34:56Z",
		"2026-11-22t12:34:56z":             "2026-11-22T12:34:56Z",
		"2026-11-22T12:34:56.1Z":           "2026-11-22T12:34:56.1Z",
		"2026-11-22T12:34:56.1234567899Z":  "2026-11-22T12:34:56.123456Z",
		"1969-12-31T23:59:59.9999999Z":     "1969-12-31T23:59:59.999999Z",
		"2026-11-22T12:34:56+05:30":        "2026-11-22T07:04:56Z",
		"2026-11-22T12:34:56-00:00":        "2026-11-22T12:34:56Z",
		"2024-02-29T00:00:00-23:59":        "2024-02-29T23:59:00Z",
		"2000-02-29T00:00:00Z":             "2000-02-29T00:00:00Z",
		"0001-01-01T00:00:00Z":             "0001-01-01T00:00:00Z",
		"0000-12-31T23:00:00-01:00":        "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.9999999Z":     "9999-12-31T23:59:59.999999Z",
		"2026-11-22T12:34:56," + "5Z":      "",
		"2026-02-29T00:00:00Z":             "",
		"1900-02-29T00:00:00Z":             "",
		"2026-04-31T00:00:00Z":             "",
		"2026-00-01T00:00:00Z":             "",
		"2026-13-01T00:00:00Z":             "",
		"2026-01-00T00:00:00Z":             "",
		"2026-01-01T24:00:00Z":             "",
		"2026-01-01T00:60:00Z":             "",
		"2016-12-31T23:59:60Z":             "",
		"0001-01-01T00:00:00+00:01":        "",
		"0000-01-01T00:00:00Z":             "",
		"9999-12-31T23:59:59-00:01":        "",
		"2026-01-01 00:00:00Z":             "",
		"2026-01-01T00:00:00":              "",
		"2026-01-01T00:00:00.Z":            "",
		"2026-01-01T00:00:00+0000":         "",
		"2026-01-01T00:00:00+24:00":        "",
		"2026-01-01T00:00:00+00:60":        "",
		"2026-01-01T00:00:00Zz":            "",
		"2026-01-01T0:00:00Z":              "",
		"-026-01-01T00:00:00Z":             "",
		"+2026-01-01T00:00:00Z":            "",
		"10000-01-01T00:00:00Z":            "",
		"20260101T000000Z":                 "",
		"":                                 "",
		"1763812496":                       "",
		" 2026-01-01T00:00:00Z":            "",
		"2026-01-01T00:00:00" + "\xc3\x9a": "",
	} {
		got, ok := ParseTime(text)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("ParseTime(%q) = %v, %t; want %q", text, got, ok, want)
		}
	}
}

func TestTimesReadBackAsWritten(t *testing.T) {
	if MinTime.String() != "0001-01-01T00:00:00Z" || MaxTime.String() != "9999-12-31T23:59:59.999999Z" {
		t.Errorf("the bounds are %v and %v", MinTime, MaxTime)
	}
	rapid.Check(t, func(t *rapid.T) {
		want := drawTime(t, MaxTime)
		if got, ok := ParseTime(want.AppendTo(nil)); !ok || got != want || TimeOf(want.Std()) != want {
			t.Fatalf("%v is read as %v, %t", want, got, ok)
		}
	})
}

var timeShape = regexp.MustCompile(`\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)\z`)

func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-11-22T12:34:56.123Z", "2024-02-29t00:00:00+05:30", "0000-12-31T23:59:59-23:59", "2026-01-01T00:00:00,5Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseTime(text)
		// The standard library is the judge of what has the shape that the RFC gives.
		upper := text
		if len(text) > 11 {
			upper = text[:10] + strings.Replace(text[10:11], "t", "T", 1) + strings.Replace(text[11:], "z", "Z", 1)
		}
		std, err := time.Parse(time.RFC3339, upper)
		want := err == nil && timeShape.MatchString(upper) && TimeOf(std).Valid()
		if ok != want || ok && got != TimeOf(std) {
			t.Fatalf("ParseTime(%q) = %v, %t; want %v, %t", text, got, ok, std, want)
		}
	})
}
