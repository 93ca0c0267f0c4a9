package api

import (
	"io"
	"net/http"
	"time"
)

// A client that is still sending when the connection closes gets a reset, and
// with it loses the answer that was on its way. So what an honest client still
// has to send is read and thrown away, within bounds.
const (
	// drainBytes is what net/http drains itself where a connection is kept.
	drainBytes = 256 << 10
	// lingerBytes and lingerTime bound it for bodies over the limit.
	lingerBytes = 16 << 20
	lingerTime  = 5 * time.Second
)

// drain reads the rest of a small body, on connections that net/http would
// close without doing so: those of clients that ask for Connection: close.
func drain(r *http.Request) {
	if r.Close && r.ContentLength != 0 && r.Body != nil && !expectsContinue(r) {
		_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
	}
}

// refuseBody answers 413 at once, and only then reads what the client sends.
func (c *Call) refuseBody(p *Problem) {
	r := c.gin.Request
	c.gin.Writer.Header()["Connection"] = connectionClose
	control := http.NewResponseController(c.gin.Writer)
	linger := !expectsContinue(r) && control.EnableFullDuplex() == nil
	writeProblem(c.gin.Writer, p)
	if !linger || control.Flush() != nil || control.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, lingerBytes)
}

// expectsContinue reports whether the client waits for leave to send its body.
func expectsContinue(r *http.Request) bool { return len(r.Header["Expect"]) > 0 }
