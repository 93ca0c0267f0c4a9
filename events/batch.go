package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Bounds of a record batch, the unit of durability: one message, one fsync.
const (
	// MaxBatchEvents bounds the events of one record batch and so of one command.
	MaxBatchEvents = 1000
	// MaxBatchBytes bounds the encoded record batch. It lies well under the
	// 1 MiB that a NATS server takes by default.
	MaxBatchBytes = 512 << 10
)

// BatchVersion is the version of the record batch's layout that AppendBatch writes.
const BatchVersion = 1

// BatchID names a record batch: random, chosen once by its writer, and kept
// when a publish is repeated.
type BatchID [16]byte

// String returns the batch ID as 32 hex digits.
func (id BatchID) String() string { return fmt.Sprintf("%x", id[:]) }

// Tag is the short form of the batch ID that a position token carries.
func (id BatchID) Tag() uint32 { return binary.BigEndian.Uint32(id[:4]) }

// Layout of a record batch, all numbers big-endian:
//
//	 0  magic "TMRB"
//	 4  version (1)
//	 5  flags, zero
//	 6  number of entries (2)
//	 8  number of events (2)
//	10  zero (2)
//	12  incarnation of the log (16), zero from writers that do not know it
//	28  batch ID (16)
//	44  CRC-32C of bytes 0..44 and of everything from 48 on (4)
//	48  entries, one after the other
const (
	batchMagic      = "TMRB"
	batchHeaderSize = 48
	batchSumAt      = 44
)

// BatchHeader is what a record batch says of itself.
type BatchHeader struct {
	Version     uint8
	Incarnation Incarnation
	ID          BatchID
	// Entries counts the entries, commands and bare events alike.
	Entries int
	// Events counts the events in all entries.
	Events int
}

// Entry is an encoded entry of a record batch: a bare event, or a command with
// its events. All of an entry lies in one record batch, or none of it.
type Entry struct {
	// Head is a command's frame, where that does not stand in Bytes already: who
	// has the events encoded need not copy them behind it.
	Head []byte
	// Bytes is the encoded form, or what follows Head.
	Bytes []byte
	// Events counts the events in Bytes; 0 for a command that changed nothing
	// and is remembered only.
	Events int
}

// Size is the encoded size of the entry.
func (e *Entry) Size() int { return len(e.Head) + len(e.Bytes) }

// Errors of reading a record batch. Each is wrapped with what was found.
var (
	// ErrNotBatch: the message is not a record batch at all.
	ErrNotBatch = errors.New("not a record batch")
	// ErrBatchVersion: a later version of tidemark wrote the record batch.
	ErrBatchVersion = errors.New("record batch is of a version that this binary does not know")
	// ErrBatchCorrupt: the checksum does not match, or the entries do not fill the batch.
	ErrBatchCorrupt = errors.New("record batch is corrupt")
)

// AppendBatch appends the record batch of the entries. The caller keeps to
// MaxBatchEvents and MaxBatchBytes; h.Version, h.Entries and h.Events are set here.
func AppendBatch(dst []byte, h BatchHeader, entries []Entry) []byte {
	start := len(dst)
	events := 0
	for i := range entries {
		events += entries[i].Events
	}
	dst = append(dst, batchMagic...)
	dst = append(dst, BatchVersion, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(entries)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(events))
	dst = append(dst, 0, 0)
	dst = append(dst, h.Incarnation[:]...)
	dst = append(dst, h.ID[:]...)
	dst = append(dst, 0, 0, 0, 0)
	for i := range entries {
		dst = append(append(dst, entries[i].Head...), entries[i].Bytes...)
	}
	batch := dst[start:]
	binary.BigEndian.PutUint32(batch[batchSumAt:], batchSum(batch))
	return dst
}

// BatchSize is the encoded size of a record batch with that many bytes of entries.
func BatchSize(entryBytes int) int { return batchHeaderSize + entryBytes }

// ReadBatchHeader reads and checks the frame of a record batch: magic, version,
// checksum. It returns the header as far as it could be read together with
// ErrNotBatch, ErrBatchVersion or ErrBatchCorrupt.
func ReadBatchHeader(data []byte) (BatchHeader, []byte, error) {
	var h BatchHeader
	if len(data) < batchHeaderSize || string(data[:4]) != batchMagic {
		return h, nil, fmt.Errorf("%w: %d bytes without the frame of one", ErrNotBatch, len(data))
	}
	h.Version = data[4]
	h.Entries = int(binary.BigEndian.Uint16(data[6:]))
	h.Events = int(binary.BigEndian.Uint16(data[8:]))
	copy(h.Incarnation[:], data[12:])
	copy(h.ID[:], data[28:])
	if h.Version != BatchVersion {
		return h, nil, fmt.Errorf("%w: version %d", ErrBatchVersion, h.Version)
	}
	if got, want := batchSum(data), binary.BigEndian.Uint32(data[batchSumAt:]); got != want {
		return h, nil, fmt.Errorf("%w: checksum %08x, its header says %08x", ErrBatchCorrupt, got, want)
	}
	if h.Events > MaxBatchEvents {
		return h, nil, fmt.Errorf("%w: %d events, at most %d may stand in one", ErrBatchCorrupt, h.Events, MaxBatchEvents)
	}
	return h, data[batchHeaderSize:], nil
}

func batchSum(batch []byte) uint32 {
	return crc32.Update(checksum(batch[:batchSumAt]), castagnoli, batch[batchHeaderSize:])
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// castagnoli selects CRC-32C, for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)
