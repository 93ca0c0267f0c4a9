package replay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/durable"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
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
	// Progress, where set, is told now and then how far it got.
	Progress func(Progress)
}

const (
	defaultPartBytes = 32 << 20
	manifestFile     = "manifest.json"
	exportVersion    = 1

	defaultOutcomeHorizon = 25 * time.Hour
)

// Manifest describes an export: it is its file manifest.json, written anew after
// each part.
type Manifest struct {
	Version     int      `json:"version"`
	Format      Format   `json:"format"`
	Incarnation string   `json:"incarnation"`
	Lineage     string   `json:"lineage,omitempty"`
	Types       []string `json:"types,omitempty"`
	PartBytes   int      `json:"part_bytes"`
	// First and Last are the messages that it covers, and Complete whether all of
	// them are in.
	First    uint64 `json:"first"`
	Last     uint64 `json:"last"`
	Complete bool   `json:"complete"`
	// LeftOut counts the events in the range that could not be written in the
	// format, or were repeats of commands.
	LeftOut uint64 `json:"left_out"`
	Parts   []Part `json:"parts"`
}

// Part is one file of an export.
type Part struct {
	File string `json:"file"`
	// First and Last are the messages that it covers.
	First       uint64    `json:"first"`
	Last        uint64    `json:"last"`
	FirstStored time.Time `json:"first_stored"`
	LastStored  time.Time `json:"last_stored"`
	Events      uint64    `json:"events"`
	LeftOut     uint64    `json:"left_out,omitempty"`
	Bytes       int64     `json:"bytes"`
	SHA256      string    `json:"sha256"`
}

// Events counts the events in all parts.
func (m *Manifest) Events() (n uint64) {
	for i := range m.Parts {
		n += m.Parts[i].Events
	}
	return n
}

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
	before, err := readManifest(dir)
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
	return before, nil
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
		if !o.From.Time.IsZero() {
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

// partWriter writes one part.
type partWriter interface {
	// message takes in a message, and returns how many events it wrote and how
	// many it left out.
	message(*eventlog.Message) (events, leftOut uint64, err error)
	// close completes what was written.
	close() error
}

// exporter is an export under way.
type exporter struct {
	*ExportOptions
	dir      string
	manifest *Manifest
	next     uint64
	repeats  *repeatFilter

	part   *Part // open; nil if none is
	file   *os.File
	sum    hash.Hash
	out    partWriter
	bytes  int // of messages in it
	events uint64
}

const temporaryPart = "part.tmp"

func (w *exporter) run(ctx context.Context, s Source) (err error) {
	defer func() {
		if w.file != nil {
			_ = w.file.Close() // it is not needed
		}
	}()
	from := w.next
	if w.Format == FormatEvents {
		w.repeats = newRepeatFilter(cmp.Or(w.OutcomeHorizon, defaultOutcomeHorizon))
		if from, err = w.repeats.lookBack(ctx, s, w.next); err != nil {
			return err
		}
	}
	if w.next <= w.manifest.Last {
		err = s.Read(ctx, from, w.manifest.Last, func(m eventlog.Message) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if m.Seq < w.next {
				w.repeats.message(&m, nil)
				return nil
			}
			return w.add(&m)
		})
		if err != nil {
			return err
		}
	}
	if err := w.closePart(); err != nil {
		return err
	}
	w.manifest.Complete = true
	return writeManifest(w.dir, w.manifest)
}

func (w *exporter) add(m *eventlog.Message) error {
	if w.part == nil {
		if err := w.openPart(m); err != nil {
			return err
		}
	}
	n, left, err := w.out.message(m)
	if err != nil {
		return fmt.Errorf("export message %d: %w", m.Seq, err)
	}
	w.part.Last, w.part.LastStored = m.Seq, m.Stored.UTC()
	w.part.Events, w.part.LeftOut = w.part.Events+n, w.part.LeftOut+left
	w.bytes += len(m.Data)
	w.events += n
	if w.Progress != nil && (m.Seq%progressEvery == 0 || m.Seq == w.manifest.Last) {
		w.Progress(Progress{From: w.next, At: m.Seq, To: w.manifest.Last, Events: w.events, Pass: 1})
	}
	if w.bytes >= w.manifest.PartBytes {
		return w.closePart()
	}
	return nil
}

func (w *exporter) openPart(m *eventlog.Message) (err error) {
	name := fmt.Sprintf("part-%06d.%s", len(w.manifest.Parts)+1, w.Format.suffix())
	w.part = &Part{File: name, First: m.Seq, FirstStored: m.Stored.UTC()}
	if w.file, err = os.Create(filepath.Join(w.dir, temporaryPart)); err != nil {
		return fmt.Errorf("begin a part of the export: %w", err)
	}
	w.sum, w.bytes = sha256.New(), 0
	w.out, err = w.newPart(io.MultiWriter(w.file, w.sum))
	return err
}

func (f Format) suffix() string {
	switch f {
	case FormatParquet:
		return "parquet"
	case FormatEvents:
		return "events.ndjson.zst"
	}
	return "ndjson.zst"
}

func (w *exporter) newPart(to io.Writer) (partWriter, error) {
	switch w.Format {
	case FormatParquet:
		return newParquetPart(to, w.Types), nil
	case FormatEvents:
		return newEventsPart(to, w.Incarnation, w.Types, w.repeats)
	}
	return newMessagesPart(to)
}

// closePart brings the open part to the disk, and then into the manifest.
func (w *exporter) closePart() error {
	if w.part == nil {
		return nil
	}
	err := w.out.close()
	if err == nil {
		err = w.file.Sync()
	}
	var size int64
	if info, statErr := w.file.Stat(); err == nil {
		if err = statErr; err == nil {
			size = info.Size()
		}
	}
	err = errors.Join(err, w.file.Close())
	w.file = nil
	if err == nil {
		err = os.Rename(filepath.Join(w.dir, temporaryPart), filepath.Join(w.dir, w.part.File))
	}
	if err != nil {
		return fmt.Errorf("write %s of the export: %w", w.part.File, err)
	}
	w.part.Bytes, w.part.SHA256 = size, hex.EncodeToString(w.sum.Sum(nil))
	w.manifest.Parts = append(w.manifest.Parts, *w.part)
	w.manifest.LeftOut += w.part.LeftOut
	w.part = nil
	return writeManifest(w.dir, w.manifest)
}

func readManifest(dir string) (*Manifest, error) {
	b, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, fmt.Errorf("read the manifest of an export: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: %s of %s is damaged: %w", ErrExport, manifestFile, dir, err)
	}
	if m.Version != exportVersion {
		return nil, fmt.Errorf("%w: %s is of version %d, this binary knows %d", ErrExport, dir, m.Version, exportVersion)
	}
	return &m, nil
}

// writeManifest puts the manifest in the place of the one before, durably.
func writeManifest(dir string, m *Manifest) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, manifestFile), append(b, '\n')); err != nil {
		return fmt.Errorf("write the manifest of the export: %w", err)
	}
	return nil
}
