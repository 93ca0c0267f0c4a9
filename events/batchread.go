package events

import (
	"encoding/binary"
	"fmt"
)

// Batch is a record batch whose frame has been checked: magic, version,
// checksum, and that its entries fill it exactly.
type Batch struct {
	BatchHeader
	entries []byte
}

// ReadBatch checks the frame of a record batch. Its errors are those of
// ReadBatchHeader. Data must not change while the batch is in use.
func ReadBatch(data []byte) (Batch, error) {
	h, entries, err := ReadBatchHeader(data)
	b := Batch{BatchHeader: h, entries: entries}
	if err != nil {
		return b, err
	}
	return b, b.checkFrames()
}

// checkFrames walks the frames by their lengths, so that what the fold reads
// later cannot end in the middle: all of a batch is folded, or none.
func (b *Batch) checkFrames() error {
	rest, entries, events, open := b.entries, 0, 0, 0
	for len(rest) > 0 {
		n := frameSize(rest)
		if n == 0 {
			return fmt.Errorf("%w: its last entry is cut short", ErrBatchCorrupt)
		}
		switch {
		case rest[0] != frameCommand:
			events++
			if open > 0 {
				open--
			} else {
				entries++
			}
		case open > 0:
			return fmt.Errorf("%w: a command begins among the events of another", ErrBatchCorrupt)
		default:
			var c Command
			if err := c.parse(rest[:n]); err != nil {
				return err
			}
			entries++
			open = c.Events
		}
		rest = rest[n:]
	}
	if open > 0 || entries != b.Entries || events != b.Events {
		return fmt.Errorf("%w: %d entries with %d events, its header says %d with %d",
			ErrBatchCorrupt, entries, events, b.Entries, b.Events)
	}
	return nil
}

func frameSize(rest []byte) int {
	if len(rest) < frameHeaderSize {
		return 0
	}
	n := frameHeaderSize + int(binary.BigEndian.Uint16(rest[3:]))
	if n > len(rest) {
		return 0
	}
	return n
}

// Cursor walks the entries of a record batch in order.
type Cursor struct {
	rest  []byte
	index uint16
	open  int
	// Command is the command that the present event belongs to, or that has
	// just begun; nil for bare events.
	Command *Command
	command Command
}

// Cursor returns a cursor before the first entry.
func (b *Batch) Cursor() Cursor { return Cursor{rest: b.entries} }

// Step is what a cursor has come to.
type Step uint8

// The steps.
const (
	StepEnd     Step = iota // no more entries
	StepCommand             // a command begins: Cursor.Command
	StepEvent               // an event
)

// Next moves on. For an event it fills e; the error then says why the event
// cannot be understood (ErrRule), and the cursor goes on behind it.
func (c *Cursor) Next(e *Event) (Step, error) {
	if c.open == 0 {
		c.Command = nil
	}
	if len(c.rest) == 0 {
		return StepEnd, nil
	}
	n := frameSize(c.rest)
	raw := c.rest[:n:n]
	c.rest = c.rest[n:]
	if raw[0] == frameCommand {
		// checkFrames has parsed the very same bytes.
		_ = c.command.parse(raw)
		c.open, c.Command = c.command.Events, &c.command
		return StepCommand, nil
	}
	if c.open > 0 {
		c.open--
	}
	err := e.parse(raw, c.index)
	c.index++
	return StepEvent, err
}

// Left returns how many bytes of the record batch lie behind the present frame.
func (c *Cursor) Left() int { return len(c.rest) }

// Closes reports whether the event just read, or the command just begun, is
// the last frame of its command.
func (c *Cursor) Closes() bool { return c.Command != nil && c.open == 0 }
