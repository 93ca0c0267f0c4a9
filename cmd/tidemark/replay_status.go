package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tidemark-io/tidemark/projector/replay"
	"github.com/tidemark-io/tidemark/query"
)

type replayStatusCmd struct {
	lookFlags `embed:""`
}

// Run prints the status.
func (s *replayStatusCmd) Run(ctx context.Context) error {
	status, err := s.read(ctx)
	if err != nil {
		return err
	}
	return s.printed(status, func(w io.Writer) { writeStatus(w, status) })
}

func (s *replayStatusCmd) read(ctx context.Context) (*query.ReplayStatus, error) {
	if s.Offline {
		return s.readOffline(ctx)
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	status := &query.ReplayStatus{}
	return status, client.get(ctx, "/v1/admin/replay/status", status)
}

func writeStatus(w io.Writer, s *query.ReplayStatus) {
	writeLog(w, &s.Log)
	writeFolded(w, &s.Folded)
	m := &s.Model
	c := &s.Checkpoint
	if c.SavedAt != "" { // of a stopped service: its tables are not loaded
		rows(w, "read model", fmt.Sprintf("generation %d: %d videos, %d users", m.Generation, m.Videos, m.Users),
			"checkpoint", fmt.Sprintf("message %d, written %s", c.Sequence, c.SavedAt))
	} else {
		rows(w, "read model", fmt.Sprintf("generation %d: %d videos, %d users, %d likes, %d identities", m.Generation, m.Videos, m.Users, m.Likes, m.Identities),
			"checkpoint", fmt.Sprintf("message %d; %d written, %d failed, %d put off; the last took %.3f s", c.Sequence, c.Written, c.Failed, c.Postponed, c.Seconds))
	}
	writeModels(w, c)
	writeSnapshots(w, s.Snapshots)
	writeDeadLetters(w, &s.DeadLetters)
	writeArchiveStatus(w, s.Archive)
	writeRetention(w, s.Retention)
	shown := min(len(s.Runs), shownRuns)
	writeRuns(w, s.Runs[:shown])
	if more := len(s.Runs) - shown; more > 0 {
		rows(w, "", fmt.Sprintf("and %d earlier ones: tidemark replay runs", more))
	}
}

func writeLog(w io.Writer, l *query.LogStatus) {
	where := "outside"
	if l.Embedded {
		where = "embedded"
	}
	holds := fmt.Sprintf("messages %d to %d", l.FirstSequence, l.LastSequence)
	if l.FirstSequence > l.LastSequence {
		holds = "no messages"
	}
	rows(w, "log", fmt.Sprintf("%s, %s, incarnation %s", holds, where, l.Incarnation))
	for _, a := range l.Lineage {
		rows(w, "", fmt.Sprintf("before it %s, up to message %d", a.Incarnation, a.LastSequence))
	}
	if l.Fault != "" {
		rows(w, "", l.Fault)
	}
	for i, need := range l.Needs {
		rows(w, map[bool]string{true: "needed"}[i == 0], fmt.Sprintf("from message %d on by %s", need.Seq, need.Why))
	}
}

func writeFolded(w io.Writer, f *query.FoldStatus) {
	folded := fmt.Sprintf("%d.%d, %d events", f.Sequence, f.Index, f.Events)
	if f.LogTime != "" {
		folded += ", stored up to " + f.LogTime
	}
	rows(w, "folded", folded, "lag", fmt.Sprintf("%d events, %.3f s", f.LagEvents, f.LagSeconds))
	if f.Fault != "" {
		rows(w, "not ready", f.Fault)
	}
}

func writeDeadLetters(w io.Writer, d *query.DeadLetterStatus) {
	letters := fmt.Sprint(d.Count)
	if d.More {
		letters = "more than " + letters
	}
	if d.Oldest != "" {
		letters += ", the oldest at " + d.Oldest
	}
	rows(w, "dead letters", letters)
}

func writeArchiveStatus(w io.Writer, a *query.ArchiveStatus) {
	if a == nil {
		return
	}
	rows(w, "archive", fmt.Sprintf("up to message %d, lag %d messages", a.Sequence, a.LagMessages))
	if a.Fault != "" {
		rows(w, "", "it does not go on: "+oneLine(a.Fault))
	}
	if r := a.Rejudge; r != nil {
		rows(w, "", fmt.Sprintf("judged anew up to message %d of %d, since another fold serves", r.Sequence, r.LastSequence))
		if r.Fault != "" {
			rows(w, "", "that does not go on: "+oneLine(r.Fault))
		}
	}
}

// shownRuns and shownSnapshots bound what the status lists as text.
const (
	shownRuns      = 5
	shownSnapshots = 5
)

// writeModels names the read models on the disk.
func writeModels(w io.Writer, c *query.CheckpointStatus) {
	text := c.Model
	if c.Previous != "" {
		text += ", before it " + c.Previous
	}
	if c.Rebuilding != "" {
		text += ", being rebuilt " + c.Rebuilding
	}
	if c.Next != "" {
		text += ", at the next start " + c.Next
	}
	if text != "" {
		rows(w, "models", text)
	}
}

// writeSnapshots lists snapshots, the newest first.
func writeSnapshots(w io.Writer, list []query.SnapshotStatus) {
	if len(list) == 0 {
		rows(w, "snapshots", "none")
	}
	for i := range min(len(list), shownSnapshots) {
		s := &list[len(list)-1-i]
		rows(w, map[bool]string{true: "snapshots"}[i == 0], fmt.Sprintf("message %d, taken %s, %d bytes, %s", s.Sequence, s.SavedAt, s.Bytes, trustIn(s)))
	}
	if more := len(list) - shownSnapshots; more > 0 {
		rows(w, "", fmt.Sprintf("and %d earlier ones", more))
	}
}

// trustIn says what is known of a snapshot: that its files are whole, and that the model
// was right which it was taken of.
func trustIn(s *query.SnapshotStatus) string {
	whole, compared := "not read back yet", "not compared with the log yet"
	if s.VerifiedAt != "" {
		whole = "whole " + s.VerifiedAt
	}
	switch {
	case s.Fault != "":
		return oneLine(s.Fault)
	case s.Distrusted != "":
		return "distrusted: " + oneLine(s.Distrusted)
	case s.ComparedAt != "":
		compared = "compared with the log " + s.ComparedAt
	}
	return whole + ", " + compared
}

// writeRetention tells who keeps messages in the log.
func writeRetention(w io.Writer, r *query.RetentionStatus) {
	if r == nil {
		return
	}
	kept := fmt.Sprintf("%v are kept, %d messages trimmed", time.Duration(r.KeepSeconds*float64(time.Second)), r.TrimmedMessages)
	rows(w, "retention", kept)
	if r.HeldBy != "" {
		rows(w, "", fmt.Sprintf("messages from %d on are kept for %s", max(r.HeldFrom, 1), oneLine(r.Why)))
	}
	if r.Fault != "" {
		rows(w, "", "it does not go on: "+oneLine(r.Fault))
	}
}

// oneLine keeps an error of several lines in its row.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func writeRuns(w io.Writer, runs []replay.Run) {
	if len(runs) == 0 {
		rows(w, "runs", "none")
	}
	for i := range runs {
		r := &runs[i]
		text := fmt.Sprintf("%s %s %s, begun %s", r.ID, r.Kind, r.State, r.Started.UTC().Format(time.RFC3339))
		if r.State == replay.StateRunning {
			text += fmt.Sprintf(": %s, %d events", r.Progress.Phase, r.Progress.Events)
		}
		if r.Error != "" {
			text += ": " + oneLine(r.Error)
		}
		rows(w, map[bool]string{true: "runs"}[i == 0], text)
	}
}

type replayRunsCmd struct {
	adminFlags `embed:""`
	ID         string `arg:"" optional:"" help:"Follow this run to its end and print its result."`
}

// Run lists runs, or follows one.
func (r *replayRunsCmd) Run(ctx context.Context) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	if r.ID == "" {
		var list struct {
			Runs []replay.Run `json:"runs"`
		}
		if err := client.get(ctx, "/v1/admin/replay/runs", &list); err != nil {
			return err
		}
		return r.printed(list, func(w io.Writer) { writeRuns(w, list.Runs) })
	}
	followed, err := client.follow(ctx, r.ID)
	if err != nil {
		return err
	}
	return r.printed(followed, func(w io.Writer) {
		writeRuns(w, []replay.Run{followed.Run})
		if len(followed.Result) > 0 {
			rows(w, "result", string(followed.Result))
		}
	})
}

type replayCancelCmd struct {
	adminFlags `embed:""`
	ID         string `arg:"" help:"The run."`
}

// Run cancels a run.
func (r *replayCancelCmd) Run(ctx context.Context) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	run, err := client.run(ctx, r.ID)
	if err != nil {
		return err
	}
	if run.State != replay.StateRunning {
		fmt.Fprintf(os.Stderr, "the run has ended already: %s\n", run.State)
		return nil
	}
	if err := client.remove(ctx, "/v1/admin/replay/runs/"+r.ID, nil); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "the run is being cancelled: tidemark replay runs %s follows it to its end\n", r.ID)
	return nil
}
