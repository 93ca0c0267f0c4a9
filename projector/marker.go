package projector

import (
	"encoding/json"
	"fmt"
	"hash/crc64"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// foldVersion is raised when the same log would fold to another state. A
// checkpoint of another fold is not continued but rebuilt.
const foldVersion = 3

// marker is written last in every checkpoint, and says what it stands for.
type marker struct {
	FoldVersion int
	// Epoch: see FoldID.
	Epoch       uint32 `json:",omitempty"`
	Incarnation string
	// Last is the fingerprint of the last message folded.
	Last fingerprint
	// Digest is the state's, for people to read; the model checks its own.
	Digest  string
	SavedAt time.Time
	// Model is the part of the read model that is no table.
	Model []byte
}

// fingerprint tells a message from another that took its sequence number.
type fingerprint struct {
	Seq     uint64
	Stored  time.Time
	BatchID string
	Sum     uint64
}

func fingerprintOf(m *eventlog.Message) fingerprint {
	return fingerprint{Seq: m.Seq, Stored: m.Stored.UTC(), BatchID: m.BatchID, Sum: crc64.Checksum(m.Data, crcTable)}
}

// is reports whether the message is the one of the fingerprint.
func (f *fingerprint) is(m *eventlog.Message) bool {
	now := fingerprintOf(m)
	return now.Seq == f.Seq && now.BatchID == f.BatchID && now.Sum == f.Sum && now.Stored.Equal(f.Stored)
}

var crcTable = crc64.MakeTable(crc64.ECMA)

// encode completes the marker with what is known once the image is written.
func (m marker) encode(image *readmodel.Image) []byte {
	m.Digest, m.Model = image.Digest.String(), image.State
	b, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("encode the checkpoint's marker: %v", err)) // plain fields only
	}
	return b
}

func decodeMarker(data []byte) (m marker, err error) {
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("read the checkpoint's marker: %w", err)
	}
	return m, nil
}

// belongs checks that the checkpoint was folded from a log that now has this
// incarnation: under it, or under one of its lineage.
func (m *marker) belongs(incarnation events.Incarnation, lineage events.Lineage) error {
	if m.Incarnation == incarnation.String() {
		return nil
	}
	for _, a := range lineage {
		switch {
		case a.Incarnation.String() != m.Incarnation:
		case m.Last.Seq <= a.Last:
			return nil
		default:
			return errDoubt{fmt.Errorf("the log was adopted at message %d, and message %d was folded before that", a.Last, m.Last.Seq)}
		}
	}
	return fmt.Errorf("%w: the read model was folded from log %s, this is log %v. Put the right log back (the jetstream folder, or --nats-url), or use another --data-dir; a log that was restored or moved is adopted with: tidemark replay log adopt",
		ErrForeignLog, m.Incarnation, incarnation)
}
