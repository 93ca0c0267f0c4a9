package archive

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
)

// chunk is what one transaction adds to the archive: some messages in a row, as
// rows of all tables.
type chunk struct {
	log      int16 // the log's number in the schema
	messages copyRows
	events   copyRows
	dead     copyRows
	audit    copyRows
	changes  copyRows
	history  history
	months   map[month]struct{}

	first uint64
	last  eventlog.Message // without its data
	// folds judged the first message and the last; other is the last message that
	// another fold than the latter judged, 0 where none did.
	folds  [2]projector.FoldID
	other  uint64
	digest [sha256.Size]byte
	count  int // events

	event events.Event
	data  []byte // JSON of the present event
}

// newChunk returns a chunk that is used again and again: its memory is some
// times chunkBytes.
func newChunk() *chunk {
	c := &chunk{months: map[month]struct{}{}}
	c.history.init()
	return c
}

func (c *chunk) reset(log int16) {
	c.log, c.first, c.count, c.other = log, 0, 0, 0
	c.messages.reset()
	c.events.reset()
	c.dead.reset()
	c.audit.reset()
	c.changes.reset()
	c.history.reset()
	clear(c.months)
}

// size is about how much the chunk sends.
func (c *chunk) size() int {
	return len(c.messages.b) + len(c.events.b) + len(c.dead.b) + len(c.audit.b) + len(c.changes.b)
}

// add adds a message with what the fold made of it.
func (c *chunk) add(m *eventlog.Message, j *projector.Judgement) error {
	if j.Seq != m.Seq || j.Stored != events.TimeOf(m.Stored) {
		return fmt.Errorf("%w: what is kept for message %d is of message %d, stored at %v", errUnjudged, m.Seq, j.Seq, j.Stored)
	}
	switch {
	case c.first == 0:
		c.first, c.folds[0] = m.Seq, j.Fold
	case j.Fold != c.folds[1]:
		c.other = m.Seq - 1
	}
	c.folds[1] = j.Fold
	c.months[monthOf(m.Stored)] = struct{}{}
	c.addMessage(m)
	if err := c.addEvents(m, j); err != nil {
		return err
	}
	for _, entry := range j.Audits {
		if err := c.addAudit(entry); err != nil {
			return fmt.Errorf("message %d: %w", m.Seq, err)
		}
	}
	c.digest = sha256.Sum256(m.Data)
	c.last = *m
	c.last.Data = nil
	return nil
}

func (c *chunk) addMessage(m *eventlog.Message) {
	r := &c.messages
	r.row(7)
	r.int8(int64(m.Seq))
	r.time(events.TimeOf(m.Stored))
	r.int2(c.log)
	r.int2(int16(nanosOf(m.Stored)))
	r.optionalBytes([]byte(m.BatchID))
	if m.Subject == eventlog.BatchSubject {
		r.null()
	} else {
		r.bytes([]byte(m.Subject))
	}
	r.bytes(m.Data)
}

// nanosOf is what the microseconds of a time leave out.
func nanosOf(t time.Time) int { return t.Nanosecond() % 1000 }

// addEvents adds a row for each event of the message, or one for a message that
// is no record batch.
func (c *chunk) addEvents(m *eventlog.Message, j *projector.Judgement) error {
	at := place{seq: m.Seq, stored: events.TimeOf(m.Stored), log: c.log}
	batch, err := events.ReadBatch(m.Data)
	if len(j.Reasons) == 1 && len(j.Verdicts) == 1 && (err != nil || batch.Events != 1) {
		c.addUnread(at, j, m.Data) // the message as a whole is a dead letter
		return nil
	}
	if err != nil || len(j.Verdicts) != batch.Events {
		return fmt.Errorf("message %d was judged as %d events: %w", m.Seq, len(j.Verdicts), err)
	}
	changes := j.Changes
	for cursor := batch.Cursor(); ; {
		step, err := cursor.Next(&c.event)
		switch step {
		case events.StepEnd:
			return nil
		case events.StepEvent:
			at.index = c.event.Index
			changes = c.addEvent(at, j, changes, cursor.Command, err)
		}
	}
}
