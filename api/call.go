package api

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
)

// Call is one request on its way through the pipeline. It belongs to the
// handler until the handler returns and is used again after that: nothing of
// it may be kept, strings taken from the header excepted.
//
// An answer is whole: one of Answer, JSON, Accepted and the like, or the error
// that the handler returns. A handler has no writer and so cannot send in parts,
// since a plain request's answer waits for the handler's end (package plainhttp),
// and one that never ends would be kept in memory. A route that streams needs a
// mark in [Route] by which [HTTPServer] leaves its requests to net/http.
type Call struct {
	// Caller is who asks; anonymous callers reach routes for Anyone only.
	Caller Caller
	// Body is the unpacked body; empty where there is none. The handler may
	// write into it.
	Body []byte
	// MediaType is the body's, one of the route's; "" without a body.
	MediaType string
	// Key is the Idempotency-Key of a command, or "".
	Key string
	// Out is a buffer for the answer, empty and with what capacity earlier
	// calls left: append to it, and pass it to Answer.
	Out []byte

	gin     *gin.Context
	route   *boundRoute
	start   time.Time
	scanner strictjson.Scanner

	after    events.Token
	hasAfter bool
	settled  bool

	position []string
	asOf     []string
	scratch  []byte

	// bodyFault is what was wrong with the packed form of the body. It waits
	// for its turn: token and rights are judged first.
	bodyFault error
	bodyBuf   []byte
	unpack    unpacker
}

// maxKeptOutBytes bounds the answer buffer that a pooled call keeps: the answer
// to 1,000 IDs has some 150 KiB.
const maxKeptOutBytes = 1 << 20

// Context returns the request's context.
func (c *Call) Context() context.Context { return c.gin.Request.Context() }

// Method returns the request's method.
func (c *Call) Method() string { return c.gin.Request.Method }

// Path returns the path that was asked for, without a slash at its end.
func (c *Call) Path() string { return c.gin.Request.URL.Path }

// RawQuery returns the query as it was sent, without the question mark.
func (c *Call) RawQuery() string { return c.gin.Request.URL.RawQuery }

// Param returns a path parameter, such as "id" of /v1/videos/:id/like.
func (c *Call) Param(name string) string { return c.gin.Params.ByName(name) }

// Scan starts a walk over the body and returns the Call's scanner.
func (c *Call) Scan() *strictjson.Scanner {
	c.scanner.Reset(c.Body)
	return &c.scanner
}

func (c *Call) begin(g *gin.Context, now time.Time) {
	c.gin, c.start = g, now
}

// release forgets the request and keeps the buffers.
func (c *Call) release() {
	c.gin, c.Caller, c.Body, c.MediaType, c.Key = nil, Caller{}, nil, "", ""
	c.Out = c.Out[:0]
	if cap(c.Out) > maxKeptOutBytes {
		c.Out = nil
	}
	c.after, c.hasAfter, c.settled = events.Token{}, false, false
	c.position, c.asOf, c.bodyFault = nil, nil, nil
	c.route.pool.Put(c)
}
