package api

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// conn is a connection as the server keeps it: it knows whether a request is
// under way on it, in a word of its own, since requests must not meet at a
// lock; and it spares net/http system calls that a poll has no use for.
type conn struct {
	*net.TCPConn
	clock *sweepClock
	state atomic.Int32 // http.ConnState
	read  deadline
	write deadline
	// unwatched is set while a request is answered whose client is not watched.
	unwatched bool
	// owed is how much of an expected answer's body has not passed at least;
	// held is its first part: 4 KiB that a connection keeps from its first
	// answer of more. parts and gather are what both are written from.
	owed   int
	held   []byte
	parts  [2][]byte
	gather net.Buffers
}

func newConn(tcp *net.TCPConn, clock *sweepClock) *conn {
	c := &conn{TCPConn: tcp, clock: clock}
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
	return c.read.move(c.clock.at(t), c.clock.now.Load(), c.TCPConn.SetReadDeadline)
}

// SetWriteDeadline sets the deadline of writes, which are cut off up to
// sweepEvery late.
func (c *conn) SetWriteDeadline(t time.Time) error {
	return c.write.move(c.clock.at(t), c.clock.now.Load(), c.TCPConn.SetWriteDeadline)
}

// enforce cuts off what has passed its deadline at now.
func (c *conn) enforce(now int64) {
	c.read.enforce(now, c.TCPConn.SetReadDeadline)
	c.write.enforce(now, c.TCPConn.SetWriteDeadline)
}

// Read reads from the socket. While a request is answered, net/http watches
// the client by a read of one byte in a goroutine, and has to interrupt that
// before the next request: two system calls, two deadlines and a park. An
// unwatched connection ends that read at once, with nothing.
func (c *conn) Read(p []byte) (int, error) {
	if c.unwatched && len(p) == 1 {
		return 0, nil
	}
	return c.TCPConn.Read(p)
}

// unwatch stops the watch on the client for the request. Only requests with a
// body of declared length come without: their watch begins at the body's end,
// when nothing is read for the request any more. What such a handler waits for
// has limits of seconds, and a client that has gone is noticed when its answer
// is written.
// The watch reads the flag, so it is not touched where one may have begun.
func (c *conn) unwatch(r *http.Request) {
	if r.ContentLength > 0 {
		c.unwatched = true
	}
}

// connKey is the context key of a request's connection.
type connKey struct{}

// connOf returns the request's connection, nil where the server has not made it.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// wholeAnswer is the size of net/http's write buffer: an answer that does not
// fit goes out in two writes, the first of exactly this size.
const wholeAnswer = 4 << 10

// expect lets the connection put the first part of an answer off until the rest
// comes, so that one system call and one wake-up of the client do for both. It
// is told the length of the body, all of which the handler then writes; what
// passes through is more by the header, so nothing is ever left lying.
func (c *conn) expect(body int) {
	if body > wholeAnswer {
		c.owed = body
	}
}

// Write writes to the socket, except the first part of an expected answer.
func (c *conn) Write(p []byte) (int, error) {
	if c.owed == 0 {
		return c.TCPConn.Write(p)
	}
	if len(c.held) == 0 && len(p) <= wholeAnswer && len(p) < c.owed {
		c.owed -= len(p)
		c.held = append(c.held, p...)
		return len(p), nil
	}
	c.parts[0], c.parts[1] = c.held, p
	c.gather = c.parts[:]
	n, err := c.gather.WriteTo(c.TCPConn)
	n -= int64(len(c.held))
	c.owed, c.held, c.parts[1] = 0, c.held[:0], nil
	return int(max(n, 0)), err
}
