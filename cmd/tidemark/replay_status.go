package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tidemark-io/tidemark/projector/replay"
	"github.com/tidemark-io/tidemark/query"
)

type replayStatusCmd struct {
	adminFlags `embed:""`
}

// Run prints the status.
func (s *replayStatusCmd) Run(ctx context.Context) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	status := &query.ReplayStatus{}
	if err := client.get(ctx, "/v1/admin/replay/status", status); err != nil {
		return err
	}
	return s.printed(status, func(w io.Writer) { writeStatus(w, status) })
}

func writeStatus(w io.Writer, s *query.ReplayStatus) {
	where := "outside"
	if s.Log.Embedded {
		where = "embedded"
	}
	holds := fmt.Sprintf("messages %d to %d", s.Log.FirstSequence, s.Log.LastSequence)
	if s.Log.FirstSequence > s.Log.LastSequence {
		holds = "no messages"
	}
	rows(w, "log", fmt.Sprintf("%s, %s, incarnation %s", holds, where, s.Log.Incarnation))
	for _, a := range s.Log.Lineage {
		rows(w, "", fmt.Sprintf("before it %s, up to message %d", a.Incarnation, a.LastSequence))
	}
	if s.Log.Fault != "" {
		rows(w, "", s.Log.Fault)
	}
	folded := fmt.Sprintf("%d.%d, %d events", s.Folded.Sequence, s.Folded.Index, s.Folded.Events)
	if s.Folded.LogTime != "" {
		folded += ", stored up to " + s.Folded.LogTime
	}
	rows(w, "folded", folded, "lag", fmt.Sprintf("%d events, %.3f s", s.Folded.LagEvents, s.Folded.LagSeconds))
	if s.Folded.Fault != "" {
		rows(w, "not ready", s.Folded.Fault)
	}
	m := &s.Model
	rows(w, "read model", fmt.Sprintf("generation %d: %d videos, %d users, %d likes, %d identities", m.Generation, m.Videos, m.Users, m.Likes, m.Identities))
	c := &s.Checkpoint
	rows(w, "checkpoint", fmt.Sprintf("message %d; %d written, %d failed, %d put off; the last took %.3f s", c.Sequence, c.Written, c.Failed, c.Postponed, c.Seconds))
	letters := fmt.Sprint(s.DeadLetters.Count)
	if s.DeadLetters.More {
		letters = "more than " + letters
	}
	if s.DeadLetters.Oldest != "" {
		letters += ", the oldest at " + s.DeadLetters.Oldest
	}
	rows(w, "dead letters", letters)
	writeRuns(w, s.Runs)
}

func writeRuns(w io.Writer, runs []replay.Run) {
	if len(runs) == 0 {
		rows(w, "runs", "none since the start")
	}
	for i := range runs {
		r := &runs[i]
		text := fmt.Sprintf("%s %s %s, begun %s", r.ID, r.Kind, r.State, r.Started.UTC().Format(time.RFC3339))
		if r.State == replay.StateRunning {
			text += fmt.Sprintf(": %s, %d events", r.Progress.Phase, r.Progress.Events)
		}
		if r.Error != "" {
			text += ": " + r.Error
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
	if err := client.remove(ctx, "/v1/admin/replay/runs/"+r.ID, nil); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "the run is being cancelled")
	return nil
}
