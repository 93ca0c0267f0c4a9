package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/replay"
)

type replayDiffCmd struct {
	lookFlags `embed:""`
	From      string   `required:"" placeholder:"POSITION|TIME" help:"The earlier point."`
	To        string   `default:"end" placeholder:"POSITION|TIME" help:"The later point."`
	Top       int      `default:"20" help:"How many videos are ranked, without IDs."`
	By        string   `default:"views" enum:"views,likes,comments,remixes,glitches" help:"The counter by which videos are ranked, without IDs."`
	IDs       []string `arg:"" optional:"" name:"id" help:"Videos, with the word video before them; without any, those that moved most."`

	from, to replay.Point
	videos   []events.VideoID
}

// Validate reads the points and the IDs.
func (d *replayDiffCmd) Validate() (err error) {
	if d.from, err = replay.ParsePoint(d.From); err != nil {
		return fmt.Errorf("--from %w", err)
	}
	if d.to, err = replay.ParsePoint(d.To); err != nil {
		return fmt.Errorf("--to %w", err)
	}
	if d.Top < 1 {
		return errors.New("--top is how many videos are ranked: give 1 or more")
	}
	if len(d.IDs) > 0 && d.IDs[0] == "video" {
		d.IDs = d.IDs[1:]
	}
	if d.videos, err = videoIDs(d.IDs); err != nil {
		return err
	}
	return d.lookFlags.Validate()
}

// Run prints by how much counts moved.
func (d *replayDiffCmd) Run(ctx context.Context) error {
	if len(d.videos) == 0 {
		return d.movers(ctx)
	}
	body := map[string]any{"from": d.from, "to": d.to, "video_ids": d.IDs}
	c, err := answer(ctx, &d.lookFlags, "diff", body, func(o *offline) (*replay.CountsBetween, error) {
		return replay.Diff(ctx, o.source, d.from, d.to, d.videos, o.options)
	})
	if err != nil {
		return err
	}
	return d.printed(c, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n\n", spanText(c.From, c.To))
		writeMoved(w, c.Videos)
	})
}

func (d *replayDiffCmd) movers(ctx context.Context) error {
	by, err := replay.ParseCounter(d.By)
	if err != nil {
		return err
	}
	body := map[string]any{"from": d.from, "to": d.to, "by": d.By, "top": d.Top}
	m, err := answer(ctx, &d.lookFlags, "diff", body, func(o *offline) (*replay.MostMoved, error) {
		return replay.Movers(ctx, o.source, d.from, d.to, by, d.Top, o.options)
	})
	if err != nil {
		return err
	}
	return d.printed(m, func(w io.Writer) {
		fmt.Fprintf(w, "%s: the %s of %d videos moved, most those of\n\n", spanText(m.From, m.To), m.By, m.Total)
		writeMoved(w, m.Videos)
	})
}

// writeMoved prints what videos counted in the end, and by how much that moved.
func writeMoved(w io.Writer, videos []replay.Moved) {
	fmt.Fprintf(w, "%-36s %17s %13s %13s %13s %13s\n", "video", "views", "likes", "comments", "remixes", "glitches")
	moved := func(n, by int64) string { return fmt.Sprintf("%d (%+d)", n, by) }
	for i := range videos {
		v, a, c := &videos[i], &videos[i].After, &videos[i].Change
		fmt.Fprintf(w, "%-36s %17s %13s %13s %13s %13s\n", v.Video, moved(a.Views, c.Views), moved(a.Likes, c.Likes),
			moved(a.Comments, c.Comments), moved(a.Remixes, c.Remixes), moved(a.Glitches, c.Glitches))
	}
}
