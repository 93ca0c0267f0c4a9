package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

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
	// Names are the batch ID and the subject where they are no text: outside producers
	// may publish under any bytes.
	Names [][]byte `json:"names,omitempty"`
}

func lineOf(m *eventlog.Message) messageLine {
	line := messageLine{Seq: m.Seq, Stored: m.Stored.UTC(), BatchID: m.BatchID, Subject: m.Subject, Data: m.Data}
	if !utf8.ValidString(m.BatchID) || !utf8.ValidString(m.Subject) {
		line.Names = [][]byte{[]byte(m.BatchID), []byte(m.Subject)}
	}
	return line
}

// message is what lineOf was given.
func (l *messageLine) message() eventlog.Message {
	m := eventlog.Message{Seq: l.Seq, Stored: l.Stored, BatchID: l.BatchID, Subject: l.Subject, Data: l.Data}
	if len(l.Names) == 2 {
		m.BatchID, m.Subject = string(l.Names[0]), string(l.Names[1])
	}
	return m
}

// AppendMessageLine appends a message as one line of JSON.
func AppendMessageLine(dst []byte, m *eventlog.Message) ([]byte, error) {
	line, err := json.Marshal(lineOf(m))
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
	return m.message(), nil
}

// newPacker packs with zstd, on the caller's goroutine: the same lines give the
// same bytes.
func newPacker(to io.Writer) (*linePacker, error) {
	encoder, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	return &linePacker{Encoder: encoder}, err
}

// linePacker counts the bytes that it packs.
type linePacker struct {
	*zstd.Encoder
	bytes int64
}

func (p *linePacker) Write(lines []byte) (int, error) {
	p.bytes += int64(len(lines))
	return p.Encoder.Write(lines)
}

// messagesPart writes messages as lines.
type messagesPart struct {
	packer *linePacker
	line   []byte
}

func newMessagesPart(to io.Writer) (partWriter, error) {
	packer, err := newPacker(to)
	return &messagesPart{packer: packer}, err
}

func (p *messagesPart) size() int64 { return p.packer.bytes }

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

// lineLimit is the longest line of an export: a message of 64 MiB in base64, the
// most that a NATS server takes.
const lineLimit = 90 << 20

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
