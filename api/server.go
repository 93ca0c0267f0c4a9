package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a server is built from.
type Config struct {
	// Routes are all endpoints, of both sides and of operations.
	Routes []Route
	// Auth tells who calls. Required.
	Auth *Authenticator
	// ReadModel gives positions. Required where a route lies under /v1.
	ReadModel Freshness
	// Ready returns nil once the service may answer under /v1. It is called on
	// every request there and must be as cheap as an atomic load. nil is always ready.
	Ready func() error
	// CORSOrigins are the origins whose pages may call, as a browser sends
	// them (https://example.org), or * for all. None by default.
	CORSOrigins []string
	// MaxBodyBytes bounds bodies where a route has no limit of its own;
	// 0 is DefaultMaxBodyBytes.
	MaxBodyBytes int
	// WaitLimit bounds the wait for Tidemark-After; 0 is DefaultWaitLimit.
	WaitLimit time.Duration
	// SlowRequest is the duration from which a request is logged; 0 is
	// DefaultSlowRequest.
	SlowRequest time.Duration
	// Logger is required.
	Logger *slog.Logger
	// Registry takes the HTTP metrics; nil keeps them to the server.
	Registry prometheus.Registerer
	// Now is the clock of durations; nil is time.Now.
	Now func() time.Time
}

// Server is the http.Handler of all routes. It is safe for concurrent use.
type Server struct {
	cfg       Config
	engine    *gin.Engine
	cors      *cors
	unmatched routeSeries
	packers   sync.Pool
	lengths   lengthTable
}

// NewServer binds the routes. It fails for a route that is incomplete, above
// all for one that does not say who may call it, and for two routes of one
// method and path.
func NewServer(cfg Config) (*Server, error) {
	switch {
	case cfg.Auth == nil:
		return nil, errors.New("build HTTP server: Config.Auth is missing")
	case cfg.Logger == nil:
		return nil, errors.New("build HTTP server: Config.Logger is missing")
	}
	cfg.applyDefaults()
	s := &Server{cfg: cfg, packers: sync.Pool{New: newPacker}}
	var err error
	if s.cors, err = newCORS(cfg.CORSOrigins); err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, err
	}
	s.unmatched = m.series(unmatchedRoute, "other")
	s.engine = newEngine()
	s.engine.NoRoute(s.refuseUnmatched)
	s.engine.NoMethod(s.refuseUnmatched)
	for i := range cfg.Routes {
		r := cfg.Routes[i]
		if err := s.bind(r, m); err != nil {
			return nil, fmt.Errorf("bind route %s %s: %w", r.Method, r.Path, err)
		}
	}
	return s, nil
}

func (cfg *Config) applyDefaults() {
	if cfg.MaxBodyBytes == 0 {
		cfg.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if cfg.WaitLimit == 0 {
		cfg.WaitLimit = DefaultWaitLimit
	}
	if cfg.SlowRequest == 0 {
		cfg.SlowRequest = DefaultSlowRequest
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
}

// newEngine returns a gin engine that routes and does nothing else. Redirects
// are off because they would answer before any check and repeat the path.
func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // gin's switch is global; its debug mode prints to stdout
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.RedirectFixedPath = false
	engine.ForwardedByClientIP = false
	_ = engine.SetTrustedProxies(nil) // fails for malformed lists only
	return engine
}

func (s *Server) bind(r Route, m *metrics) error {
	if err := r.check(); err != nil {
		return err
	}
	if r.versioned() && s.cfg.ReadModel == nil {
		return errors.New("lies under /v1 and needs Config.ReadModel")
	}
	if err := s.add(s.newRoute(r, m)); err != nil {
		return err
	}
	if r.Method == http.MethodGet {
		// net/http leaves the body of the answer out by itself.
		r.Method = http.MethodHead
		return s.add(s.newRoute(r, m))
	}
	return nil
}

func (s *Server) newRoute(r Route, m *metrics) *boundRoute {
	rt := &boundRoute{
		Route:     r,
		server:    s,
		versioned: r.versioned(),
		maxBody:   r.MaxBodyBytes,
		media:     r.MediaTypes,
		series:    m.series(r.Path, r.Method),
	}
	if rt.maxBody == 0 {
		rt.maxBody = s.cfg.MaxBodyBytes
	}
	if len(rt.media) == 0 {
		rt.media = contentJSON
	}
	pace := r.PollAfter
	if pace == 0 {
		pace = DefaultPollAfter
	}
	rt.pollAfter = []string{strconv.Itoa(pace)}
	rt.pool.New = func() any { return &Call{route: rt} }
	return rt
}

// add registers the route; gin panics on a route that it has already.
func (s *Server) add(rt *boundRoute) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("collides with another route: %v", fault)
		}
	}()
	s.engine.Handle(rt.Method, rt.Path, rt.serve)
	return nil
}

// Routes returns the table that the server was built from.
func (s *Server) Routes() []Route { return s.cfg.Routes }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(r.TransferEncoding) > 0 {
		// net/http hides whether there was a Content-Length too, in which case
		// proxies may disagree about where the request ends (RFC 9112, section
		// 6.1): nothing that follows on the connection can be trusted.
		w.Header().Set("Connection", "close")
	}
	s.serve(w, r)
	drain(r)
}

// serve does what comes before routing: CORS, and paths that lead nowhere.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if s.cors != nil && s.cors.apply(w.Header(), r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	path := r.URL.Path
	if !plainPath(path, r.URL.RawPath) {
		start := s.cfg.Now()
		sendProblem(w, NotFound.With(noSuchPath))
		s.unmatched.observe(http.StatusNotFound, s.cfg.Now().Sub(start))
		return
	}
	if len(path) > 1 && path[len(path)-1] == '/' {
		r = withoutSlash(r)
	}
	s.engine.ServeHTTP(w, r)
}

const noSuchPath = "There is no such path; see /openapi.json."

// refuseUnmatched answers what gin found no route for, with the status that
// gin has set and, for 405, the Allow header that it has.
func (s *Server) refuseUnmatched(g *gin.Context) {
	start := s.cfg.Now()
	if g.Writer.Status() == http.StatusMethodNotAllowed {
		writeProblem(g.Writer, MethodNotAllowed.With(MethodNotAllowed.kind().detail))
	} else {
		writeProblem(g.Writer, NotFound.With(noSuchPath))
	}
	s.unmatched.observe(g.Writer.Status(), s.cfg.Now().Sub(start))
}
