package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// messageLine is a message as it stands on a line of an export.
type messageLine struct {
	Seq     uint64    `json:"seq"`
	Stored  time.Time `json:"stored"`
	BatchID string    `json:"batch_id,omitempty"`
	Subject string    `json:"subject"`
	Data    []byte    `json:"data"`
}

// AppendMessageLine appends a message as one line of JSON.
func AppendMessageLine(dst []byte, m *eventlog.Message) ([]byte, error) {
	line, err := json.Marshal(messageLine{m.Seq, m.Stored.UTC(), m.BatchID, m.Subject, m.Data})
	if err != nil {
		return dst, err
	}
	return append(append(dst, line...), '\n'), nil
}

// ParseMessageLine reads what AppendMessageLine wrote.
func ParseMessageLine(line []byte) (eventlog.Message, error) {
	var m messageLine
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return eventlog.Message{}, fmt.Errorf("%w: a line is no message: %w", ErrExport, err)
	}
	if m.Seq == 0 {
		return eventlog.Message{}, fmt.Errorf("%w: a line has no sequence", ErrExport)
	}
	return eventlog.Message{Seq: m.Seq, Stored: m.Stored, BatchID: m.BatchID, Subject: m.Subject, Data: m.Data}, nil
}

// newPacker packs with zstd, on the caller's goroutine: the same lines give the
// same bytes.
func newPacker(to io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
}

// messagesPart writes messages as lines.
type messagesPart struct {
	packer *zstd.Encoder
	line   []byte
}

func newMessagesPart(to io.Writer) (partWriter, error) {
	packer, err := newPacker(to)
	return &messagesPart{packer: packer}, err
}

func (p *messagesPart) message(m *eventlog.Message) (n, left uint64, err error) {
	if p.line, err = AppendMessageLine(p.line[:0], m); err != nil {
		return 0, 0, err
	}
	if h, _, err := events.ReadBatchHeader(m.Data); err == nil {
		n = uint64(h.Events)
	}
	_, err = p.packer.Write(p.line)
	return n, 0, err
}

func (p *messagesPart) close() error { return p.packer.Close() }

// lineLimit is the longest line of an export: a message of 1 MiB in base64.
const lineLimit = 2 << 20

// eachLine unpacks lines. It fails where they are more than limit bytes.
func eachLine(packed []byte, limit int64, fn func(line []byte) error) error {
	unpacker, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return fmt.Errorf("%w: unpack: %w", ErrExport, err)
	}
	defer unpacker.Close()
	bounded := &io.LimitedReader{R: unpacker, N: limit}
	lines := bufio.NewScanner(bounded)
	lines.Buffer(make([]byte, 64<<10), lineLimit)
	for lines.Scan() && bounded.N > 0 {
		if err := fn(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: unpack: %w", ErrExport, err)
	}
	if bounded.N <= 0 {
		return fmt.Errorf("%w: it unpacks to %d bytes and more", ErrExport, limit)
	}
	return nil
}
