package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/replay"
)

type replayExplainCmd struct {
	lookFlags `embed:""`
	Kind      string `arg:"" enum:"video,job,user" help:"What to explain: video, job or user."`
	ID        string `arg:"" help:"Its ID."`
	Until     string `placeholder:"POSITION|TIME" help:"Explain what was shown then; without it what is shown now."`
	Views     int    `default:"20" help:"Views that count and are listed one by one; all are summed up."`

	entity replay.Entity
	until  replay.Point
}

// Validate reads what is to be explained, and as of when.
func (e *replayExplainCmd) Validate() (err error) {
	if e.entity, err = replay.ParseEntity(e.Kind + ":" + e.ID); err != nil {
		return fmt.Errorf("%.60q names nothing: write video, job or user, and then its UUID", e.Kind+" "+e.ID)
	}
	if e.until, err = replay.ParsePoint(e.Until); err != nil {
		return fmt.Errorf("--until %w", err)
	}
	if e.Views < 0 {
		return errors.New("--views is how many views are listed: give 0 or more")
	}
	return e.lookFlags.Validate()
}

// Run explains.
func (e *replayExplainCmd) Run(ctx context.Context) error {
	q := replay.ExplainRequest{Entity: e.entity, Until: e.until, Views: &e.Views}
	x, err := answer(ctx, &e.lookFlags, "explain", q, func(o *offline) (*replay.Explanation, error) {
		return replay.Explain(ctx, o.source, q, o.options)
	})
	if err != nil {
		return err
	}
	return e.printed(x, func(w io.Writer) { writeExplanation(w, x) })
}

func writeExplanation(w io.Writer, x *replay.Explanation) {
	fmt.Fprintf(w, "%s\n", strings.Replace(x.Entity.String(), ":", " ", 1))
	writeReading(w, &x.Reading)
	fmt.Fprintln(w)
	switch {
	case x.Video != nil:
		writeVideo(w, x.Video)
	case x.Job != nil:
		writeJob(w, x.Job)
	case x.User != nil:
		writeUser(w, x.User)
	}
	if len(x.Summary) == 0 {
		fmt.Fprintln(w, "\nno events")
		return
	}
	fmt.Fprintln(w, "\nevents")
	for _, t := range x.Summary {
		fate := "count"
		if t.Why != "" {
			fate = "do not: " + string(t.Why)
		}
		fmt.Fprintf(w, "  %8d  %-22s %-22s %s\n", t.Events, t.Type, fate, countersText(t.Counts, "+"))
	}
	fmt.Fprintln(w)
	for i := range x.Events {
		writeExplained(w, &x.Events[i])
	}
	if x.Unlisted > 0 {
		fmt.Fprintf(w, "  and %d more views that count (--views lists more)\n", x.Unlisted)
	}
}

// writeReading says how an answer was found.
func writeReading(w io.Writer, r *replay.Reading) {
	if r.Passes == 0 {
		return // a snapshot said it all
	}
	times := map[int]string{1: "once", 2: "twice"}[r.Passes]
	if times == "" {
		times = fmt.Sprintf("%d times", r.Passes)
	}
	rate := fmt.Sprintf("%d events in %.3f s, %.0f a second", r.Events, r.Seconds, r.Rate())
	if r.Way == replay.WayScan {
		fmt.Fprintf(w, "by a scan of messages %d to %d, %s: %s\n", r.First, r.Last, times, rate)
		if r.Because != "" {
			fmt.Fprintf(w, "a scan, since %s\n", r.Because)
		}
		return
	}
	fmt.Fprintf(w, "by the archive's index of messages %d to %d", r.First, min(r.Indexed, r.Last))
	if r.Last > r.Indexed {
		fmt.Fprintf(w, ", and a scan of %d to %d, which are not archived yet", r.Indexed+1, r.Last)
	}
	fmt.Fprintf(w, ", %s: %d messages, %s\n", times, r.Messages, rate)
}

func writeVideo(w io.Writer, v *replay.VideoShown) {
	switch {
	case v.Deleted && v.DeletedBy != nil:
		fmt.Fprintf(w, "hidden: deleted at %s; its counters go on underneath\n", v.DeletedBy)
	case !v.Known:
		fmt.Fprintln(w, "nobody has seen it yet")
	}
	writeCounters(w, "shown", v.Counters)
}

func writeCounters(w io.Writer, name string, c replay.Counters) {
	fmt.Fprintf(w, "%-8s views %d, likes %d, comments %d, remixes %d, glitches %d\n", name, c.Views, c.Likes, c.Comments, c.Remixes, c.Glitches)
}

func writeJob(w io.Writer, j *replay.JobShown) {
	if !j.Created {
		fmt.Fprintln(w, "not created yet: updates that come before wait for it")
	} else {
		rows(w, "owner", j.Owner)
	}
	if j.Status == "" {
		return
	}
	rows(w, "status", fmt.Sprintf("%s, %d %%, attempt %d", j.Status, j.Progress, j.Attempt))
	for name, text := range map[string]*string{"result": j.ResultURL, "error": j.Error} {
		if text != nil {
			rows(w, name, *text)
		}
	}
}

func writeUser(w io.Writer, u *replay.UserShown) {
	switch {
	case u.Retracted:
		fmt.Fprintln(w, "blocked by the platform; what they contributed does not count")
	case u.Blocked:
		fmt.Fprintln(w, "blocked by the platform; what they contributed counts")
	}
	writeCounters(w, "counts", u.Counters)
	rows(w, "unread", fmt.Sprintf("%d notifications", u.Unread))
}

// countersText names the counters that are not zero.
func countersText(c replay.Counters, sign string) string {
	var parts []string
	for _, one := range []struct {
		name string
		n    int64
	}{{"views", c.Views}, {"likes", c.Likes}, {"comments", c.Comments}, {"remixes", c.Remixes}, {"glitches", c.Glitches}} {
		if one.n > 0 {
			parts = append(parts, fmt.Sprintf("%s%d %s", sign, one.n, one.name))
		} else if one.n < 0 {
			parts = append(parts, fmt.Sprintf("%d %s", one.n, one.name))
		}
	}
	return strings.Join(parts, ", ")
}

// relation joins why an event does not count with the event that is the cause.
func relation(why replay.Why) string {
	switch why {
	case replay.WhyDuplicate, replay.WhyRepeat:
		return "of"
	case replay.WhyConflict:
		return "with"
	}
	return "by"
}

func writeExplained(w io.Writer, e *replay.Explained) {
	fate := "counts"
	if !e.Counted {
		fate = string(e.Why)
		if e.By != nil {
			fate += " " + relation(e.Why) + " " + e.By.String()
		}
	}
	line := fmt.Sprintf("  %-10s %s  %-18s %-24s", e.Position, events.TimeOf(e.Time).Std().Format(time.RFC3339), e.Type, fate)
	if e.Change != nil {
		line += "  " + countersText(*e.Change, "+")
	}
	if e.User != "" {
		line += "  user " + e.User
	}
	switch {
	case e.Command != "" && e.Actor != "" && e.Actor != e.User:
		line += "  (" + e.Command + " by " + e.Actor + ")"
	case e.Command != "":
		line += "  (" + e.Command + ")"
	case e.Actor != "":
		line += "  (by " + e.Actor + ")"
	}
	if e.Detail != "" {
		line += fmt.Sprintf("  %q", e.Detail)
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}
