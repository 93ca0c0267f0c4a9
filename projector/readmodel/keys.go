package readmodel

import (
	"encoding/binary"

	"github.com/tidemark-io/tidemark/events"
)

// Rows share one ordered space of keys; the first byte says which table.
const (
	rowVideo              = 'v' // video → author
	rowBaseline           = 'e' // video, source → values
	rowItem               = 'i' // video, kind, item → author, state
	rowItemOf             = 'a' // author, video, kind, item → nothing
	rowJob                = 'j' // job → record
	rowJobOf              = 'o' // owner, status, newest first → job
	rowNotification       = 'n' // user, newest first → record
	rowNotificationID     = 'd' // user, notification → where its record is
	rowNotificationUnread = 'u' // user, newest first → category
	rowNotificationIn     = 'c' // user, category, newest first → nothing
	rowUnreadCount        = 't' // user → number of unread notifications
	rowBlock              = 'b' // user, blocked → version
	rowBlockOf            = 'B' // user, newest first → blocked
	rowOutcome            = 'x' // command → outcome
	rowOutcomeExpiry      = 'y' // log time, command → nothing
	rowBatch              = 'r' // batch → sequence, of outside producers
	rowBatchExpiry        = 'q' // log time, batch → nothing
	rowAudit              = 'A' // newest first → entry
	rowDeadLetter         = 'D' // position → entry
)

// rowKey builds keys field by field; every field but the last has a fixed
// size, so that keys order by fields.
type rowKey []byte

func keyOf(table byte) rowKey { return append(make(rowKey, 0, 64), table) }

func (k rowKey) id(id [16]byte) rowKey { return append(k, id[:]...) }

func (k rowKey) byte(b byte) rowKey { return append(k, b) }

func (k rowKey) text(s []byte) rowKey { return append(append(k, byte(len(s))), s...) }

// time orders ascending; the sign bit is flipped so that years before 1970 come first.
func (k rowKey) time(t events.Time) rowKey {
	return binary.BigEndian.AppendUint64(k, uint64(t)^1<<63)
}

// newest orders descending by time and then by position: newest first.
func (k rowKey) newest(t events.Time, at events.Position) rowKey {
	k = binary.BigEndian.AppendUint64(k, ^(uint64(t) ^ 1<<63))
	return k.descending(at)
}

func (k rowKey) descending(at events.Position) rowKey {
	return binary.BigEndian.AppendUint64(k, ^at.Packed())
}

func (k rowKey) position(at events.Position) rowKey {
	return binary.BigEndian.AppendUint64(k, at.Packed())
}

// fields reads a key or a value back, field by field.
type fields []byte

func (f *fields) take(n int) []byte {
	b := (*f)[:n]
	*f = (*f)[n:]
	return b
}

func (f *fields) id() [16]byte        { return [16]byte(f.take(16)) }
func (f *fields) byte() byte          { return f.take(1)[0] }
func (f *fields) uint32() uint32      { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) uint64() uint64      { return binary.BigEndian.Uint64(f.take(8)) }
func (f *fields) time() events.Time   { return events.Time(f.uint64() ^ 1<<63) }
func (f *fields) newest() events.Time { return events.Time(^f.uint64() ^ 1<<63) }
func (f *fields) text() []byte        { return f.take(int(f.uint32())) }

func (f *fields) position() events.Position { return events.UnpackPosition(f.uint64()) }

// record builds values with the same fields.
type record []byte

func (r record) id(id [16]byte) record { return append(r, id[:]...) }
func (r record) byte(b byte) record    { return append(r, b) }
func (r record) flag(set bool) record {
	if set {
		return append(r, 1)
	}
	return append(r, 0)
}

func (r record) uint32(v uint32) record    { return binary.BigEndian.AppendUint32(r, v) }
func (r record) uint64(v uint64) record    { return binary.BigEndian.AppendUint64(r, v) }
func (r record) time(t events.Time) record { return r.uint64(uint64(t) ^ 1<<63) }
func (r record) text(b []byte) record      { return append(r.uint32(uint32(len(b))), b...) }

func (r record) position(at events.Position) record { return r.uint64(at.Packed()) }
