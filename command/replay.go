package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// maxRate bounds a throttle, in events a second: far above what any machine folds.
const maxRate = 1 << 30

// maxExports bounds how many exports a run reads before the log.
const maxExports = 100

// maxArchiveWait bounds how long a run waits for the archive, in seconds.
const maxArchiveWait = 3600

// runBody is what a run may be told.
type runBody struct {
	order              replay.Order
	rate               int
	fromSnapshot       bool
	fromExports        []string
	archive            bool
	archiveWait        time.Duration
	onDisk             bool
	accept, hold, anew bool
	previous           bool
}

func (b *runBody) verify() replay.VerifyOptions {
	return replay.VerifyOptions{
		Order: b.order, EventsPerSecond: b.rate, FromSnapshot: b.fromSnapshot, FromExports: b.fromExports, OnDisk: b.onDisk,
		Archive: b.archive, ArchiveWait: b.archiveWait,
	}
}

// startable is a kind of run: its name in the path, the members of its body,
// and how it is started.
type startable struct {
	name  string
	takes []string
	start func(context.Context, *runBody) (replay.RunID, error)
}

func startables(r *replay.Runs) []startable {
	return []startable{
		{"rebuild", []string{"reason", "events_per_second", "from_snapshot", "from_export", "on_disk", "accept", "hold", "fresh"}, func(ctx context.Context, b *runBody) (replay.RunID, error) {
			return r.StartRebuild(ctx, replay.RebuildOptions{
				Order: b.order, EventsPerSecond: b.rate, FromSnapshot: b.fromSnapshot, FromExports: b.fromExports, OnDisk: b.onDisk, Accept: b.accept, Hold: b.hold, Fresh: b.anew,
			})
		}},
		{"switch", []string{"reason", "accept", "on_disk"}, func(ctx context.Context, b *runBody) (replay.RunID, error) {
			return r.StartSwitch(ctx, replay.SwitchOptions{Order: b.order, Accept: b.accept, OnDisk: b.onDisk})
		}},
		{"rollback", []string{"reason", "on_disk"}, func(ctx context.Context, b *runBody) (replay.RunID, error) {
			return r.StartRollback(ctx, replay.RollbackOptions{Order: b.order, OnDisk: b.onDisk})
		}},
		{"discard", []string{"reason", "previous"}, func(ctx context.Context, b *runBody) (replay.RunID, error) {
			return r.StartDiscard(ctx, replay.DiscardOptions{Order: b.order, Previous: b.previous})
		}},
		{"verify", []string{"events_per_second", "from_snapshot", "from_export", "on_disk", "archive", "archive_wait_seconds"}, func(ctx context.Context, b *runBody) (replay.RunID, error) {
			return r.StartVerify(ctx, b.verify())
		}},
		{"repair", []string{"reason", "events_per_second", "from_snapshot", "from_export", "on_disk"}, func(ctx context.Context, b *runBody) (replay.RunID, error) {
			return r.StartRepair(ctx, replay.RepairOptions{VerifyOptions: b.verify()})
		}},
	}
}

// replayRoutes are the endpoints that start and end runs. Runs are no commands
// on the log: of each kind one is under way at a time, and a repeat without an
// Idempotency-Key is told so.
func (s *Service) replayRoutes() (routes []api.Route) {
	if s.cfg.Runs == nil {
		return nil
	}
	for _, kind := range startables(s.cfg.Runs) {
		routes = append(routes, api.Route{
			Method: http.MethodPost, Path: "/v1/admin/replay/" + kind.name, Access: api.Admin, Body: api.JSONBody, Command: true,
			Handle: func(c *api.Call) error { return s.startRun(c, &kind) },
		})
	}
	routes = append(routes, s.lookRoutes()...)
	return append(routes, api.Route{Method: http.MethodDelete, Path: "/v1/admin/replay/runs/:id", Access: api.Admin, Handle: s.cancelRun})
}

func (s *Service) startRun(c *api.Call, kind *startable) error {
	b, err := s.readRun(c, kind.takes)
	if err != nil {
		return err
	}
	return s.begin(c, func(once *replay.Once) (replay.RunID, error) {
		if err := s.admit(c, &plan{}); err != nil {
			return "", err
		}
		b.order.Once = once
		return kind.start(c.Context(), &b)
	})
}

// begin starts a run and answers with it. A request with a key that has begun one
// before is answered with that.
func (s *Service) begin(c *api.Call, start func(*replay.Once) (replay.RunID, error)) error {
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	if c.Key == "" {
		id, err := start(nil)
		return s.answerRun(c, id, err)
	}
	cmd := events.Command{ID: commandID(c), Request: requestHash(c)}
	release, err := s.claim(cmd.ID)
	if err != nil {
		return err
	}
	defer release()
	if _, _, err := s.remembered(&cmd); err != nil { // a command had the key
		return err
	}
	once := &replay.Once{Key: cmd.ID, Request: cmd.Request}
	id, found, err := s.cfg.Runs.Began(once)
	if !found {
		id, err = start(once)
	}
	return s.answerRun(c, id, err)
}

// readRun reads the body of a run that takes those members. A reason is
// required where it is among them.
func (s *Service) readRun(c *api.Call, takes []string) (b runBody, err error) {
	given := false
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		switch {
		case !slices.Contains(takes, name):
			return false
		case name == "reason":
			given = true
			b.order.Reason = string(readReason(j))
		case name == "events_per_second":
			rate, _ := j.Int(1, maxRate)
			b.rate = int(rate)
		case name == "from_snapshot":
			b.fromSnapshot, _ = j.Bool()
		case name == "from_export":
			b.fromExports = readExports(j)
		case name == "archive":
			b.archive, _ = j.Bool()
		case name == "archive_wait_seconds":
			seconds, _ := j.Int(1, maxArchiveWait)
			b.archiveWait = time.Duration(seconds) * time.Second
		case name == "on_disk":
			b.onDisk, _ = j.Bool()
		case name == "accept":
			b.accept, _ = j.Bool()
		case name == "hold":
			b.hold, _ = j.Bool()
		case name == "fresh":
			b.anew, _ = j.Bool()
		case name == "previous":
			b.previous, _ = j.Bool()
		}
		return true
	})
	if err != nil {
		return b, err
	}
	if slices.Contains(takes, "reason") && !given {
		scan.Missing("reason")
	}
	if b.archiveWait > 0 && !b.archive {
		scan.Fail("archive_wait_seconds says how long to wait for the archive, which is not asked for: give archive too, or leave it out")
	}
	b.order.Actor = c.Caller.ID.String()
	return b, finish(c, scan)
}

// readExports reads the names of exports.
func readExports(j *strictjson.Scanner) []string {
	return readList(j, maxExports, func(j *strictjson.Scanner) string {
		name, _ := j.String()
		return string(name)
	})
}

// answerRun answers with the run that was started: 202 {"run_id": "…"}.
func (s *Service) answerRun(c *api.Call, id replay.RunID, err error) error {
	if err != nil {
		return runProblem(err)
	}
	c.SetPosition(s.cfg.Fold.Snapshot().TokenHeader())
	c.Out = fmt.Appendf(c.Out[:0], `{"run_id":%q}`, id)
	return c.JSON(http.StatusAccepted, c.Out)
}

// runProblem says why a run was not started, or not found: an outage by which it can
// be started later, or else how things are now.
func runProblem(err error) error {
	switch {
	case errors.Is(err, replay.ErrNoRun):
		return api.NotFound.With("There is no such run, or so many have ended since that it is forgotten.")
	case errors.Is(err, replay.ErrNotRunning):
		return api.NotReady.With("The service is starting or stopping: no run is begun now.")
	case errors.Is(err, replay.ErrKeyReused):
		return api.KeyReused
	case errors.Is(err, replay.ErrAudit):
		return api.LogUnavailable.Because(err)
	case errors.Is(err, replay.ErrMemory):
		return api.Overloaded.With(err.Error())
	case errors.Is(err, replay.ErrUnreachable):
		p := api.LogUnavailable.Because(err)
		p.Detail = "The event log, or the archive of what it has forgotten, does not answer now: no run was begun."
		return p
	case errors.Is(err, syscall.ENOSPC):
		p := api.StorageFull.Because(err)
		p.Detail = "Too little disk space is left to remember the run: it was not begun."
		return p
	case errors.Is(err, replay.ErrExport):
		return api.InvalidFields(api.FieldError{Pointer: "/from_export", Detail: err.Error()})
	case errors.Is(err, context.Canceled), errors.As(err, new(api.Slug)), errors.As(err, new(*api.Problem)):
		return err
	}
	return api.Conflict.With(err.Error())
}

// cancelRun ends a run, without waiting for it.
func (s *Service) cancelRun(c *api.Call) error {
	if err := c.Settle(c.Context()); err != nil {
		return err
	}
	id := replay.RunID(c.Param("id"))
	return s.answerRun(c, id, s.cfg.Runs.Cancel(c.Context(), id, replay.Order{Actor: c.Caller.ID.String()}))
}
