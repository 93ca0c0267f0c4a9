package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
	"github.com/tidemark-io/tidemark/query"
)

// readOffline reads the status of a stopped service from its log and its data directory.
// It loads no read model. What is amiss with the checkpoint is told as a fault.
func (s *replayStatusCmd) readOffline(ctx context.Context) (*query.ReplayStatus, error) {
	o, err := s.openOffline(ctx)
	if err != nil {
		return nil, err
	}
	defer o.close()
	first, last, err := o.log.Bounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the event log where it stands: %w", err)
	}
	status := &query.ReplayStatus{}
	status.SetLog(o.log, first, last, nil)
	models := (&serveCmd{DataDir: s.DataDir}).modelsDir()
	if err := status.SetModels(models); err != nil {
		return nil, err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	var at events.Position
	var logTime events.Time
	c, ok, err := projector.PeekCheckpoint(models, logger, func(m *readmodel.Snapshot) error {
		at, logTime = m.At, m.LogTime
		return status.SetFolded(m)
	})
	switch {
	case err != nil:
		status.Folded.Fault = err.Error()
	case !ok:
		if err := readLag(ctx, o, &status.Folded, &c, at, logTime, first, last); err != nil {
			return nil, err
		}
		if status.Folded.Fault == "" {
			status.Folded.Fault = "nothing was checkpointed yet: the next start folds the log from its beginning"
		}
	default:
		status.Checkpoint.Sequence, status.Checkpoint.SavedAt = at.Seq, c.SavedAt.UTC().Format(time.RFC3339Nano)
		if err := readLag(ctx, o, &status.Folded, &c, at, logTime, first, last); err != nil {
			return nil, err
		}
	}
	if status.Log.Needs, err = projector.ListNeeds(models, at.Seq); err != nil {
		return nil, err
	}
	names, err := projector.ListModels(models)
	if err != nil {
		return nil, err
	}
	status.Runs, err = replay.ReadRuns(filepath.Join(s.DataDir, runsFile), names)
	return status, err
}

// readLag compares the last message folded with the log's, and reads what lies behind it.
func readLag(ctx context.Context, o *offline, f *query.FoldStatus, c *projector.Checkpointed, at events.Position, logTime events.Time, first, last uint64) error {
	switch {
	case at.Seq > last:
		f.Fault = fmt.Sprintf("message %d was folded, and the log ends at message %d: it has lost its end, or is another copy; see tidemark replay log adopt", at.Seq, last)
		return nil
	case at.Seq+1 < first:
		f.Fault = fmt.Sprintf("message %d comes next, and the log begins at message %d: it is read from the archive, or the newest snapshot is gone on with", at.Seq+1, first)
		return nil
	case at.Seq >= first:
		err := o.source.Read(ctx, at.Seq, at.Seq, func(m eventlog.Message) error {
			if !c.Matches(&m) {
				f.Fault = fmt.Sprintf("message %d of the log is not the one that was folded: see tidemark replay log adopt", m.Seq)
			}
			return nil
		})
		if err != nil || f.Fault != "" {
			return err
		}
	}
	if at.Seq == last {
		return nil
	}
	meter, end := watch("status")
	defer end()
	meter.Pass("reading what is not folded", at.Seq+1, last)
	newest := logTime
	err := o.source.Read(ctx, at.Seq+1, last, func(m eventlog.Message) error {
		held := 0
		if h, _, err := events.ReadBatchHeader(m.Data); err == nil {
			held = h.Events
		}
		meter.Read(m.Seq, held)
		f.LagEvents += int64(held)
		newest = max(newest, events.TimeOf(m.Stored))
		return nil
	})
	if logTime != 0 {
		f.LagSeconds = newest.Std().Sub(logTime.Std()).Seconds()
	}
	return err
}
