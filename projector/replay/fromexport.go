package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// ReadFirst is an export that a fold reads before the log.
type ReadFirst struct {
	Name  string `json:"name"`
	First uint64 `json:"first_sequence"`
	Last  uint64 `json:"last_sequence"`

	memory uint64 // that a part of it takes
}

// readingMemory is what it takes in memory to read exports, one part at a time.
func readingMemory(exports []ReadFirst) (bytes uint64) {
	for i := range exports {
		bytes = max(bytes, exports[i].memory)
	}
	return bytes
}

// Behind makes one source of exports, in any order, and of what goes on where they
// end. What it is of is said by the log's incarnation and lineage. It fails with
// ErrExport where an export is of another log or one of them does not go on where the
// one before ends, and compares the last message exported with the same in the log,
// if that holds it: whoever would read a year of exports first is told at once.
func Behind(ctx context.Context, exports []*Exported, log Source, incarnation events.Incarnation, lineage events.Lineage) (Source, error) {
	if len(exports) == 0 {
		return log, nil
	}
	exports = slices.SortedFunc(slices.Values(exports), func(x, y *Exported) int { return cmp.Compare(x.First, y.First) })
	sources := make([]Source, 0, len(exports)+1)
	furthest := exports[0]
	for _, x := range exports {
		if err := x.belongs(incarnation, lineage); err != nil {
			return nil, err
		}
		if x.First > furthest.Last+1 {
			return nil, fmt.Errorf("%w: %s ends at message %d and %s begins at message %d: give what holds the messages between as well",
				ErrExport, furthest.name, furthest.Last, x.name, x.First)
		}
		if x.Last > furthest.Last {
			furthest = x
		}
		sources = append(sources, x)
	}
	if err := furthest.reaches(ctx, log); err != nil {
		return nil, err
	}
	return Join(append(sources, log)...), nil
}

// belongs fails if the export is not of the log that has this incarnation and lineage,
// or holds messages that this log has lost.
func (x *Exported) belongs(incarnation events.Incarnation, lineage events.Lineage) error {
	of, err := events.ParseIncarnation(x.Incarnation)
	if err != nil {
		return fmt.Errorf("%w: %s does not say of which log it is: %w", ErrExport, x.name, err)
	}
	if of == incarnation {
		return nil
	}
	for _, a := range lineage {
		switch {
		case a.Incarnation != of:
		case x.Last > a.Last:
			return fmt.Errorf("%w: %s holds messages up to %d of log %s, which ended at message %d in this log's lineage: what came behind that was lost with it",
				ErrExport, x.name, x.Last, x.Incarnation, a.Last)
		default:
			return nil
		}
	}
	return fmt.Errorf("%w: %s is of log %s, which is neither this one (%s) nor in its lineage", ErrExport, x.name, x.Incarnation, incarnation)
}

// reaches fails if what goes on where the export ends does not hold the next message,
// or holds another message where the export ends.
func (x *Exported) reaches(ctx context.Context, log Source) error {
	first, last, err := log.Bounds(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("ask the event log where it stands: %w", err)
	case x.Last > last:
		return fmt.Errorf("%w: %s ends at message %d, and the log at message %d: it is of another log, or the log has lost its end", ErrExport, x.name, x.Last, last)
	case first > x.Last+1:
		return fmt.Errorf("%w: %s ends at message %d, and the log begins at message %d: give an export of the messages between as well, or the archive (--postgres-url)",
			ErrExport, x.name, x.Last, first)
	case first > x.Last:
		return nil // the log was trimmed right up to it
	}
	err = x.Read(ctx, x.Last, x.Last, func(m eventlog.Message) error { return checkSeam(ctx, log, &m) })
	if errors.Is(err, ErrSeam) {
		return fmt.Errorf("%w: %s: %w", ErrExport, x.name, err)
	}
	return err
}

// beneath makes a whole path one beneath the directory, by the directory's name as it is
// given or as its links lead.
func beneath(dir, name string) (string, error) {
	if !filepath.IsAbs(name) {
		return name, nil
	}
	given, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(given, name); err == nil && filepath.IsLocal(rel) {
		return rel, nil
	}
	led, err := filepath.EvalSymlinks(given)
	if err != nil {
		return "", err
	}
	return filepath.Rel(led, name)
}

// openExport opens an export beneath the directory that runs may read exports in. A
// caller's path leads nowhere else, neither by itself nor by a link.
func (r *Runs) openExport(name string) (*Exported, error) {
	dir := r.cfg.Exports
	if dir == "" {
		return nil, fmt.Errorf("%w: this service has no directory of exports", ErrExport)
	}
	path, err := beneath(dir, name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExport, err)
	}
	if !filepath.IsLocal(path) {
		return nil, fmt.Errorf("%w: %s is not beneath %s, the service's --export-dir, where exports are read", ErrExport, name, dir)
	}
	x, err := openExport(path, func(file string) ([]byte, error) {
		f, err := os.OpenInRoot(dir, filepath.Join(path, file))
		if err != nil {
			return nil, err
		}
		defer f.Close() // it is only read
		return io.ReadAll(f)
	})
	if err != nil && !errors.Is(err, ErrExport) {
		err = fmt.Errorf("%w: there is none to be read in %s: %w", ErrExport, filepath.Join(dir, path), err)
	}
	return x, err
}

// behind is what a fold reads: the log, and before it the exports named.
func (r *Runs) behind(ctx context.Context, names []string) (Source, []ReadFirst, error) {
	var exports []*Exported
	var read []ReadFirst
	for _, name := range names {
		x, err := r.openExport(name)
		if err != nil {
			return nil, nil, err
		}
		exports, read = append(exports, x), append(read, ReadFirst{x.name, x.First, x.Last, x.partMemory()})
	}
	model := r.cfg.Projector.ModelConfig()
	s, err := Behind(ctx, exports, r.cfg.Source, model.Incarnation, model.Lineage)
	return s, read, err
}
