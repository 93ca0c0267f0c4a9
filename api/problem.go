package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

// problemBase precedes the slug in the type of a problem document.
const problemBase = "https://tidemark.io/problems/"

// maxFieldErrors bounds the list of a problem document: a batch of a thousand
// wrong entries is as well explained by the first of them.
const maxFieldErrors = 20

// FieldError names what is wrong at one place of a body.
type FieldError struct {
	// Pointer is the JSON Pointer (RFC 6901) of the place; "" is the whole body.
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Problem is a refusal as the client reads it, and an error at the same time.
// It is made by Slug.With or Slug.Because and changed only before it is returned.
type Problem struct {
	// Type says which row of the contract's error table this is.
	Type Slug
	// Title is the same for every problem of the type.
	Title string
	// Status is the HTTP status.
	Status int
	// Detail says what was wrong with this request and what to do. Text of the
	// client appears in it only as Quote gives it.
	Detail string
	// Errors names the places of a body that parses but is wrong.
	Errors []FieldError
	// RetryAfter is sent as Retry-After, in seconds; 0 sends none.
	RetryAfter int
	// Allow is sent as Allow where it is not empty.
	Allow string

	// cause is for the log, never for the client.
	cause error
	// challenge is sent as WWW-Authenticate where it is not empty.
	challenge []string
}

// Error returns the slug, the detail and the cause, for logs.
func (p *Problem) Error() string {
	text := string(p.Type) + ": " + p.Detail
	if p.cause != nil {
		text += ": " + p.cause.Error()
	}
	return text
}

// Is reports whether target is the problem's slug, so that
// errors.Is(err, api.Conflict) holds for every problem of that type.
func (p *Problem) Is(target error) bool {
	s, ok := target.(Slug)
	return ok && s == p.Type
}

// Unwrap returns the cause that Because was given, or nil.
func (p *Problem) Unwrap() error { return p.cause }

// With returns a problem of this type with its own detail.
func (s Slug) With(detail string) *Problem {
	k := s.kind()
	p := &Problem{Type: s, Title: k.title, Status: k.status, Detail: detail, RetryAfter: k.retryAfter}
	if s == Unauthorized {
		p.challenge = challengeMissing
	}
	return p
}

// Withf is With with a format. Text of the client goes through Quote first.
func (s Slug) Withf(format string, args ...any) *Problem {
	return s.With(fmt.Sprintf(format, args...))
}

// Because returns a problem of this type with the usual detail. The cause goes
// to the log where the status is 500 or above, and never to the client.
func (s Slug) Because(cause error) *Problem {
	p := s.With(s.kind().detail)
	p.cause = cause
	return p
}

// Error makes a bare slug an error, for handlers that have nothing to add.
func (s Slug) Error() string { return string(s) + ": " + s.kind().detail }

// InvalidFields returns a 422 that names places of the body, the first
// maxFieldErrors of them.
func InvalidFields(fields ...FieldError) *Problem {
	p := InvalidContent.With(InvalidContent.kind().detail)
	if len(fields) == 1 {
		p.Detail = fields[0].Detail
		if fields[0].Pointer != "" {
			p.Detail = clip(fields[0].Pointer) + ": " + p.Detail
		}
	}
	if len(fields) > maxFieldErrors {
		p.Detail = strconv.Itoa(len(fields)) + " places are wrong; the first " + strconv.Itoa(maxFieldErrors) + " are named"
		fields = fields[:maxFieldErrors]
	}
	p.Errors = fields
	return p
}

// problemOf translates what a handler returned. The second value is what is to
// be logged: nil for a refusal that is the client's own affair.
func problemOf(err error, command bool) (*Problem, error) {
	var p *Problem
	if errors.As(err, &p) {
		return p, loggable(p, err)
	}
	var slug Slug
	if errors.As(err, &slug) {
		p = slug.With(slug.kind().detail)
		return p, loggable(p, err)
	}
	var syntax *strictjson.SyntaxError
	if errors.As(err, &syntax) {
		return syntaxProblem(syntax), nil
	}
	var content strictjson.ContentErrors
	if errors.As(err, &content) {
		fields := make([]FieldError, len(content))
		for i, e := range content {
			fields[i] = FieldError{Pointer: e.Pointer, Detail: e.Detail}
		}
		return InvalidFields(fields...), nil
	}
	if isContextError(err) {
		if command {
			return OutcomeUnknown.Because(err), err
		}
		return Unavailable.Because(err), err
	}
	p = Internal.Because(err)
	if command {
		p.Detail = internalCommandDetail
	}
	return p, err
}

// loggable returns err where a person should read it: a 503 without a cause is
// the service doing as it was built, and would only fill the log.
func loggable(p *Problem, err error) error {
	if p.Status < http.StatusInternalServerError {
		return nil
	}
	if p.Status == http.StatusServiceUnavailable && p.cause == nil && (err == error(p) || err == error(p.Type)) {
		return nil
	}
	return err
}

func syntaxProblem(e *strictjson.SyntaxError) *Problem {
	return BadJSON.Withf("%s (at byte %d)", e.Detail, e.Offset)
}

// problemJSON is the wire form.
type problemJSON struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Errors []FieldError `json:"errors,omitempty"`
}

// MarshalJSON returns the problem document.
func (p *Problem) MarshalJSON() ([]byte, error) {
	fields := make([]FieldError, len(p.Errors))
	for i, f := range p.Errors {
		fields[i] = FieldError{Pointer: clip(f.Pointer), Detail: f.Detail}
	}
	return json.Marshal(problemJSON{
		Type: problemBase + string(p.Type), Title: p.Title, Status: p.Status, Detail: p.Detail, Errors: fields,
	})
}
