package log

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Message is a message of the event log: a record batch, or what a producer
// that has access to the stream put there.
type Message struct {
	// Seq is the stream sequence, from 1.
	Seq uint64
	// Stored is when the server appended it, by the server's clock; of a copy
	// that was imported, when the original was appended.
	Stored time.Time
	// BatchID is the Nats-Msg-Id header: of our own record batches the batch ID
	// in hex, of others whatever they set, or "".
	BatchID string
	// Subject is where it was published.
	Subject string
	// Data is the payload. The receiver may keep it.
	Data []byte
}

// Message returns one message. ErrMessageMissing: it was trimmed, or is not
// written yet (Bounds tells which). ErrMessageUnreadable: it must be there and
// the server cannot produce it. Any other error is passing.
func (l *Log) Message(ctx context.Context, seq uint64) (Message, error) {
	m, err := l.get(ctx, EventsStream, seq)
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return m.Message, err
	}
	first, last, err := l.Bounds(ctx)
	switch {
	case err != nil:
		return Message{}, err
	case seq < first:
		return Message{}, fmt.Errorf("%w: message %d was trimmed, the log begins at %d", ErrMessageMissing, seq, first)
	case seq > last:
		return Message{}, fmt.Errorf("%w: message %d is not written yet, the log ends at %d", ErrMessageMissing, seq, last)
	}
	return Message{}, &UnreadableError{Seq: seq}
}

// stored is a message with its headers.
type stored struct {
	Message
	header nats.Header
}

// get asks the stream's leader for a message. The client library would ask
// whichever replica is near (AllowDirect), and one that lags would answer "not
// found" for a message that is stored. ErrMsgNotFound of package jetstream is
// returned where the leader has none.
func (l *Log) get(ctx context.Context, stream string, seq uint64) (stored, error) {
	ctx, cancel := context.WithTimeout(ctx, messageLimit)
	defer cancel()
	reply, err := l.pub.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, fmt.Appendf(nil, `{"seq":%d}`, seq))
	if err != nil {
		return stored{}, fmt.Errorf("get message %d of stream %s: %w", seq, stream, err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject string    `json:"subject"`
			Header  []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return stored{}, fmt.Errorf("get message %d of stream %s: read the answer: %w", seq, stream, err)
	}
	switch {
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return stored{}, fmt.Errorf("get message %d of stream %s: %w", seq, stream, jetstream.ErrMsgNotFound)
	case answer.Error != nil:
		return stored{}, fmt.Errorf("get message %d of stream %s: %w", seq, stream, answer.Error)
	case answer.Message == nil:
		return stored{}, fmt.Errorf("get message %d of stream %s: the answer holds none", seq, stream)
	}
	m := stored{Message: Message{Seq: seq, Stored: answer.Message.Time, Subject: answer.Message.Subject, Data: answer.Message.Data}}
	if len(answer.Message.Header) > 0 {
		if m.header, err = nats.DecodeHeadersMsg(answer.Message.Header); err != nil {
			return stored{}, fmt.Errorf("get message %d of stream %s: read its headers: %w", seq, stream, err)
		}
		m.BatchID = m.header.Get(jetstream.MsgIDHeader)
		if stream == EventsStream {
			l.original(&m.Message, m.header)
		}
	}
	return m, nil
}
