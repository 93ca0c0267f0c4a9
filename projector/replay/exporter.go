package replay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// partWriter writes one part.
type partWriter interface {
	// message takes in a message, and returns how many events it wrote and how
	// many it left out.
	message(*eventlog.Message) (events, leftOut uint64, err error)
	// size is how many bytes of lines were written; 0 where it has none.
	size() int64
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

	part  *Part // open; nil if none is
	file  *os.File
	sum   hash.Hash
	out   partWriter
	bytes int // of messages in it
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
		w.Meter.Pass("writing", w.next, w.manifest.Last)
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
	w.Meter.Read(m.Seq, int(n))
	if w.bytes >= w.manifest.PartBytes || w.out.size() >= partLimit/2 {
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
