package api

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidemark-io/tidemark/api/plainhttp"
)

// Limits of the HTTP server, which has none of its own.
const (
	// readHeaderTimeout cuts off clients that send their header by drops;
	// 32 KiB take a second over the worst mobile network.
	readHeaderTimeout = 5 * time.Second
	// readTimeout bounds a body: 1 MiB at 35 KiB/s.
	readTimeout = 30 * time.Second
	// writeTimeout runs from the end of the header, so it holds the body's
	// arrival, the wait for the log and the answer's way out.
	writeTimeout = 60 * time.Second
	// idleTimeout outlives the pause between two polls (5 s, more under load)
	// and the 60 s that common proxies keep their connections.
	idleTimeout = 120 * time.Second
	// maxHeaderBytes bounds the header's lines. A token may have 8 KiB.
	maxHeaderBytes = 32 << 10
	// maxTargetBytes bounds the first line, and holds what a GET may ask for: the
	// IDs of the largest batch, each with an escaped comma behind it.
	maxTargetBytes = 40 << 10
	// addedHeaderBytes is what net/http adds to the limit that it is given.
	addedHeaderBytes = 4 << 10
)

// limits are how long clients may take.
type limits struct{ header, body, write, idle time.Duration }

// HTTPServer is an http.Server that answers plain requests by itself, and stops
// without cutting anybody off.
type HTTPServer struct {
	server    *http.Server
	handler   atomic.Pointer[http.Handler]
	limits    limits
	exchanges sync.Pool // of *plainhttp.Exchange
	// base is the context of every request, whoever reads it, and cutOff ends it.
	base     context.Context
	cutOff   context.CancelFunc
	draining atomic.Bool
	mu       sync.Mutex
	conns    map[*conn]struct{}
	clock    sweepClock
	gate     gate
	logger   *slog.Logger
}

// NewHTTPServer returns a server for handler with every limit set. What
// net/http itself complains of goes to logger at debug level: clients cause all
// of it.
func NewHTTPServer(handler http.Handler, logger *slog.Logger) *HTTPServer {
	s := &HTTPServer{
		conns:  map[*conn]struct{}{},
		logger: logger,
		limits: limits{readHeaderTimeout, readTimeout, writeTimeout, idleTimeout},
	}
	s.base, s.cutOff = context.WithCancel(context.Background())
	s.exchanges.New = func() any { return plainhttp.NewExchange(s.base) }
	s.clock.begin()
	s.SetHandler(handler)
	s.server = &http.Server{
		Handler:        http.HandlerFunc(s.serveOther),
		MaxHeaderBytes: maxTargetBytes + maxHeaderBytes - addedHeaderBytes,
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		ConnState:      s.note,
		BaseContext:    func(net.Listener) context.Context { return s.base },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
	return s
}

// SetHandler changes who answers, from the next request on.
func (s *HTTPServer) SetHandler(handler http.Handler) { s.handler.Store(&handler) }

// serve hands a request on. While the server stops it tells clients that their
// connection ends with this answer: they open the next one elsewhere, and
// nobody writes a request into a connection that is about to be closed.
func (s *HTTPServer) serve(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	(*s.handler.Load()).ServeHTTP(w, r)
}

// serveOther hands on a request that net/http has read.
func (s *HTTPServer) serveOther(w http.ResponseWriter, r *http.Request) {
	if c := connOf(r); c != nil {
		// net/http would count from its first read of the connection, and within
		// that all plain requests are answered.
		c.readWithin(s.limits.body)
	}
	if headerBytes(r) > maxHeaderBytes {
		// In the words of net/http, which bounds the header only together with the
		// first line.
		w.Header().Set("Connection", "close")
		http.Error(w, "431 Request Header Fields Too Large", http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	s.serve(w, r)
}

// headerBytes is the size of a request's header lines.
func headerBytes(r *http.Request) int {
	const around = len(": \r\n")
	size := len("Host") + len(r.Host) + around
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + around
		}
	}
	return size
}

// Starting answers for a service that cannot answer yet: that the process
// lives, and to everything else that it is not ready, and why.
func Starting(why string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimSuffix(r.URL.Path, "/") == "/healthz" {
			w.Header()["Content-Type"] = contentJSON
			_, _ = w.Write([]byte(`{"status":"alive"}`)) // a client that has gone is nobody's fault
			return
		}
		sendProblem(w, NotReady.With(why))
	})
}

func (s *HTTPServer) note(nc net.Conn, state http.ConnState) {
	c, ok := nc.(*conn)
	if !ok { // a listener that is not ours: a test's
		return
	}
	c.state.Store(int32(state))
	if state == http.StateActive || state == http.StateIdle {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew {
		s.conns[c] = struct{}{}
	} else {
		delete(s.conns, c)
	}
}

// sweep enforces deadlines until the channel is closed. 10,000 connections
// take it under a millisecond.
func (s *HTTPServer) sweep(done <-chan struct{}) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			s.enforceDeadlines()
		}
	}
}

func (s *HTTPServer) enforceDeadlines() {
	now := s.clock.tick()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.enforce(now)
	}
}

// open counts the connections, and those with a request under way.
func (s *HTTPServer) open() (all, active int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		if http.ConnState(conn.state.Load()) == http.StateActive {
			active++
		}
	}
	return len(s.conns), active
}

const (
	// drainGrace is how long busy clients get to learn from an answer that
	// their connection ends. Idle pollers do not ask within it and are closed.
	drainGrace = 500 * time.Millisecond
	// drainPoll is how often connections are counted meanwhile.
	drainPoll = 5 * time.Millisecond
)

// Serve serves until the context ends. Then it takes no more connections,
// answers what is under way, and closes the rest; after limit it closes those
// with unanswered requests too, whose contexts it ends, and logs that: a client
// that sends its body by drops must not make a stop a failure.
func (s *HTTPServer) Serve(ctx context.Context, listener net.Listener, limit time.Duration) error {
	s.server.ReadHeaderTimeout, s.server.WriteTimeout, s.server.IdleTimeout = s.limits.header, s.limits.write, s.limits.idle
	failed := make(chan error, 1)
	swept := make(chan struct{})
	defer close(swept)
	defer s.cutOff()
	go s.sweep(swept)
	go func() { failed <- s.server.Serve(ownListener{listener, s}) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.draining.Store(true)
	_ = listener.Close() // Serve returns with its error
	<-failed
	if left := s.drain(limit); left > 0 {
		s.logger.Warn("requests were cut off: they were not answered in time for the stop", "requests", left, "limit", limit)
	}
	s.cutOff()
	return s.server.Close()
}

// drain waits until no request is under way, for so long at the most, and returns
// how many are.
func (s *HTTPServer) drain(limit time.Duration) int {
	ticker := time.NewTicker(drainPoll)
	defer ticker.Stop()
	start := time.Now()
	for range ticker.C {
		all, active := s.open()
		waited := time.Since(start)
		switch {
		case all == 0, active == 0 && waited >= min(drainGrace, limit):
			return 0
		case waited >= limit:
			return active
		}
	}
	return 0
}
