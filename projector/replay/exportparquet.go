package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// eventRow is a row of a Parquet export: an event, or a message that holds none.
// The bytes of a message are before, raw and after of its rows, one after the
// other.
type eventRow struct {
	Seq     uint64 `parquet:"seq,delta"`
	Index   uint32 `parquet:"index"`
	Stored  int64  `parquet:"stored,timestamp(nanosecond),delta"`
	BatchID string `parquet:"batch_id,dict"`
	Subject string `parquet:"subject,dict"`

	Type         *string    `parquet:"type,optional,dict"`
	Time         *int64     `parquet:"time,optional,timestamp(microsecond)"`
	Arrival      bool       `parquet:"arrival"`
	Source       *string    `parquet:"source,optional,dict"`
	ID           *string    `parquet:"id,optional"`
	Command      *string    `parquet:"command,optional,dict"`
	Actor        *uuid.UUID `parquet:"actor_id,optional"`
	Video        *uuid.UUID `parquet:"video_id,optional"`
	User         *uuid.UUID `parquet:"user_id,optional"`
	Other        *uuid.UUID `parquet:"other_user_id,optional"`
	Item         *uuid.UUID `parquet:"item_id,optional"`
	Job          *uuid.UUID `parquet:"job_id,optional"`
	Notification *uuid.UUID `parquet:"notification_id,optional"`

	Before []byte `parquet:"before"`
	Raw    []byte `parquet:"raw"`
	After  []byte `parquet:"after"`
}

// parquetPart writes events as rows, one row group a part.
type parquetPart struct {
	writer *parquet.GenericWriter[eventRow]
	types  []events.Type
	rows   []eventRow
	named  named
}

func newParquetPart(to io.Writer, types []events.Type) partWriter {
	return &parquetPart{
		types: types,
		writer: parquet.NewGenericWriter[eventRow](to, parquet.Compression(&parquet.Zstd),
			parquet.CreatedBy("tidemark", "1", "")), // the same in every build
	}
}

func (p *parquetPart) message(m *eventlog.Message) (n, left uint64, err error) {
	p.rows = p.rows[:0]
	p.take(m)
	if len(p.types) > 0 {
		p.rows = slices.DeleteFunc(p.rows, func(r eventRow) bool { return !p.wanted(r.Type) })
		for i := range p.rows {
			p.rows[i].Before, p.rows[i].After = nil, nil
		}
	}
	for i := range p.rows {
		if p.rows[i].Type != nil {
			n++
		}
	}
	_, err = p.writer.Write(p.rows)
	return n, 0, err
}

func (p *parquetPart) wanted(name *string) bool {
	return name != nil && slices.ContainsFunc(p.types, func(t events.Type) bool { return t.String() == *name })
}

func (p *parquetPart) size() int64 { return 0 }

func (p *parquetPart) close() error { return p.writer.Close() }

// take turns a message into rows.
func (p *parquetPart) take(m *eventlog.Message) {
	bare := eventRow{Seq: m.Seq, Stored: m.Stored.UnixNano(), BatchID: m.BatchID, Subject: m.Subject}
	b, err := events.ReadBatch(m.Data)
	if err != nil {
		bare.Before = m.Data
		p.rows = append(p.rows, bare)
		return
	}
	var e events.Event
	told := 0 // of the message's bytes
	for cursor := b.Cursor(); ; {
		step, err := cursor.Next(&e)
		switch step {
		case events.StepEnd:
			if len(p.rows) == 0 {
				bare.Before = m.Data
				p.rows = append(p.rows, bare)
			} else {
				p.rows[len(p.rows)-1].After = m.Data[told:]
			}
			return
		case events.StepEvent:
			row, end := bare, len(m.Data)-cursor.Left()
			row.Index, row.Before, row.Raw = uint32(e.Index), m.Data[told:end-len(e.Raw)], e.Raw
			told = end
			p.describe(&row, &e, cursor.Command, err)
			p.rows = append(p.rows, row)
		}
	}
}

// describe fills in what the event says.
func (p *parquetPart) describe(row *eventRow, e *events.Event, c *events.Command, err error) {
	kind := e.Type.String()
	row.Type = &kind
	if c != nil {
		command := c.Kind.String()
		row.Command, row.Actor = &command, optional(c.Actor)
	}
	if err != nil {
		return // poison: what it says cannot be relied upon
	}
	at := int64(e.Time)
	row.Time, row.Arrival = &at, e.Arrival
	if e.HasIdentity() {
		source, id := string(e.Source), string(e.ID)
		row.Source, row.ID = &source, &id
	}
	if p.named.read(e) != nil {
		return
	}
	n := &p.named
	row.Video, row.User, row.Other, row.Item, row.Job = optional(n.video), optional(n.user), optional(n.other), optional(n.item), optional(n.job)
	if e.Type == events.TypeNotificationSent {
		if d, err := events.Decode[events.NotificationSent](e); err == nil {
			row.Notification = optional(d.Notification)
		}
	}
}

func optional[ID ~[16]byte](id ID) *uuid.UUID {
	if id == (ID{}) {
		return nil
	}
	u := uuid.UUID(id)
	return &u
}

// readParquet puts the messages of a part together again.
func readParquet(file []byte, fn func(eventlog.Message) error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: read Parquet: %v", ErrExport, fault)
		}
	}()
	opened, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return fmt.Errorf("%w: read Parquet: %w", ErrExport, err)
	}
	reader := parquet.NewGenericReader[eventRow](opened)
	defer reader.Close()
	var m eventlog.Message
	rows := make([]eventRow, 256)
	for {
		clear(rows)
		n, err := reader.Read(rows)
		for i := range rows[:n] {
			r := &rows[i]
			if m.Seq != 0 && r.Seq != m.Seq {
				if err := fn(m); err != nil {
					return err
				}
				m = eventlog.Message{}
			}
			if m.Seq == 0 {
				m = eventlog.Message{Seq: r.Seq, Stored: time.Unix(0, r.Stored).UTC(), BatchID: r.BatchID, Subject: r.Subject}
			}
			m.Data = append(append(append(m.Data, r.Before...), r.Raw...), r.After...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: read Parquet: %w", ErrExport, err)
		}
	}
	if m.Seq == 0 {
		return nil
	}
	return fn(m)
}
