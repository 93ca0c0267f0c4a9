package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestProblemsAreErrors(t *testing.T) {
	cause := errors.New("disk")
	err := fmt.Errorf("commit command: %w", LogUnavailable.Because(cause))
	if !errors.Is(err, LogUnavailable) || errors.Is(err, OutcomeUnknown) || !errors.Is(err, cause) {
		t.Errorf("%v matches the wrong things", err)
	}
	if !errors.Is(fmt.Errorf("x: %w", Gone), Gone) {
		t.Error("a bare slug does not match itself")
	}
	var p *Problem
	if !errors.As(err, &p) || p.RetryAfter == 0 || p.Status != 503 {
		t.Errorf("%+v", p)
	}
}

func TestEveryKindIsComplete(t *testing.T) {
	for slug, k := range kinds {
		if k.title == "" || k.detail == "" || k.status < 400 || k.status > 599 {
			t.Errorf("%s: %+v", slug, k)
		}
		if (k.status == 429 || k.status == 503) != (k.retryAfter > 0) && slug != KeyInUse {
			t.Errorf("%s: status %d with Retry-After %d", slug, k.status, k.retryAfter)
		}
	}
	if p := Slug("unheard-of").With("x"); p.Status != 500 {
		t.Errorf("unknown slug: %d", p.Status)
	}
}

func TestFieldErrorsAreBounded(t *testing.T) {
	one := InvalidFields(FieldError{Pointer: "/video_ids/3", Detail: "is not a UUID"})
	if one.Status != 422 || len(one.Errors) != 1 || !strings.Contains(one.Detail, "/video_ids/3") {
		t.Errorf("%+v", one)
	}
	long := strings.Repeat("é", 1000)
	many := make([]FieldError, 500)
	for i := range many {
		many[i] = FieldError{Pointer: "/" + long, Detail: "unknown member"}
	}
	data, err := json.Marshal(InvalidFields(many...))
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Errors []FieldError }
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Errors) != maxFieldErrors || len([]rune(got.Errors[0].Pointer)) != maxEcho {
		t.Errorf("%d errors, pointer of %d characters", len(got.Errors), len([]rune(got.Errors[0].Pointer)))
	}
}

func TestQuoteIsShortAndSafe(t *testing.T) {
	for in, want := range map[string]string{
		"":                            `""`,
		"plain":                       `"plain"`,
		"a\x00\r\n\x1b[31m\u202e":     `"a\x00\r\n\x1b[31m\u202e"`,
		"\xff\"":                      `"\xff\""`,
		strings.Repeat("x", 64):       `"` + strings.Repeat("x", 64) + `"`,
		strings.Repeat("x", 65):       `"` + strings.Repeat("x", 64) + `"...`,
		strings.Repeat("é", 40):       `"` + strings.Repeat(`\u00e9`, 40) + `"`,
		strings.Repeat("\xff", 1<<20): `"` + strings.Repeat(`\xff`, 64) + `"...`,
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%.70q) = %s, want %s", in, got, want)
		}
	}
}
