package openapitest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

// clientHeader reports whether clients act on the header: none of those may
// come undocumented.
func clientHeader(name string) bool {
	switch name {
	case "Etag", "Retry-After", "Www-Authenticate", "Allow":
		return true
	}
	return strings.HasPrefix(name, "Tidemark-")
}

// check holds an answer to what is documented for the status want.
func (a *answer) check(want int, r *http.Request, status int, header http.Header, body []byte) error {
	if status != want {
		return fmt.Errorf("the status must be %d", want)
	}
	faults := []error{a.checkHeaders(header)}
	switch {
	case r.Method == http.MethodHead || len(a.content) == 0:
		if len(body) > 0 {
			faults = append(faults, fmt.Errorf("there must be no body, got %s", clip(string(body))))
		}
	default:
		faults = append(faults, a.checkBody(status, header, body))
	}
	return errors.Join(faults...)
}

func (a *answer) checkHeaders(header http.Header) error {
	var faults []error
	documented := map[string]bool{}
	for i := range a.headers {
		h := &a.headers[i]
		documented[http.CanonicalHeaderKey(h.name)] = true
		switch values := header.Values(h.name); {
		case len(values) == 0 && h.required:
			faults = append(faults, fmt.Errorf("header %s is missing", h.name))
		case len(values) > 1:
			faults = append(faults, fmt.Errorf("header %s stands there %d times", h.name, len(values)))
		case len(values) == 1:
			faults = append(faults, h.check(values[0]))
		}
	}
	for name := range header {
		if clientHeader(name) && !documented[name] {
			faults = append(faults, fmt.Errorf("header %s is not documented for this status", name))
		}
	}
	return errors.Join(faults...)
}

func (a *answer) checkBody(status int, header http.Header, body []byte) error {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	schema := a.content[media]
	if err != nil || schema == nil {
		return fmt.Errorf("media type %s is not documented for this status", clip(header.Get("Content-Type")))
	}
	if strings.EqualFold(header.Get("Content-Encoding"), "gzip") {
		if body, err = unpack(body); err != nil {
			return err
		}
	}
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return schema.Validate(string(body))
	}
	value, err := readJSON(body)
	if err != nil {
		return err
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("body %s: %w", clip(string(body)), err)
	}
	if media == "application/problem+json" {
		return a.checkProblem(status, value)
	}
	return nil
}

// checkProblem holds a problem document that fits its schema to its status.
func (a *answer) checkProblem(status int, value any) error {
	object, _ := value.(node)
	kind, _ := object["type"].(string)
	if slug := kind[strings.LastIndexByte(kind, '/')+1:]; !slices.Contains(a.problems, slug) {
		return fmt.Errorf("problem type %s is not documented for this status here; %v are", clip(kind), a.problems)
	}
	if fmt.Sprint(object["status"]) != fmt.Sprint(status) {
		return fmt.Errorf("the problem document says status %v", object["status"])
	}
	return nil
}

// readJSON reads strict JSON: nothing behind it, no duplicate members.
func readJSON(body []byte) (any, error) {
	if err := strictjson.Check(body); err != nil {
		return nil, fmt.Errorf("body %s: %w", clip(string(body)), err)
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(body))
}

func unpack(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("unpack the body: %w", err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("unpack the body: %w", err)
	}
	return text, nil
}
