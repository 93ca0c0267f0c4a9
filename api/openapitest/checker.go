package openapitest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tidemark-io/tidemark/api"
)

// Checker holds exchanges to the OpenAPI document. It is safe for concurrent use.
type Checker struct {
	operations []*operation
	// What any path may answer.
	notFound, wrongMethod *answer
}

// New reads the document that the service serves. It fails where the document
// is broken.
func New() (*Checker, error) {
	source, err := api.OpenAPI()
	if err != nil {
		return nil, err
	}
	d, err := newDocument(source)
	if err != nil {
		return nil, err
	}
	c := &Checker{}
	if c.operations, err = readOperations(d); err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	if c.notFound, err = readAnswer(d.at("/components/responses/NotFound")); err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	if c.wrongMethod, err = readAnswer(d.at("/components/responses/MethodNotAllowed")); err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	return c, nil
}

// Check returns how the exchange differs from the document, or nil. r is the
// request as the client made it, sent its body; status, header and body are
// the answer's.
func (c *Checker) Check(r *http.Request, sent []byte, status int, header http.Header, body []byte) error {
	if refusedByHTTP(status, header) || isPreflight(r, status, header) {
		return nil
	}
	op, others := c.find(r.Method, r.URL)
	var err error
	switch {
	case op == nil && len(others) == 0:
		err = c.notFound.check(http.StatusNotFound, r, status, header, body)
	case op == nil:
		err = errors.Join(
			c.wrongMethod.check(http.StatusMethodNotAllowed, r, status, header, body),
			checkAllow(header.Get("Allow"), others))
	case op.moves && status == http.StatusNotFound:
		err = c.notFound.check(status, r, status, header, body)
	case op.answers[status] == nil:
		err = fmt.Errorf("the status is not documented; the body is %s", clip(string(body)))
	default:
		err = op.answers[status].check(status, r, status, header, body)
		if status/100 == 2 {
			err = errors.Join(err, op.checkRequest(r, sent))
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s answered %d, which does not fit openapi.yaml: %w", r.Method, clip(r.URL.RequestURI()), status, err)
	}
	return nil
}

// find returns the operation of a request, or nil and the operations that the
// path has with other methods.
func (c *Checker) find(method string, u *url.URL) (op *operation, others []*operation) {
	if !plain(u) {
		return nil, nil
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := u.Path
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, candidate := range c.operations {
		switch {
		case !candidate.matches(segments):
		case candidate.method != method:
			others = append(others, candidate)
		case op == nil || strings.Contains(op.path(), ":"): // a path without parameters goes first
			op = candidate
		}
	}
	return op, others
}

// plain reports whether a path is one that leads anywhere: see api.
func plain(u *url.URL) bool {
	if strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") || strings.ContainsAny(u.Path, "\\\x00") ||
		strings.Contains(u.Path, "//") || strings.ToValidUTF8(u.Path, "") != u.Path {
		return false
	}
	return !slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." })
}

// refusedByHTTP recognises what net/http answers by itself, in plain text.
func refusedByHTTP(status int, header http.Header) bool {
	switch status {
	case http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented,
		http.StatusHTTPVersionNotSupported, http.StatusExpectationFailed:
		return strings.HasPrefix(header.Get("Content-Type"), "text/plain")
	}
	return false
}

// isPreflight recognises the answer to a CORS preflight.
func isPreflight(r *http.Request, status int, header http.Header) bool {
	return r.Method == http.MethodOptions && status == http.StatusNoContent && header.Get("Access-Control-Allow-Methods") != ""
}

func checkAllow(allow string, others []*operation) error {
	var got []string
	for _, method := range strings.Split(allow, ",") {
		got = append(got, strings.TrimSpace(method))
	}
	var want []string
	for _, op := range others {
		want = append(want, op.method)
		if op.method == http.MethodGet {
			want = append(want, http.MethodHead)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		return fmt.Errorf("header Allow is %v, the document knows %v", got, want)
	}
	return nil
}
