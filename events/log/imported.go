package log

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A log that was imported says of its first messages what the log said that they
// are a copy of: the stream gave them new append times, so each carries the old
// one in a header. Those headers are believed up to the sequence that the
// stream's metadata names, and nowhere else.
const (
	// ImportedKey is the key of that sequence in the events stream's metadata.
	ImportedKey = "tidemark-imported"
	// StoredHeader holds the time at which the original was appended, as RFC 3339 has it.
	StoredHeader = "Tidemark-Stored"
	// MessageIDHeader holds the Nats-Msg-Id of the original, where the server
	// would have taken the copy for a repeat of an earlier message.
	MessageIDHeader = "Tidemark-Message-Id"
)

// importedUpTo reads from a stream's metadata up to where it is a copy.
func importedUpTo(metadata map[string]string) (uint64, error) {
	text := metadata[ImportedKey]
	if text == "" {
		return 0, nil
	}
	seq, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s in the metadata of %s is %.40q, which is no sequence", ErrStreamConfig, ImportedKey, EventsStream, text)
	}
	return seq, nil
}

// original gives a copied message the time and the ID of its original.
func (id *identity) original(m *Message, header nats.Header) {
	if m.Seq > id.imported {
		return
	}
	if stored, err := time.Parse(time.RFC3339Nano, header.Get(StoredHeader)); err == nil {
		m.Stored = stored
	}
	if name := header.Get(MessageIDHeader); name != "" {
		m.BatchID = name
	}
}

// copyOf is a copied message as it is published. Without its ID the server
// cannot take it for a repeat.
func copyOf(m *Message, withID bool) *nats.Msg {
	msg := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{
		jetstream.ExpectedStreamHeader:  {EventsStream},
		jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(m.Seq-1, 10)},
		StoredHeader:                    {m.Stored.UTC().Format(time.RFC3339Nano)},
	}}
	switch {
	case m.BatchID == "":
	case withID:
		msg.Header.Set(jetstream.MsgIDHeader, m.BatchID)
	default:
		msg.Header.Set(MessageIDHeader, m.BatchID)
	}
	return msg
}
