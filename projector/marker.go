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
const foldVersion = 1

// marker is written last in every checkpoint, and says what it stands for.
type marker struct {
	FoldVersion int
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

func (f *fingerprint) same(other *fingerprint) bool {
	return f.BatchID == other.BatchID && f.Sum == other.Sum && f.Stored.Equal(other.Stored)
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

func (m *marker) fits(incarnation events.Incarnation) bool {
	return m.Incarnation == incarnation.String()
}
