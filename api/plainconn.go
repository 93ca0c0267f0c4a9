package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/tidemark-io/tidemark/api/plainhttp"
)

// maxPlainBytes bounds a request that is read as plain: the greatest body that
// most routes take, and a head beside it.
const maxPlainBytes = DefaultMaxBodyBytes + 4<<10

// errPassOn: the connection goes to net/http, with what was read last.
var errPassOn = errors.New("request is not plain")

// arrivals is what has arrived of plain requests and was not answered yet.
type arrivals struct {
	// in is where bytes are read to, the first have of which have arrived: the
	// buffer of net/http, or a larger one for one request.
	in   []byte
	have int
	// need is the size of the request that has begun, once it is known.
	need int
	// begun: some of a request has been waited for. answered: it is not the
	// connection's first. posted: the one before was a POST.
	begun, answered, posted bool
}

// servePlain answers plain requests. It returns with a request that is not
// plain, or what there is of it, in p; and with the connection's end.
func (c *conn) servePlain(p []byte) (int, error) {
	a := arrivals{in: p}
	for {
		n, err := c.TCPConn.Read(a.in[a.have:])
		a.have += n
		if err == nil && a.have >= a.need {
			err = c.answerArrived(&a)
		}
		if err == nil {
			err = c.await(&a, p)
		}
		if err != nil {
			return c.passOn(p, &a, err)
		}
	}
}

// answerArrived answers the whole requests that have arrived, in their order,
// and keeps what there is of the next.
func (c *conn) answerArrived(a *arrivals) error {
	e := c.server.exchanges.Get().(*plainhttp.Exchange)
	data := a.in[:a.have]
	for a.need = 0; ; {
		if a.posted { // some clients end a body with a line that is none of it; net/http forgives them too
			data = bytes.TrimLeft(data, "\r\n")
		}
		if len(data) == 0 {
			break
		}
		size, verdict := e.Read(data)
		if verdict == plainhttp.Partial {
			a.need = size
			break
		}
		if verdict == plainhttp.Other {
			a.have = copy(a.in, data)
			return errPassOn
		}
		if err := c.answer(e); err != nil {
			a.have = 0
			return err
		}
		data, a.begun, a.answered, a.posted = data[size:], false, true, e.Request().Method == http.MethodPost
	}
	c.server.exchanges.Put(e)
	a.have = copy(a.in, data)
	return nil
}

// await makes ready to read the rest of a request, or the next. One whose head
// fills the buffer of net/http, or that is too large, is not plain.
func (c *conn) await(a *arrivals, p []byte) error {
	if a.have == 0 {
		a.in = p
		c.readWithin(c.server.limits.idle)
		return nil
	}
	if !a.begun && a.answered { // the time of the first runs from the connection's start
		c.readWithin(c.server.limits.header)
	}
	a.begun = true
	if a.need > 0 { // who has sent a head is waited for by a server that stops
		c.state.Store(int32(http.StateActive))
	}
	switch {
	case a.need > maxPlainBytes, a.need == 0 && a.have == len(a.in):
		return errPassOn
	case a.have == len(a.in):
		// It grows with what arrives, not with what Content-Length promises.
		a.in = append(make([]byte, 0, min(a.need, 2*a.have)), a.in...)
		a.in = a.in[:cap(a.in)]
	}
	return nil
}

// answer answers a request, and fails where the connection ends with it.
func (c *conn) answer(e *plainhttp.Exchange) error {
	s := c.server
	if c.remote == "" {
		c.remote = c.RemoteAddr().String()
	}
	r := e.Request()
	r.RemoteAddr = c.remote
	c.state.Store(int32(http.StateActive))
	e.BeginAnswer(*s.clock.date.Load())
	s.serve(e, r)
	message, keep, err := e.EndAnswer()
	if err != nil {
		s.server.ErrorLog.Print(err)
		return io.EOF
	}
	// Nothing is written before, so the limit is the answer's alone: a handler that
	// takes its time, as that of a profile does, is not cut off.
	c.writeWithin(s.limits.write)
	if _, err := c.TCPConn.Write(message); err != nil {
		return err
	}
	c.write.at.Store(never)
	c.state.Store(int32(http.StateIdle))
	if !keep {
		return io.EOF
	}
	return nil
}

// passOn hands the connection to net/http: with what has arrived, or with its
// end. A request that has not arrived in time is at its end if its head is not
// there; for its body, net/http waits as long as for any other.
func (c *conn) passOn(p []byte, a *arrivals, err error) (int, error) {
	if a.have == 0 || errors.Is(err, os.ErrDeadlineExceeded) && a.need == 0 {
		return 0, err
	}
	if a.answered || a.need > 0 {
		c.readWithin(c.server.limits.header)
	}
	n := copy(p, a.in[:a.have])
	c.left = a.in[n:a.have]
	return n, nil
}
