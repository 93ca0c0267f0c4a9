package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// ownListener accepts connections of ours, as many at a time as the server keeps.
type ownListener struct {
	net.Listener
	server *HTTPServer
}

func (l ownListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return nil, errors.Join(fmt.Errorf("accept %T: clients are bounded in time on TCP only", c), c.Close())
		}
		if l.server.gate.admits(l.server.kept()) {
			return newConn(tcp, l.server), nil
		}
		l.server.turnAway(tcp)
	}
}

// gate bounds the connections that are open at a time. Each costs memory and a
// file descriptor, and those the event log and the checkpoints need as well:
// without a bound, clients who only connect could end the service.
type gate struct {
	most    int // 0: no bound
	refused atomic.Int64
	faults  faultLog
}

// LimitConnections bounds the connections that are open at a time; 0 does not.
// It is called before Serve.
func (s *HTTPServer) LimitConnections(most int) { s.gate.most = most }

// Connections returns how many connections are open, and how many were refused.
func (s *HTTPServer) Connections() (open int, refused int64) {
	return s.kept(), s.gate.refused.Load()
}

func (s *HTTPServer) kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (g *gate) admits(open int) bool { return g.most == 0 || open < g.most }

// turnAway answers a connection without a look at what it asks, and closes it.
func (s *HTTPServer) turnAway(c *net.TCPConn) {
	s.gate.refused.Add(1)
	if suppressed, ok := s.gate.faults.admit(time.Now()); ok {
		s.logger.Warn("a connection is refused: as many are open as are kept", "open", s.gate.most, "suppressed", suppressed)
	}
	// The answer fits into what the system buffers for a connection, so nobody
	// waits for the client.
	_, _ = c.Write(turnedAway)
	_ = c.Close()
}

// turnedAway is the answer to a connection too many.
var turnedAway = func() []byte {
	p := Overloaded.With("As many connections are open as this server keeps.")
	body, _ := p.MarshalJSON() // strings and numbers only
	answer := http.Response{
		StatusCode: p.Status, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)), Close: true,
		Header: http.Header{
			"Content-Type": contentProblem, "Cache-Control": noStore, "Retry-After": {strconv.Itoa(p.RetryAfter)},
		},
		Body: io.NopCloser(bytes.NewReader(body)),
	}
	var text bytes.Buffer
	_ = answer.Write(&text) // a buffer takes all
	return text.Bytes()
}()
