package api

import (
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidemark-io/tidemark/events"
)

// boundRoute is a Route with everything resolved that can be before a request
// comes.
type boundRoute struct {
	Route
	server    *Server
	versioned bool
	maxBody   int
	media     []string
	pollAfter []string
	series    routeSeries
	faults    faultLog
	pool      sync.Pool
}

// serve is the gin handler of the route.
func (rt *boundRoute) serve(g *gin.Context) {
	c := rt.pool.Get().(*Call)
	c.begin(g, rt.server.cfg.Now())
	defer c.finish()
	if err := c.run(); err != nil {
		c.refuse(err)
	} else if !g.Writer.Written() {
		c.refuse(errNoAnswer)
	}
}

var errNoAnswer = errors.New("handler returned without an answer")

// run takes the contract's checks in the contract's order.
func (c *Call) run() error {
	rt := c.route
	if rt.versioned && rt.server.cfg.Ready != nil && rt.server.cfg.Ready() != nil {
		return NotReady // the reasons stand in /readyz
	}
	if err := c.readBody(); err != nil {
		return err
	}
	caller, err := rt.server.cfg.Auth.Authenticate(c.gin.Request)
	if err != nil {
		return err
	}
	c.Caller = caller
	if err := rt.Access.admit(&c.Caller); err != nil {
		return err
	}
	if err := c.checkSyntax(rt.OwnSyntax); err != nil {
		return err
	}
	if err := c.readHeaders(); err != nil {
		// A handler that checks the syntax itself has not had its turn, and
		// syntax goes before content.
		if syntax := c.checkSyntax(false); syntax != nil {
			return syntax
		}
		return err
	}
	c.observeReadModel()
	return rt.Handle(c)
}

// checkSyntax refuses a needed body that is not there, one that could not be
// unpacked, and, unless that is the handler's, one that is not JSON.
func (c *Call) checkSyntax(own bool) error {
	switch {
	case c.bodyFault != nil:
		return c.bodyFault
	case len(c.Body) == 0 && c.route.Body == JSONBody:
		return BadJSON.With("The body is empty; it must be one JSON value.")
	case len(c.Body) == 0 || own || !isJSON(c.MediaType):
		return nil
	}
	return c.Scan().End()
}

func isJSON(media string) bool {
	return media == mediaJSON || strings.HasSuffix(media, "+json")
}

// readHeaders judges Idempotency-Key and Tidemark-After.
func (c *Call) readHeaders() error {
	h := c.gin.Request.Header
	if values := h["Idempotency-Key"]; len(values) > 0 && c.route.Command {
		if len(values) > 1 || !goodKey(values[0]) {
			return InvalidContent.With("Idempotency-Key must be sent once and have 1 to 255 visible ASCII characters.")
		}
		if !c.Caller.Known {
			return InvalidContent.With("Idempotency-Key needs a token: keys belong to its subject.")
		}
		c.Key = values[0]
	}
	if values := h["Tidemark-After"]; len(values) > 0 && c.route.versioned {
		if len(values) > 1 {
			return InvalidContent.With("Tidemark-After must be sent once.")
		}
		t, err := events.ParseToken(values[0])
		if err != nil {
			return InvalidContent.With("Tidemark-After " + err.Error() + ".")
		}
		c.after, c.hasAfter = t, true
	}
	return nil
}

func goodKey(key string) bool {
	if len(key) == 0 || len(key) > 255 {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}

// refuse answers with the problem of err. Where the answer is under way
// already, the error can only be logged.
func (c *Call) refuse(err error) {
	p, cause := problemOf(err, c.route.Command)
	switch {
	case c.gin.Writer.Written():
		cause = err
	case p.Type == BodyTooLarge:
		c.refuseBody(p)
	default:
		writeProblem(c.gin.Writer, p)
	}
	if cause != nil {
		c.route.logFault(p.Status, cause)
	}
}

// finish ends the call, whatever the handler did. A call whose handler
// panicked is not used again: who knows who still holds it.
func (c *Call) finish() {
	rt, g := c.route, c.gin
	fault := recover()
	panicked := fault != nil
	if fault != nil && fault != http.ErrAbortHandler {
		rt.logPanic(fault, debug.Stack())
		if !g.Writer.Written() {
			p, _ := problemOf(errPanic, rt.Command)
			writeProblem(g.Writer, p)
			fault = nil
		}
	}
	took := rt.server.cfg.Now().Sub(c.start)
	status := g.Writer.Status()
	rt.series.observe(status, took)
	if took >= rt.server.cfg.SlowRequest {
		rt.logSlow(status, took)
	}
	if fault != nil {
		// Half an answer is out: break the connection, so that nobody takes it
		// for a whole one. net/http knows this value and logs nothing.
		panic(http.ErrAbortHandler)
	}
	if !panicked {
		c.release()
	}
}

var errPanic = errors.New("handler panicked")

// DefaultWaitLimit bounds the wait for Tidemark-After.
const DefaultWaitLimit = 2 * time.Second

// DefaultSlowRequest is the duration from which a request is logged. It lies
// above the wait limit: a request that waits as asked is not slow.
const DefaultSlowRequest = 5 * time.Second
