package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/replay"
)

type replayAtCmd struct {
	lookFlags `embed:""`
	Time      string   `xor:"point" placeholder:"TIME" help:"The moment: what was stored up to it counts. RFC 3339, such as 2026-11-23T12:00:00Z."`
	Position  string   `xor:"point" placeholder:"POSITION" help:"The last message that counts, by its sequence."`
	Kind      string   `arg:"" enum:"video" help:"video."`
	IDs       []string `arg:"" name:"id" help:"Videos."`

	at     replay.Point
	videos []events.VideoID
}

// Validate reads the point and the IDs.
func (a *replayAtCmd) Validate() (err error) {
	if a.Time == "" && a.Position == "" {
		return errors.New("say when: --time or --position")
	}
	if a.at, err = replay.ParsePoint(a.Time + a.Position); err != nil {
		return err
	}
	if a.videos, err = videoIDs(a.IDs); err != nil {
		return err
	}
	return a.lookFlags.Validate()
}

// Run prints what the videos counted then.
func (a *replayAtCmd) Run(ctx context.Context) error {
	body := map[string]any{"at": a.at, "video_ids": a.IDs}
	c, err := answer(ctx, &a.lookFlags, "at", body, func(o *offline) (*replay.CountsAt, error) {
		return replay.At(ctx, o.source, a.at, a.videos, o.options)
	})
	if err != nil {
		return err
	}
	return a.printed(c, func(w io.Writer) {
		fmt.Fprintf(w, "after message %d%s\n", c.Span.Last, basedOn(c.Span))
		writeReading(w, &c.Reading)
		fmt.Fprintln(w)
		writeCountedHead(w)
		for i := range c.Videos {
			writeCounted(w, &c.Videos[i])
		}
	})
}

// basedOn says what an answer was counted from.
func basedOn(s replay.Span) string {
	if s.Snapshot > 0 {
		return fmt.Sprintf(", from the snapshot of message %d", s.Snapshot)
	}
	return ", from the first message"
}

func videoIDs(texts []string) ([]events.VideoID, error) {
	ids := make([]events.VideoID, len(texts))
	for i, text := range texts {
		if !events.ParseUUID((*[16]byte)(&ids[i]), text) {
			return nil, fmt.Errorf("%.60q %w", text, events.ErrBadID)
		}
	}
	return ids, nil
}

func writeCountedHead(w io.Writer) {
	fmt.Fprintf(w, "%-36s %10s %8s %8s %8s %8s\n", "video", "views", "likes", "comments", "remixes", "glitches")
}

func writeCounted(w io.Writer, c *replay.Counted) {
	fmt.Fprintf(w, "%-36s %10d %8d %8d %8d %8d", c.Video, c.Views, c.Likes, c.Comments, c.Remixes, c.Glitches)
	switch {
	case c.Deleted:
		fmt.Fprint(w, "  deleted")
	case !c.Known:
		fmt.Fprint(w, "  not seen yet")
	}
	fmt.Fprintln(w)
}

// spanText says from where to where something moved.
func spanText(from, to replay.Span) string {
	return fmt.Sprintf("from message %d to message %d", from.Last, to.Last)
}
