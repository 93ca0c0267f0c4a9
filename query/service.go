package query

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Source is the read model as the query side sees it; *projector.Projector is one.
type Source interface {
	// Snapshot returns the state as of the newest position folded.
	Snapshot() *readmodel.Snapshot
	// Hold is Snapshot for who reads rows: they stay readable until Release.
	Hold() *readmodel.Snapshot
	// Model returns the read model, for its tables that any reader may read.
	Model() *readmodel.Model
	// AsOf returns the time of the read model as a shared header value.
	AsOf() []string
	// Lag returns how far the read model is behind the log.
	Lag() projector.Lag
	// WaitFor returns once the position is folded, or with the context's error.
	WaitFor(ctx context.Context, at events.Position) error
}

var _ Source = (*projector.Projector)(nil)

// Config is what the query side is built from.
type Config struct {
	// Source is the read model. Required.
	Source Source
	// MaxBatch bounds the IDs of one request, counted as sent; 0 is DefaultMaxBatch.
	MaxBatch int
	// CursorKey authenticates the cursors of lists. All nodes that clients may
	// page across need the same one. Where it is empty, a random one is made,
	// and cursors end with the process.
	CursorKey []byte
	// Replay is what operators look at; nil has no endpoints for that.
	Replay *Replay
	// AuditCopy is the archive's copy of the audit; nil if there is none.
	AuditCopy AuditCopy
	// Histories is where the history of counters is; nil if nowhere.
	Histories Histories
	// Now is the clock of the trending windows; nil is time.Now.
	Now func() time.Time
}

// DefaultMaxBatch is how many IDs a request may list.
const DefaultMaxBatch = 1000

// jobsPollAfter is the pace asked of pollers of jobs, in seconds: somebody sits
// and watches a progress bar.
const jobsPollAfter = 2

// Service answers queries. It is safe for concurrent use.
type Service struct {
	source    Source
	maxBatch  int
	cursorKey []byte
	replay    *Replay
	auditCopy AuditCopy
	histories Histories
	now       func() time.Time

	exports  exports
	metadata sync.Pool // of *metadataQuery
	trending trending
}

// New returns the query side of a read model.
func New(cfg Config) *Service {
	s := &Service{
		source: cfg.Source, maxBatch: cfg.MaxBatch, cursorKey: cfg.CursorKey,
		replay: cfg.Replay, auditCopy: cfg.AuditCopy, histories: cfg.Histories, now: cfg.Now,
	}
	if s.maxBatch == 0 {
		s.maxBatch = DefaultMaxBatch
	}
	if s.now == nil {
		s.now = time.Now
	}
	if len(s.cursorKey) == 0 {
		s.cursorKey = make([]byte, 32)
		_, _ = rand.Read(s.cursorKey) // never fails: it ends the process instead
	}
	s.metadata.New = func() any { return new(metadataQuery) }
	return s
}

// Routes returns the endpoints of the query side.
func (s *Service) Routes() []api.Route {
	const (
		metadata = "/v1/videos/batch-metadata"
		jobs     = "/v1/ai/jobs"
		notes    = "/v1/notifications"
	)
	routes := []api.Route{
		{Method: "POST", Path: metadata, Access: api.Anyone, Body: api.JSONBody, OwnSyntax: true, Handle: s.postMetadata},
		{Method: "GET", Path: metadata, Access: api.Anyone, Handle: s.getMetadata},
		{Method: "GET", Path: "/v1/videos/trending", Access: api.Anyone, Handle: s.getTrending},
		{Method: "POST", Path: jobs + "/batch-status", Access: api.AnyToken, Body: api.JSONBody, OwnSyntax: true,
			PollAfter: jobsPollAfter, Handle: s.jobStatuses},
		{Method: "GET", Path: jobs, Access: api.AnyToken, PollAfter: jobsPollAfter, Handle: s.listJobs},
		{Method: "GET", Path: notes, Access: api.AnyToken, Handle: s.listNotifications},
		{Method: "POST", Path: notes + "/batch-status", Access: api.AnyToken, Body: api.JSONBody, OwnSyntax: true,
			Handle: s.notificationStatuses},
		{Method: "GET", Path: "/v1/blocks", Access: api.AnyToken, Handle: s.listBlocks},
		{Method: "GET", Path: "/v1/admin/audit", Access: api.Admin, Handle: s.listAudit},
		{Method: "GET", Path: "/v1/admin/audit/verify", Access: api.Admin, Handle: s.verifyAudit},
		{Method: "GET", Path: "/v1/videos/:id/history", Access: api.AnyToken, Handle: s.videoHistory},
		{Method: "GET", Path: "/v1/admin/history", Access: api.Admin, Handle: s.totalHistory},
		PositionRoute(s.source),
	}
	return append(routes, s.replayRoutes()...)
}

// settled waits for the position that the caller asks for and holds what is shown
// then, whose position the answer carries. The caller releases it.
func (s *Service) settled(c *api.Call) (*readmodel.Snapshot, error) {
	if err := c.Settle(c.Context()); err != nil {
		return nil, err
	}
	snapshot := s.source.Hold()
	c.SetPosition(snapshot.TokenHeader())
	return snapshot, nil
}
