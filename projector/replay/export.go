package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// Format is what stands in an export's files.
type Format string

// The formats.
const (
	// FormatMessages is one line of JSON a message, byte for byte what the log
	// holds: what an import needs. Packed with zstd.
	FormatMessages Format = "messages"
	// FormatParquet is one row an event, with what it names in columns of its own.
	// Without a choice of types it holds every byte too, and can be imported.
	FormatParquet Format = "parquet"
	// FormatEvents is one CloudEvent a line, as POST /v1/events takes it. Packed
	// with zstd. Repeats of commands are left out, and so is poison.
	FormatEvents Format = "events"
)

func (f Format) suffix() string {
	switch f {
	case FormatParquet:
		return "parquet"
	case FormatEvents:
		return "events.ndjson.zst"
	}
	return "ndjson.zst"
}

// ErrExport is returned for an export that cannot be written as it is asked for,
// or cannot be read.
var ErrExport = errors.New("export")

// ExportOptions say what to export. From, To and Types narrow it down.
type ExportOptions struct {
	Format Format
	// From is the first message; the zero point is the first of the source. Of a
	// time, it is the first message stored after it.
	From Point
	// To is the last message; the zero point is the end.
	To Point
	// Types are the types of events to export; all where it is empty.
	Types []events.Type
	// PartBytes is how much of messages goes into a file; 0 for 32 MiB.
	PartBytes int
	// Incarnation is the log's, and Lineage the incarnations that it had before.
	Incarnation events.Incarnation
	Lineage     events.Lineage
	// OutcomeHorizon is how long the service remembers keys of commands; 0 for 25
	// hours. Events of repeats within it are left out of the format events.
	OutcomeHorizon time.Duration
	// Meter, where set, is told how far it got.
	Meter *Meter
}

const (
	defaultPartBytes = 32 << 20
	manifestFile     = "manifest.json"
	exportVersion    = 1

	defaultOutcomeHorizon = 25 * time.Hour
)

// Export writes a part of a log into a directory. One that was cut short is gone
// on with if it is asked for in the same way; what comes out has the same bytes
// as if it had never stopped. The source is only read.
func Export(ctx context.Context, s Source, dir string, o ExportOptions) (*Manifest, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make directory of export: %w", err)
	}
	m, err := o.manifest(ctx, s, dir)
	if err != nil || m.Complete {
		return m, err
	}
	w := &exporter{ExportOptions: &o, dir: dir, manifest: m, next: m.First}
	if len(m.Parts) > 0 {
		w.next = m.Parts[len(m.Parts)-1].Last + 1
	}
	return m, w.run(ctx, s)
}

// manifest returns that of the export in the directory, if it is of the same
// request, or a new one.
func (o *ExportOptions) manifest(ctx context.Context, s Source, dir string) (*Manifest, error) {
	m := &Manifest{
		Version: exportVersion, Format: o.Format, Incarnation: o.Incarnation.String(), Lineage: o.Lineage.String(),
		PartBytes: cmp.Or(o.PartBytes, defaultPartBytes),
	}
	for _, t := range o.Types {
		m.Types = append(m.Types, t.String())
	}
	switch o.Format {
	case FormatParquet, FormatEvents:
	case FormatMessages:
		if len(o.Types) > 0 {
			return nil, fmt.Errorf("%w: messages are exported whole: choose types with the formats events or parquet", ErrExport)
		}
	default:
		return nil, fmt.Errorf("%w: %q is no format: use messages, events or parquet", ErrExport, o.Format)
	}
	before, err := readManifest(dir, within(dir))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return m, o.span(ctx, s, m)
	case err != nil:
		return nil, err
	}
	if before.Format != m.Format || before.Incarnation != m.Incarnation || before.PartBytes != m.PartBytes || !slices.Equal(before.Types, m.Types) {
		return nil, fmt.Errorf("%w: %s holds another one (%s of log %s): use an empty directory", ErrExport, dir, before.Format, before.Incarnation)
	}
	var asked Manifest
	if err := o.span(ctx, s, &asked); err != nil {
		return nil, err
	}
	// The log may have grown since; what was begun keeps its end.
	if asked.First != before.First || o.To != (Point{}) && asked.Last != before.Last {
		return nil, fmt.Errorf("%w: %s holds messages %d to %d, asked for are %d to %d: use an empty directory",
			ErrExport, dir, before.First, before.Last, asked.First, asked.Last)
	}
	return before, before.check(dir)
}

// check fails with ErrExport where a part is not what was exported.
func (m *Manifest) check(dir string) error {
	for i := range m.Parts {
		_, err := readPart(within(dir), &m.Parts[i])
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%w: %s is missing", ErrExport, m.Parts[i].File)
		}
		if err != nil {
			return fmt.Errorf("go on with the export in %s: %w: use an empty directory", dir, err)
		}
	}
	return nil
}

// span fills in which messages are to be exported.
func (o *ExportOptions) span(ctx context.Context, s Source, m *Manifest) (err error) {
	first, _, err := s.Bounds(ctx)
	if err != nil {
		return err
	}
	if m.First = first; o.From != (Point{}) {
		if m.First, err = o.From.Find(ctx, s); err != nil {
			return err
		}
		if o.From.isTime() {
			m.First++ // Find names the last message up to the time
		}
	}
	if m.First < first {
		return fmt.Errorf("export from message %d: %w", m.First, &GapError{Need: m.First, First: first})
	}
	if m.Last, err = o.To.Find(ctx, s); err == nil && m.Last+1 < m.First {
		err = fmt.Errorf("%w: message %d comes after message %d", ErrOrder, m.First, m.Last)
	}
	return err
}
