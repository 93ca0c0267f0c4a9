package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// Script decides what is sent and which answers are right. It is called by one
// goroutine at a time.
type Script interface {
	// Next returns the whole next request of a connection (numbered from 0). It
	// must not change until the answer has been checked.
	Next(connection int) []byte
	// Check judges the answer to the connection's last request. The body is good
	// during the call only. An error ends the run: a wrong answer makes every
	// figure worthless.
	Check(connection int, answer *Answer) error
}

// Answer is one answer.
type Answer struct {
	Status int
	// Head is everything before the body, with its last empty line.
	Head []byte
	Body []byte
}

// Header returns the value of a header, by its name in the spelling that
// servers in Go use; ok is false where there is none.
func (a *Answer) Header(name string) (value []byte, ok bool) {
	for rest := a.Head; ; {
		_, after, found := bytes.Cut(rest, crlf)
		if !found {
			return nil, false
		}
		rest = after
		if len(rest) > len(name)+1 && rest[len(name)] == ':' && string(rest[:len(name)]) == name {
			line, _, _ := bytes.Cut(rest[len(name)+1:], crlf)
			return bytes.TrimSpace(line), true
		}
	}
}

var crlf = []byte("\r\n")

// Exchange is a request and the answer that it must have.
type Exchange struct {
	Request []byte
	// Want is the whole body of the answer; nil takes any.
	Want []byte
	// Status is the answer's; 0 means 200.
	Status int
}

// Cycle is a Script that sends the same exchanges again and again, in order,
// whatever the connection, and compares every answer byte by byte.
type Cycle struct {
	exchanges []Exchange
	next      int
	current   []int // by connection
}

// NewCycle returns a script for as many connections.
func NewCycle(exchanges []Exchange, connections int) *Cycle {
	return &Cycle{exchanges: exchanges, current: make([]int, connections)}
}

// Next returns the next request.
func (c *Cycle) Next(connection int) []byte {
	i := c.next
	if c.next++; c.next == len(c.exchanges) {
		c.next = 0
	}
	c.current[connection] = i
	return c.exchanges[i].Request
}

// Check compares the answer with the one wanted.
func (c *Cycle) Check(connection int, a *Answer) error {
	e := &c.exchanges[c.current[connection]]
	want := e.Status
	if want == 0 {
		want = 200
	}
	if a.Status != want {
		return fmt.Errorf("wrong answer: status %d, want %d: %.300s", a.Status, want, a.Body)
	}
	if e.Want != nil && !bytes.Equal(a.Body, e.Want) {
		return fmt.Errorf("wrong answer to %.1500s: got %.600s, want %.600s", e.Request, a.Body, e.Want)
	}
	return nil
}

// Post builds a POST request with a body of JSON. Headers are whole lines
// without their end, such as "Authorization: Bearer …".
func Post(path string, body []byte, headers ...string) []byte {
	return Build("POST", path, "application/json", body, headers...)
}

// Build builds a request of any method. With a nil body it has neither media
// type nor length.
func Build(method, path, media string, body []byte, headers ...string) []byte {
	b := make([]byte, 0, 256+len(body))
	b = append(b, method+" "+path+" HTTP/1.1\r\nHost: bench\r\n"...)
	for _, h := range headers {
		b = append(append(b, h...), crlf...)
	}
	if body != nil {
		b = append(b, "Content-Type: "+media+"\r\nContent-Length: "...)
		b = append(strconv.AppendInt(b, int64(len(body)), 10), crlf...)
	}
	b = append(b, crlf...)
	return append(b, body...)
}
