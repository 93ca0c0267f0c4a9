package openapitest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// checkRequest holds a request that was answered with 2xx to the document.
func (op *operation) checkRequest(r *http.Request, sent []byte) error {
	var faults []error
	query := r.URL.Query()
	for i := range op.params {
		p := &op.params[i]
		var values []string
		switch p.in {
		case "query":
			values = query[p.name]
		case "header":
			values = r.Header.Values(p.name)
		case "path":
			values = op.pathValue(r.URL.Path, p.name)
		}
		switch {
		case len(values) == 0 && p.required:
			faults = append(faults, fmt.Errorf("parameter %s is missing, and the request was taken", p.name))
		case len(values) == 1:
			faults = append(faults, p.check(values[0]))
		}
	}
	return errors.Join(errors.Join(faults...), op.checkSent(r, sent))
}

func (op *operation) pathValue(path, name string) []string {
	for i, segment := range op.segments {
		if segment == "{"+name+"}" {
			return strings.Split(strings.TrimPrefix(path, "/"), "/")[i : i+1]
		}
	}
	return nil
}

// checkSent holds a JSON body to its schema. Bodies of other media types hold
// many events, of which an answer names the bad ones.
func (op *operation) checkSent(r *http.Request, sent []byte) error {
	schema := op.body["application/json"]
	if schema == nil || len(sent) == 0 || r.Header.Get("Content-Encoding") != "" {
		return nil
	}
	value, err := readJSON(sent)
	if err != nil {
		return fmt.Errorf("request was taken: %w", err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("request was taken, but its body %s does not fit: %w", clip(string(sent)), err)
	}
	return nil
}
