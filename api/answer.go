package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-io/tidemark/events"
)

// Header values that are the same in every answer. They are shared between
// requests: nobody appends to a header value in place.
var (
	contentJSON    = []string{mediaJSON}
	contentProblem = []string{"application/problem+json"}
	noStore        = []string{"no-store"}
	// mustAsk lets a browser keep an answer for its ETag, and makes it ask.
	mustAsk = []string{"private, no-cache"}
)

// Answer sends a JSON body with status 200.
func (c *Call) Answer(body []byte) error { return c.JSON(http.StatusOK, body) }

// Accepted answers a command whose events are in the log, at t:
// 202 {"position": "…"}.
func (c *Call) Accepted(t events.Token) error {
	c.SetToken(t)
	c.Out = append(c.Out[:0], `{"position":"`...)
	c.Out = append(c.Out, c.position[0]...)
	c.Out = append(c.Out, `"}`...)
	return c.JSON(http.StatusAccepted, c.Out)
}

// AnswerBy lets a handler of another library answer. Its answer is whole like
// any other: an attempt to flush a part of it fails (http.ErrNotSupported).
func (c *Call) AnswerBy(h http.Handler) error {
	h.ServeHTTP(wholeWriter{c.gin.Writer}, c.gin.Request)
	return nil
}

// wholeWriter has none of the other methods of the writer in it.
type wholeWriter struct{ http.ResponseWriter }

// JSON sends a JSON body with a status of 2xx and the headers that the
// contract asks for. A large body without an ETag goes out compressed where the
// client takes that. body may be used again once JSON has returned. The error
// is to be returned by the handler: it says that the handler is at fault, never
// that the client has gone.
func (c *Call) JSON(status int, body []byte) error {
	h := c.gin.Writer.Header()
	if err := c.writeFreshness(h); err != nil {
		return err
	}
	h["Content-Type"] = contentJSON
	if len(body) >= compressFromBytes && len(h["Etag"]) == 0 {
		addVary(h)
		if acceptsGzip(c.gin.Request.Header["Accept-Encoding"]) {
			return c.sendCompressed(status, body)
		}
	}
	c.send(status, body)
	return nil
}

// send writes the answer. A failed write is the client's loss, and there is
// nobody left to tell.
func (c *Call) send(status int, body []byte) {
	w := c.gin.Writer
	w.Header()["Content-Length"] = c.route.server.lengths.value(len(body))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// writeFreshness sets what every 2xx and 304 under /v1 carries.
func (c *Call) writeFreshness(h http.Header) error {
	rt := c.route
	if !rt.versioned {
		return nil
	}
	if c.hasAfter && !c.settled {
		return errUnsettled
	}
	h["Tidemark-Position"] = c.position
	if rt.Command {
		return nil
	}
	h["Tidemark-As-Of"] = c.asOf
	h["Tidemark-Poll-After"] = rt.pollAfter
	if rt.Method != http.MethodPost && len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = mustAsk
	}
	return nil
}

// writeProblem sends a problem document in place of an answer.
func writeProblem(w gin.ResponseWriter, p *Problem) {
	sendProblem(w, p)
	w.WriteHeaderNow()
}

// Refuse answers with the problem document of an error, where there is no Call.
func Refuse(w http.ResponseWriter, err error) {
	p, _ := problemOf(err, false)
	sendProblem(w, p)
}

func sendProblem(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	for _, name := range answerHeaders {
		delete(h, name)
	}
	body, err := json.Marshal(p)
	if err != nil { // strings and numbers only: cannot be
		body = []byte(`{"type":"` + problemBase + string(Internal) + `","title":"Internal error","status":500}`)
	}
	h["Content-Type"] = contentProblem
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Cache-Control"] = noStore
	if p.RetryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(p.RetryAfter)}
	}
	if p.Allow != "" {
		h["Allow"] = []string{p.Allow}
	}
	if p.challenge != nil {
		h["Www-Authenticate"] = p.challenge
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// answerHeaders describe an answer that a handler had begun and gave up.
var answerHeaders = []string{"Etag", "Content-Encoding", "Tidemark-Position", "Tidemark-As-Of", "Tidemark-Poll-After"}

// lengthTable keeps the header values of content lengths that were used, so
// that a length costs no string per request.
type lengthTable struct {
	values [32 << 10]atomic.Pointer[[]string]
}

// value returns the header value Content-Length, shared and not to be changed.
func (t *lengthTable) value(n int) []string {
	if n >= len(t.values) {
		return []string{strconv.Itoa(n)}
	}
	if value := t.values[n].Load(); value != nil {
		return *value
	}
	value := []string{strconv.Itoa(n)}
	t.values[n].Store(&value)
	return value
}
