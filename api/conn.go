package api

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// conn is a connection as the server keeps it. It answers plain requests
// itself, and hands the connection to net/http with the first that is not.
type conn struct {
	*net.TCPConn
	server *HTTPServer
	// state is http.ConnState: whether a request is under way is known without
	// a lock, since requests must not meet at one.
	state atomic.Int32
	read  deadline
	write deadline
	// remote is the client's address, made with the first plain request.
	remote string
	// passed is set once net/http reads from the socket; left is what was read
	// for it before.
	passed bool
	left   []byte
}

func newConn(tcp *net.TCPConn, s *HTTPServer) *conn {
	c := &conn{TCPConn: tcp, server: s}
	c.read.at.Store(never)
	c.write.at.Store(never)
	return c
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets the deadline of reads, which are cut off up to
// sweepEvery late.
func (c *conn) SetReadDeadline(t time.Time) error {
	clock := &c.server.clock
	return c.read.move(clock.at(t), clock.now.Load(), c.TCPConn.SetReadDeadline)
}

// SetWriteDeadline sets the deadline of writes, which are cut off up to
// sweepEvery late.
func (c *conn) SetWriteDeadline(t time.Time) error {
	clock := &c.server.clock
	return c.write.move(clock.at(t), clock.now.Load(), c.TCPConn.SetWriteDeadline)
}

// readWithin and writeWithin set a deadline without a look at the clock, and so
// up to sweepEvery too late.
func (c *conn) readWithin(limit time.Duration) {
	at, now := c.server.clock.after(limit)
	_ = c.read.move(at, now, c.TCPConn.SetReadDeadline) // fails for a connection that is closed
}

func (c *conn) writeWithin(limit time.Duration) {
	at, now := c.server.clock.after(limit)
	_ = c.write.move(at, now, c.TCPConn.SetWriteDeadline) // fails for a connection that is closed
}

// enforce cuts off what has passed its deadline at now.
func (c *conn) enforce(now int64) {
	c.read.enforce(now, c.TCPConn.SetReadDeadline)
	c.write.enforce(now, c.TCPConn.SetWriteDeadline)
}

// Read gives net/http what is for it to read: as long as all requests are
// plain, nothing. They are answered within net/http's first read, which returns
// with the first request that is not plain, or with the connection's end. There
// is no way back: only a reader that has read every byte of a connection knows
// where a request begins.
func (c *conn) Read(p []byte) (int, error) {
	switch {
	case len(c.left) > 0:
		n := copy(p, c.left)
		if c.left = c.left[n:]; len(c.left) == 0 {
			c.left = nil
		}
		return n, nil
	case c.passed:
		return c.TCPConn.Read(p)
	}
	c.passed = true
	return c.servePlain(p)
}

// connKey is the context key of a request's connection.
type connKey struct{}

// connOf returns the connection of a request that net/http has read, nil where
// the server has not made it.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}
