package query

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Replay is what operators look at beside the read model: the log, the fold,
// and the runs on them.
type Replay struct {
	Runs *replay.Runs
	Log  Log
	// Source holds the messages of the log.
	Source replay.Source
	// Audit writes down that somebody exports or is shown a dead letter; nil writes nothing.
	Audit func(ctx context.Context, a replay.Action) (events.Position, error)
	// Stats, Needs and Ready are the projector's.
	Stats func() projector.Stats
	Needs func() ([]projector.Need, error)
	Ready func() error
	// Archive says where the archive stands; nil where this process writes none.
	Archive func() ArchiveStatus
	// Retention says who keeps messages in the log; nil where this process trims none.
	Retention func() RetentionStatus
	// ModelsDir is where the read models and their snapshots lie.
	ModelsDir string
	// Original returns all of a dead letter's bytes, or the beginning beside
	// projector.ErrCut.
	Original func(ctx context.Context, d *readmodel.DeadLetter) ([]byte, error)
	// Redrivable reads what of a dead letter can be folded anew, or fails with
	// projector.ErrNotRedrivable.
	Redrivable func(ctx context.Context, d *readmodel.DeadLetter) (projector.Redrivable, error)
}

// Log is the event log as operators see it; *eventlog.Log is one.
type Log interface {
	Bounds(ctx context.Context) (first, last uint64, err error)
	Contact() (at time.Time, lastSeq uint64)
	Message(ctx context.Context, seq uint64) (eventlog.Message, error)
	Incarnation() events.Incarnation
	Lineage() events.Lineage
	Embedded() bool
}

var _ Log = (*eventlog.Log)(nil)

// runsPollAfter is the pace asked of who follows a run, in seconds.
const runsPollAfter = 1

func (s *Service) replayRoutes() []api.Route {
	if s.replay == nil {
		return nil
	}
	const (
		replay  = "/v1/admin/replay"
		letters = "/v1/admin/dead-letters"
	)
	return []api.Route{
		{Method: http.MethodGet, Path: replay + "/status", Access: api.Admin, Handle: s.replayStatus},
		{Method: http.MethodGet, Path: replay + "/runs", Access: api.Admin, PollAfter: runsPollAfter, Handle: s.listRuns},
		{Method: http.MethodGet, Path: replay + "/runs/:id", Access: api.Admin, PollAfter: runsPollAfter, Handle: s.getRun},
		{Method: http.MethodGet, Path: letters, Access: api.Admin, Handle: s.listDeadLetters},
		{Method: http.MethodGet, Path: letters + "/:position", Access: api.Admin, Handle: s.getDeadLetter},
		{Method: http.MethodGet, Path: replay + "/export", Access: api.Admin, Handle: s.getExport},
		{Method: http.MethodGet, Path: replay + "/point", Access: api.Admin, Handle: s.getPoint},
	}
}

// replayStatus answers GET /v1/admin/replay/status: where the log, the fold,
// the checkpoint and the runs stand.
func (s *Service) replayStatus(c *api.Call) error {
	if err := noParams(c); err != nil {
		return err
	}
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	first, last, fault := s.replay.Log.Bounds(c.Context()) // it gives up by itself
	snapshot := s.source.Hold()
	defer snapshot.Release()
	c.SetPosition(snapshot.TokenHeader())
	stats, lag := s.replay.Stats(), s.source.Lag()
	document := ReplayStatus{Runs: s.replay.Runs.List()}
	document.SetLog(s.replay.Log, first, last, fault)
	document.Folded.LagEvents, document.Folded.LagSeconds = lag.Events, rounded(lag.Seconds)
	if err := s.replay.Ready(); err != nil {
		document.Folded.Fault = err.Error()
	}
	document.Model.Rebuilds = stats.Rebuilds
	document.Checkpoint = CheckpointStatus{
		Sequence: stats.Saved.Seq, Written: stats.Checkpoints, Failed: stats.CheckpointsFailed,
		Postponed: stats.CheckpointsPostponed, Seconds: rounded(stats.CheckpointSeconds),
	}
	var err error
	if document.Log.Needs, err = s.replay.Needs(); err != nil {
		return err
	}
	if s.replay.Archive != nil {
		status := s.replay.Archive()
		document.Archive = &status
	}
	if s.replay.Retention != nil {
		status := s.replay.Retention()
		document.Retention = &status
	}
	if err := errors.Join(document.SetFolded(snapshot), document.SetModels(s.replay.ModelsDir)); err != nil {
		return err
	}
	return answerDocument(c, &document)
}

// listRuns answers GET /v1/admin/replay/runs: those under way and the last
// that ended, newest first.
func (s *Service) listRuns(c *api.Call) error {
	if err := noParams(c); err != nil {
		return err
	}
	return s.answerNow(c, map[string]any{"runs": s.replay.Runs.List()})
}

// getRun answers GET /v1/admin/replay/runs/{id}.
func (s *Service) getRun(c *api.Call) error {
	if err := noParams(c); err != nil {
		return err
	}
	run, err := s.replay.Runs.Status(replay.RunID(c.Param("id")))
	if errors.Is(err, replay.ErrNoRun) {
		return api.NotFound.With("There is no such run, or so many have ended since that it is forgotten.")
	}
	if err != nil {
		return err
	}
	return s.answerNow(c, run)
}

// answerNow answers with something that is not of the read model, at the
// position that this has.
func (s *Service) answerNow(c *api.Call, document any) error {
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	c.SetPosition(s.source.Snapshot().TokenHeader())
	return answerDocument(c, document)
}

// answerDocument answers with a document that is not worth writing by hand.
func answerDocument(c *api.Call, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return c.Answer(body)
}

func rounded(seconds float64) float64 { return math.Round(seconds*1000) / 1000 }
