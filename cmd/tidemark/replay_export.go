package main

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/replay"
	"github.com/tidemark-io/tidemark/query"
)

type replayExportCmd struct {
	lookFlags `embed:""`
	Dir       string   `arg:"" help:"Directory for the files; an export that was begun there goes on."`
	Format    string   `default:"messages" enum:"messages,events,parquet" help:"messages: every byte, for import; parquet: a row an event, for import too; events: CloudEvents, for people and other services."`
	From      string   `placeholder:"POSITION|TIME" help:"The first message, or the first stored after a time; without it the first of the log."`
	To        string   `placeholder:"POSITION|TIME" help:"The last message; without it the last of the log."`
	Types     []string `placeholder:"TYPE" help:"Types of events, such as video.viewed, in the formats events and parquet; without it all."`
	PartBytes byteSize `default:"32MiB" help:"How much of the log goes into one file."`
}

// Run exports, from the service or from the log itself.
func (e *replayExportCmd) Run(ctx context.Context) (err error) {
	o := replay.ExportOptions{Format: replay.Format(e.Format), PartBytes: int(e.PartBytes), OutcomeHorizon: outcomeHorizon}
	if o.From, err = replay.ParsePoint(e.From); err != nil {
		return fmt.Errorf("--from %w", err)
	}
	if o.To, err = replay.ParsePoint(e.To); err != nil {
		return fmt.Errorf("--to %w", err)
	}
	if o.Types, err = replay.ParseTypes(e.Types); err != nil {
		return fmt.Errorf("--types: %w", err)
	}
	meter, end := watch("export")
	defer end()
	o.Meter = meter
	source, done, err := e.source(ctx, &o)
	if err != nil {
		return err
	}
	defer done()
	m, err := replay.Export(ctx, source, e.Dir, o)
	if err != nil {
		return err
	}
	end()
	return e.printed(m, func(w io.Writer) { writeManifest(w, e.Dir, m) })
}

// source returns the log to export, with what its names are in o.
func (e *replayExportCmd) source(ctx context.Context, o *replay.ExportOptions) (replay.Source, func(), error) {
	if e.Offline {
		opened, err := e.openOffline(ctx)
		if err != nil {
			return nil, nil, err
		}
		o.Incarnation, o.Lineage = opened.log.Incarnation(), opened.log.Lineage()
		return opened.source, opened.close, nil
	}
	client, err := e.client()
	if err != nil {
		return nil, nil, err
	}
	status := &query.ReplayStatus{}
	if err := client.get(ctx, "/v1/admin/replay/status", status); err != nil {
		return nil, nil, err
	}
	if o.Incarnation, err = events.ParseIncarnation(status.Log.Incarnation); err != nil {
		return nil, nil, err
	}
	for _, a := range status.Log.Lineage {
		incarnation, err := events.ParseIncarnation(a.Incarnation)
		if err != nil {
			return nil, nil, err
		}
		o.Lineage = append(o.Lineage, events.Ancestor{Incarnation: incarnation, Last: a.LastSequence})
	}
	return client.log(), func() {}, nil
}

// log is the service's log, page by page.
func (c *adminClient) log() replay.Source {
	return replay.Paged{
		Fetch: func(ctx context.Context, from, to uint64) (*replay.Page, error) {
			page, path := &replay.Page{}, fmt.Sprintf("/v1/admin/replay/export?from=%d&to=%d", from, min(to, events.MaxSequence))
			return page, c.get(ctx, path, page)
		},
		Locate: func(ctx context.Context, p replay.Point) (uint64, error) {
			var found struct {
				Sequence uint64 `json:"sequence"`
			}
			err := c.get(ctx, "/v1/admin/replay/point?at="+url.QueryEscape(p.String()), &found)
			return found.Sequence, err
		},
	}
}

func writeManifest(w io.Writer, dir string, m *replay.Manifest) {
	size := int64(0)
	for i := range m.Parts {
		size += m.Parts[i].Bytes
	}
	rows(w, "exported", fmt.Sprintf("messages %d to %d, %d events", m.First, m.Last, m.Events()),
		"format", m.Format, "files", fmt.Sprintf("%d of %d bytes in %s", len(m.Parts), size, dir))
	if m.LeftOut > 0 {
		rows(w, "left out", fmt.Sprintf("%d events that the format cannot hold, or repeats of commands", m.LeftOut))
	}
}
