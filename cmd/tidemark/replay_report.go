package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// reportFlags make of a rebuild a report: a fold that never serves.
type reportFlags struct {
	Until        string   `group:"Report" placeholder:"POSITION|TIME" help:"Report what counts were: fold up to there, and do not switch."`
	Only         []string `group:"Report" placeholder:"video:ID" help:"Report on these alone, be it video:ID, job:ID or user:ID, and do not switch."`
	ExcludeUsers string   `group:"Report" type:"existingfile" placeholder:"FILE" help:"Report what counts would be without the users in this file, whose IDs stand one a line, and do not switch."`
	DryRun       bool     `group:"Report" help:"Report in what the serving read model differs from the log, and do not switch; as verify does."`
	Limit        int      `group:"Report" placeholder:"N" help:"Videos that a report lists; 1,000 if it is left out."`
}

// asked reports whether a report is wanted.
func (r *reportFlags) asked() bool { return r.Until != "" || len(r.Only) > 0 || r.ExcludeUsers != "" }

// report prints what a fold comes to that never serves.
func (r *reportFlags) report(ctx context.Context, l *lookFlags, f *foldFlags) error {
	q, body, err := r.request()
	if err != nil {
		return err
	}
	if f.OnDisk {
		body["on_disk"] = true
	}
	if len(f.FromExport) > 0 {
		body["from_export"] = f.exports()
	}
	reported, err := answer(ctx, l, "report", body, func(opened *offline) (*replay.Reported, error) {
		if err := opened.readFirst(ctx, f.FromExport); err != nil {
			return nil, err
		}
		if f.OnDisk {
			scratch, err := openScratch(l.DataDir)
			if err != nil {
				return nil, err
			}
			opened.foldOnDisk(scratch.dir)
			reported, err := replay.Report(ctx, opened.source, q, opened.options)
			return reported, errors.Join(err, scratch.close())
		}
		return replay.Report(ctx, opened.source, q, opened.options)
	})
	if err != nil {
		return err
	}
	return l.printed(reported, func(w io.Writer) { writeReported(w, reported, r.ExcludeUsers != "") })
}

func (r *reportFlags) request() (q replay.ReportRequest, body map[string]any, err error) {
	q.Limit, body = r.Limit, map[string]any{}
	if r.Limit != 0 {
		body["limit"] = r.Limit
	}
	if q.Until, err = replay.ParsePoint(r.Until); err != nil {
		return q, nil, fmt.Errorf("--until %w", err)
	}
	if r.Until != "" {
		body["until"] = q.Until
	}
	for _, text := range r.Only {
		e, err := replay.ParseEntity(text)
		if err != nil {
			return q, nil, fmt.Errorf("--only %w", err)
		}
		q.Only = append(q.Only, e)
		body["only"] = q.Only
	}
	if r.ExcludeUsers == "" {
		return q, body, nil
	}
	file, err := os.Open(r.ExcludeUsers)
	if err != nil {
		return q, nil, err
	}
	defer file.Close()
	if q.ExcludeUsers, err = replay.ReadUsers(file); err != nil {
		return q, nil, fmt.Errorf("read %s: %w", r.ExcludeUsers, err)
	}
	body["exclude_user_ids"] = userTexts(q.ExcludeUsers)
	return q, body, nil
}

func userTexts(users map[events.UserID]bool) []string {
	texts := make([]string, 0, len(users))
	for id := range users {
		texts = append(texts, id.String())
	}
	return texts
}

func writeReported(w io.Writer, r *replay.Reported, excluded bool) {
	rows(w, "folded", fmt.Sprintf("messages %d to %d", r.Span.First, r.Span.Last), "videos", r.Videos)
	writeCounters(w, "totals", r.Totals)
	rows(w, "digest", r.Digest)
	if excluded {
		rows(w, "left out", fmt.Sprintf("%d events; %d videos would count otherwise", r.Excluded, r.Differing))
	}
	if len(r.Differences) > 0 {
		fmt.Fprintln(w)
		writeMoved(w, r.Differences)
	}
	if more := r.Differing - len(r.Differences); more > 0 {
		fmt.Fprintf(w, "and %d more (--limit lists more)\n", more)
	}
}
