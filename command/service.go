package command

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Log takes entries and returns when they are durable, within the limit.
type Log interface {
	CommitWithin(ctx context.Context, limit time.Duration, e events.Entry) (eventlog.Receipt, error)
}

// Fold is what commands need of the projector: outcomes, and the state that
// they are checked against.
type Fold interface {
	Expect(id events.CommandID) *projector.Expectation
	WaitFor(ctx context.Context, at events.Position) error
	Inspect(ctx context.Context, fn func(*readmodel.Model)) error
	Snapshot() *readmodel.Snapshot
	Read(fn func(*readmodel.Snapshot) error) error
	Model() *readmodel.Model
	Fault() error
	// Redrivable reads what of a dead letter can be folded anew, or fails with
	// projector.ErrNotRedrivable.
	Redrivable(ctx context.Context, d *readmodel.DeadLetter) (projector.Redrivable, error)
	// PublishedLetters waits until dead letters are in their stream.
	PublishedLetters(ctx context.Context, upTo events.Position) error
}

// Config is what the write side needs.
type Config struct {
	Log  Log
	Fold Fold
	// MaxBatch is how many IDs a batch command takes, counted as sent.
	MaxBatch int
	// CommitLimit is how long a command may wait to become durable.
	CommitLimit time.Duration
	// WaitLimit is how long a command waits for the fold.
	WaitLimit time.Duration
	// AnonymousViews lets callers without a token record views.
	AnonymousViews bool
	// MayWrite is asked before each command: an error refuses it (a full disk).
	MayWrite func() error
	// Runs are what administrators rebuild, verify and repair the read model by;
	// nil has no endpoints for that.
	Runs *replay.Runs
	Now  func() time.Time
}

// Service handles commands.
type Service struct {
	cfg Config

	// running holds the commands with an Idempotency-Key that are under way here.
	running   map[events.CommandID]struct{}
	runningMu sync.Mutex
	// readers decode the bulk way in; each keeps its buffers.
	readers sync.Pool
	// gate is the position of the newest acknowledged command that others are
	// judged by: who is judged waits until it is folded.
	gate atomic.Uint64
	// acked is the position of the newest acknowledged command of any kind.
	acked atomic.Uint64
}

// New returns the write side. It starts nothing.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, running: map[events.CommandID]struct{}{}}
	s.readers.New = func() any { return new(events.CloudEventReader) }
	return s
}

// maxEventsBodyBytes bounds the body of the bulk way in.
const maxEventsBodyBytes = 1 << 20

// Routes lists the endpoints of the write side.
func (s *Service) Routes() []api.Route {
	viewers := api.AnyToken
	if s.cfg.AnonymousViews {
		viewers = api.Anyone
	}
	routes := []api.Route{
		{Method: http.MethodPost, Path: "/v1/videos", Access: api.AnyToken, Body: api.JSONBody, Handle: s.publishVideo},
		{Method: http.MethodPost, Path: "/v1/videos/:id/views", Access: viewers, Body: api.OptionalJSONBody, Handle: s.recordView},
		{Method: http.MethodPut, Path: "/v1/videos/:id/like", Access: api.AnyToken, Body: api.OptionalJSONBody, Handle: s.likeVideo},
		{Method: http.MethodDelete, Path: "/v1/videos/:id/like", Access: api.AnyToken, Body: api.OptionalJSONBody, Handle: s.unlikeVideo},

		{Method: http.MethodPost, Path: "/v1/ai/jobs", Access: api.AnyToken, Body: api.JSONBody, Handle: s.createJob},
		{Method: http.MethodPatch, Path: "/v1/ai/jobs/:id", Access: api.Service, Body: api.JSONBody, Handle: s.updateJob},
		{Method: http.MethodPost, Path: "/v1/ai/jobs/batch-update", Access: api.Service, Body: api.JSONBody, Handle: s.updateJobs},
		{Method: http.MethodPost, Path: "/v1/ai/jobs/:id/cancel", Access: api.AnyToken, Body: api.OptionalJSONBody, Handle: s.cancelJob},

		{Method: http.MethodPost, Path: "/v1/notifications", Access: api.Service, Body: api.JSONBody, Handle: s.sendNotifications},
		{Method: http.MethodPost, Path: "/v1/notifications/batch-mark-read", Access: api.AnyToken, Body: api.JSONBody, Handle: s.markRead},
		{Method: http.MethodPost, Path: "/v1/blocks/batch", Access: api.AnyToken, Body: api.JSONBody, Handle: s.blockUsers},
		{Method: http.MethodPost, Path: "/v1/blocks/batch-unblock", Access: api.AnyToken, Body: api.JSONBody, Handle: s.unblockUsers},

		{Method: http.MethodPost, Path: "/v1/admin/videos/batch-delete", Access: api.Admin, Body: api.JSONBody, Handle: s.deleteVideos},
		{Method: http.MethodPost, Path: "/v1/admin/videos/batch-restore", Access: api.Admin, Body: api.JSONBody, Handle: s.restoreVideos},
		{Method: http.MethodPost, Path: "/v1/admin/users/batch-block", Access: api.Admin, Body: api.JSONBody, Handle: s.blockAccounts},
		{Method: http.MethodPost, Path: "/v1/admin/users/batch-unblock", Access: api.Admin, Body: api.JSONBody, Handle: s.unblockAccounts},

		{Method: http.MethodPost, Path: "/v1/admin/dead-letters/redrive", Access: api.Admin, Body: api.JSONBody, Handle: s.redriveDeadLetters},
		{Method: http.MethodPost, Path: "/v1/admin/dead-letters/drop", Access: api.Admin, Body: api.JSONBody, Handle: s.dropDeadLetters},

		{Method: http.MethodPost, Path: "/v1/events", Access: api.Service, Body: api.JSONBody, OwnSyntax: true,
			MaxBodyBytes: maxEventsBodyBytes, MediaTypes: []string{mediaBatch, mediaLines}, Handle: s.ingest},
	}
	for _, noun := range itemNouns {
		path := "/v1/videos/:id/" + noun.plural + "/:item"
		routes = append(routes,
			api.Route{Method: http.MethodPut, Path: path, Access: api.AnyToken, Body: api.OptionalJSONBody, Handle: s.createItem(noun)},
			api.Route{Method: http.MethodDelete, Path: path, Access: api.AnyToken, Body: api.OptionalJSONBody, Handle: s.deleteItem(noun)})
	}
	for i := range routes {
		routes[i].Command = true
	}
	return append(routes, s.replayRoutes()...)
}
