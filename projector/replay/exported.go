package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// Exported is an export as a Source. Nothing of a part is handed over before
// the checksum of all of it has been compared.
type Exported struct {
	Manifest
	name string
	// read reads one of its files.
	read func(file string) ([]byte, error)

	mu sync.Mutex
	// held is the part that was read last, by its place in the manifest; no more than one
	// is held, and none once all was read.
	held     int
	messages []eventlog.Message
}

// OpenExport opens a complete export of the format messages, or of parquet with
// all types, to read its messages.
func OpenExport(dir string) (*Exported, error) { return openExport(dir, within(dir)) }

// within reads files of a directory.
func within(dir string) func(file string) ([]byte, error) {
	return func(file string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, file)) }
}

// usable says which exports hold whole messages.
const usable = "an export of the format messages, or of parquet without a choice of types, can be used"

func openExport(name string, read func(file string) ([]byte, error)) (*Exported, error) {
	m, err := readManifest(name, read)
	if err != nil {
		return nil, err
	}
	x := &Exported{Manifest: *m, name: name, read: read, held: -1}
	switch {
	case !m.Complete:
		return nil, fmt.Errorf("%w: %s is not complete: export again into the same directory, it goes on where it stopped", ErrExport, name)
	case m.Format == FormatEvents:
		return nil, fmt.Errorf("%w: %s holds events, not messages: send them to a running service (tidemark replay import); %s", ErrExport, name, usable)
	case len(m.Types) > 0:
		return nil, fmt.Errorf("%w: %s holds some types of events only: %s", ErrExport, name, usable)
	}
	return x, x.checkParts()
}

// checkParts fails if the parts do not follow one another from the first message
// to the last.
func (x *Exported) checkParts() error {
	next := x.First
	for _, p := range x.Parts {
		if p.First != next || p.Last < p.First || p.File != filepath.Base(p.File) {
			return fmt.Errorf("%w: the parts of %s do not follow one another: %s holds messages %d to %d, message %d comes next",
				ErrExport, x.name, p.File, p.First, p.Last, next)
		}
		next = p.Last + 1
	}
	if next != x.Last+1 {
		return fmt.Errorf("%w: the parts of %s end at message %d instead of %d", ErrExport, x.name, next-1, x.Last)
	}
	return nil
}

// Bounds returns the first and the last message exported.
func (x *Exported) Bounds(context.Context) (first, last uint64, err error) {
	return x.First, x.Last, nil
}

// Read reads messages. It fails with ErrExport where a part is not what was
// exported.
func (x *Exported) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	next := max(from, 1)
	if next > to {
		return nil
	}
	for i := range x.Parts {
		p := &x.Parts[i]
		if next < p.First || next > p.Last {
			continue
		}
		messages, err := x.part(i)
		if err != nil {
			return err
		}
		for _, m := range messages[next-p.First:] {
			if m.Seq > to {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(m); err != nil {
				return err
			}
			next = m.Seq + 1
		}
	}
	if next > x.Last {
		x.mu.Lock()
		x.letGo()
		x.mu.Unlock()
	}
	if next > to {
		return nil
	}
	return &GapError{Need: next, First: x.First, Last: x.Last}
}

// letGo lets go of the part that is held. With the lock.
func (x *Exported) letGo() { x.held, x.messages = -1, nil }

// packing is how many times its file a part unpacks to, where the manifest does not say
// how much of messages went into one.
const packing = 4

// partMemory is about what it takes in memory to read a part: its file, and what is in it.
// A manifest that does not say that must not have none of it reserved.
func (x *Exported) partMemory() uint64 {
	file := int64(0)
	for i := range x.Parts {
		file = max(file, x.Parts[i].Bytes)
	}
	unpacked := int64(x.PartBytes)
	if unpacked <= 0 {
		unpacked = min(file, partLimit/packing) * packing
	}
	return uint64(file) + uint64(min(unpacked, partLimit))
}

// part returns the messages of a part.
func (x *Exported) part(i int) ([]eventlog.Message, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.held == i {
		return x.messages, nil
	}
	x.letGo()
	p := &x.Parts[i]
	file, err := readPart(x.read, p)
	if err != nil {
		return nil, err
	}
	messages, err := decodePart(x.Format, file, p)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.File, err)
	}
	x.held, x.messages = i, messages
	return messages, nil
}

// readPart reads a file and compares its checksum.
func readPart(read func(file string) ([]byte, error), p *Part) ([]byte, error) {
	file, err := read(filepath.Base(p.File))
	if err != nil {
		return nil, fmt.Errorf("read a part of the export: %w", err)
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != p.SHA256 {
		return nil, fmt.Errorf("%w: %s is not what was exported: its SHA-256 is %x, the manifest says %s", ErrExport, p.File, sum, p.SHA256)
	}
	return file, nil
}

// decodePart reads the messages of a part, which must be those that it says.
func decodePart(format Format, file []byte, p *Part) ([]eventlog.Message, error) {
	var messages []eventlog.Message
	next := p.First
	add := func(m eventlog.Message) error {
		if m.Seq != next || m.Seq > p.Last {
			return fmt.Errorf("%w: message %d stands where message %d of %d to %d should", ErrExport, m.Seq, next, p.First, p.Last)
		}
		messages, next = append(messages, m), next+1
		return nil
	}
	var err error
	if format == FormatParquet {
		err = readParquet(file, add)
	} else {
		err = eachLine(file, partLimit, func(line []byte) error {
			m, err := ParseMessageLine(line)
			if err != nil {
				return err
			}
			return add(m)
		})
	}
	if err == nil && next != p.Last+1 {
		err = fmt.Errorf("%w: it ends after message %d instead of %d", ErrExport, next-1, p.Last)
	}
	return messages, err
}

// partLimit is the most that a part unpacks to; what export writes takes less.
const partLimit = 1 << 30

// around narrows down which messages were stored at a time, for Point.Find.
func (x *Exported) around(t time.Time) (low, high uint64) {
	low, high = x.First, x.Last+1
	for _, p := range x.Parts {
		switch {
		case !p.LastStored.After(t):
			low = p.Last + 1
		case p.FirstStored.After(t):
			return low, min(high, p.First)
		default:
			return max(low, p.First), p.Last + 1
		}
	}
	return low, high
}

// EachEvent calls fn with each line of an export of events, whose checksums are
// compared first.
func EachEvent(ctx context.Context, dir string, fn func(p *Part, line []byte) error) error {
	m, err := readManifest(dir, within(dir))
	if err != nil {
		return err
	}
	if m.Format != FormatEvents {
		return fmt.Errorf("%w: %s holds %s, not events", ErrExport, dir, m.Format)
	}
	if !m.Complete {
		return fmt.Errorf("%w: %s is not complete: export again into the same directory, it goes on where it stopped", ErrExport, dir)
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		file, err := readPart(within(dir), p)
		if err != nil {
			return err
		}
		err = eachLine(file, partLimit, func(line []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return fn(p, line)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
