package readmodel

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/tidemark-io/tidemark/events"
)

// A checkpoint holds the rows under their keys, and the flat tables as
// segments: for each table the changes of each checkpoint (a delta), and the
// whole table in stripes, of which every checkpoint rewrites as much as it
// wrote changes. A delta can go once every stripe has been rewritten since.
// Entries carry state and not differences, so that segments are applied in the
// order of their versions and the last word stands. Thus a checkpoint costs
// twice its changes and never a copy of a table, and a start reads the table
// about twice.

// Key spaces of a checkpoint.
const (
	spaceRows     = 'r'
	spaceSegments = 's'
	spaceSeen     = 'h'
	spaceTrending = 't'
)

const (
	segmentDelta  = 'D'
	segmentStripe = 'S'
)

// segmentBytes is about how large one value of a segment gets.
const segmentBytes = 512 << 10

// Image is what one checkpoint writes: all changes since the one before.
type Image struct {
	// Version numbers the checkpoint, from 1.
	Version uint64
	// State is the part that is no table; it belongs into the marker.
	State []byte
	// Digest is the state's digest at the position of the checkpoint.
	Digest Digest

	rows    View
	records []entry
	parts   []imagePart
}

// imagePart is made while the image is written, beside the fold. What it yields
// is the same each time.
type imagePart interface {
	// put yields keys until the function returns false, which it then does too.
	put(yield yieldKey) bool
	// len is the number of keys, once they were yielded.
	len() int
}

type entry struct{ key, value []byte }

// Writes yields every key to be written; a nil value is a deletion. It panics
// with a RowsFailure where what lies in the checkpoint before cannot be read.
func (i *Image) Writes() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for _, e := range i.records {
			if !yield(e.key, e.value) {
				return
			}
		}
		for _, p := range i.parts {
			if !p.put(yield) {
				return
			}
		}
		i.rows.active.Ascend(func(r row) bool {
			return yield(append([]byte{spaceRows}, r.key...), r.value)
		})
	}
}

// Len is the number of keys, once they were written.
func (i *Image) Len() int {
	n := len(i.records) + i.rows.active.Len()
	for _, p := range i.parts {
		n += p.len()
	}
	return n
}

func (i *Image) put(key, value []byte) { i.records = append(i.records, entry{key, value}) }

// Freeze hands over all changes since the last checkpoint, to be written while
// the fold goes on. Between Publish and Begin only, and not before the last
// image was kept (Kept).
func (m *Model) Freeze(version uint64) *Image {
	i := &Image{Version: version, rows: View{active: m.rows.active}}
	m.rows.frozen, m.rows.active, m.rows.bytes = m.rows.active, newLayer(), 0
	m.Videos.freeze(i)
	m.Users.freeze(i)
	m.seen.freeze(i)
	m.Trending.freeze(i)
	i.Digest = m.Digest()
	i.State = m.encodeState(i.Digest)
	return i
}

// Kept tells the model that its image has been written, and where its rows lie
// now. Between Publish and Begin only.
func (m *Model) Kept(base Base) {
	if m.abandoned {
		return // what was published last stays as it is
	}
	old := m.rows.base
	m.rows.frozen = nil
	m.rows.setBase(rowsOf(base))
	m.seen.kept(base)
	m.publish(m.snapshot.Load().Tag)
	if old != nil {
		old.Release()
	}
}

// DirtyBytes is about how much the next image will hold.
func (m *Model) DirtyBytes() int {
	return m.rows.bytes + m.seen.freshBytes + len(m.Users.changes) + videoRecordSize*len(m.Videos.dirty.list)
}

// rowsBase is the part of a checkpoint that holds the rows.
type rowsBase struct{ Base }

func rowsOf(b Base) Base { return rowsBase{b} }

func (b rowsBase) Get(key []byte) ([]byte, error) {
	return b.Base.Get(append([]byte{spaceRows}, key...))
}

func (b rowsBase) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	return b.Base.Scan(append([]byte{spaceRows}, prefix...), append([]byte{spaceRows}, from...),
		func(key, value []byte) bool { return fn(key[1:], value) })
}

// segmentLog is one flat table's bookkeeping of segments.
type segmentLog struct {
	table   byte
	deltas  []deltaSegment // oldest first
	stripes []uint64       // the version of each stripe; 0 if never written
	next    int            // the stripe to rewrite next, or nextOldest
	chunk   int            // about how many bytes one value gets
}

// nextOldest: the stripe of the oldest version comes next. So it is after a
// start, lest a process that starts often rewrites the first stripes only and
// drops no delta.
const nextOldest = -1

type deltaSegment struct {
	version uint64
	chunks  uint32
}

func (l *segmentLog) deltaKey(version uint64, chunk uint32) []byte {
	k := binary.BigEndian.AppendUint64([]byte{spaceSegments, l.table, segmentDelta}, version)
	return binary.BigEndian.AppendUint32(k, chunk)
}

func (l *segmentLog) stripeKey(stripe, chunk uint32) []byte {
	k := binary.BigEndian.AppendUint32([]byte{spaceSegments, l.table, segmentStripe}, stripe)
	return binary.BigEndian.AppendUint32(k, chunk)
}

// write adds the changes to the image, rewrites as many stripes as it wrote
// bytes (one at least), and drops the deltas that are no longer needed. stripes
// is how many the table has now; records are never split between chunks.
func (l *segmentLog) write(i *Image, changes []byte, recordEnd func([]byte) int, stripes int, stripe func(n int) []byte) {
	if len(changes) == 0 {
		return
	}
	for len(l.stripes) < stripes {
		l.stripes = append(l.stripes, 0)
	}
	if l.next == nextOldest {
		l.next = slices.Index(l.stripes, slices.Min(l.stripes))
	}
	for written, n := 0, 0; n < stripes && (n == 0 || written < len(changes)); n++ {
		at := l.next % stripes
		whole, chunk := stripe(at), uint32(0)
		for part := range chunks(whole, l.chunk, recordEnd) {
			i.put(l.stripeKey(uint32(at), chunk), part)
			chunk++
		}
		l.stripes[at], l.next = i.Version, at+1
		written += len(whole)
	}
	oldest := slices.Min(l.stripes)
	if oldest < i.Version {
		d := deltaSegment{version: i.Version}
		for chunk := range chunks(changes, l.chunk, recordEnd) {
			i.put(l.deltaKey(d.version, d.chunks), chunk)
			d.chunks++
		}
		l.deltas = append(l.deltas, d)
	}
	l.drop(i, oldest)
}

// drop deletes the deltas that every stripe has been rewritten since.
func (l *segmentLog) drop(i *Image, oldest uint64) {
	for len(l.deltas) > 0 && l.deltas[0].version <= oldest {
		for chunk := range l.deltas[0].chunks {
			i.put(l.deltaKey(l.deltas[0].version, chunk), nil)
		}
		l.deltas = l.deltas[1:]
	}
}

// chunks cuts records into values of about size bytes. recordEnd returns the
// size of the first record.
func chunks(records []byte, size int, recordEnd func([]byte) int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(records) > 0 {
			n := 0
			for n < len(records) && n < size {
				n += recordEnd(records[n:])
			}
			if !yield(records[:n:n]) {
				return
			}
			records = records[n:]
		}
	}
}

// encodeState writes what a model is beside its tables.
func (m *Model) encodeState(d Digest) []byte {
	s := record{stateVersion}
	s = s.id(m.cfg.Incarnation).uint32(m.generation).position(m.at).time(m.logTime).uint64(m.folded)
	s = s.uint32(m.Videos.count).uint32(m.Users.count)
	for _, t := range d.Tables {
		s = s.uint64(t)
	}
	return s
}

const stateVersion = 2

func (m *Model) decodeState(state []byte) (d Digest, err error) {
	if len(state) != 1+16+4+8+8+8+4+4+8*len(d.Tables) || state[0] != stateVersion {
		return d, ErrState
	}
	f := fields(state[1:])
	m.cfg.Incarnation = f.id()
	m.generation, m.at, m.logTime, m.folded = f.uint32(), f.position(), f.time(), f.uint64()
	d.At, d.LogTime, d.Folded = m.at, m.logTime, m.folded
	m.Videos.saved, m.Users.saved = f.uint32(), f.uint32()
	for t := range d.Tables {
		d.Tables[t] = f.uint64()
	}
	return d, nil
}

// videoRecordSize is the size of one video's record in a segment.
const videoRecordSize = 4 + 16 + 8 + 8*int(events.CounterCount)

// stripeVideos and stripeUsers are how many entries one stripe of the tables holds.
const (
	stripeVideos = 8192
	stripeUsers  = 256
)
