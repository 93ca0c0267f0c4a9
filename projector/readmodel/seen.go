package readmodel

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// Seen remembers the identities of outside events whose repeat would count
// twice, each as 128 bits of a SHA-256. They lie in buckets by the hour of the
// event's time: a repeat has the same time, so one bucket answers. A bucket is
// forgotten when the horizon has passed since it last took an identity in, by
// log time.
//
// New identities lie in tables in memory. When those outgrow the budget, a
// checkpoint seals the buckets that took nothing in for longest: their
// identities go to the checkpoint as sorted runs, and small filters stay. What
// comes late for a sealed bucket lies in a new table above its runs. What is
// sealed when changes no answer and no digest.
type Seen struct {
	horizon time.Duration
	budget  int                   // bytes of tables
	buckets map[int64]*seenBucket // by hour since the epoch
	count   int
	digest  uint64
	// recent is the bucket of the event before: most have the same.
	recent *seenBucket
	// asked is what contains was asked about last: most often it is added next.
	asked asked

	base  Base // where sealed pages lie
	pages pageCache
	sizes seenSizes

	// touched lists the hours that took identities in since the last
	// checkpoint, freshBytes how much, and dropped what was forgotten since.
	touched    []int64
	freshBytes int
	dropped    []droppedBucket
	// sealing holds what the checkpoint under way seals.
	sealing []*sealing
	// sealMin is the fewest identities worth a run, sealChunks the most chunks
	// of a bucket that is not sealed.
	sealMin, sealChunks int
	// passing: what is loaded is summed up and not kept (Check).
	passing bool
}

// seenSizes says how much of the identities lies where.
type seenSizes struct {
	sealed      int // identities
	tableBytes  int
	filterBytes int // of filters and fences
}

type seenBucket struct {
	hour  int64
	count int
	// last is the log time of the newest identity.
	last   events.Time
	digest uint64
	table  identityTable
	// fresh holds what came since the last checkpoint, in the blocks that it
	// will write; chunks says where the rest of the table is in the checkpoint.
	fresh  [][]byte
	chunks []chunkRef
	runs   []*sealedRun // largest first
	// pending is what the checkpoint under way makes of the table's identities
	// before it.
	pending *sealing
	dropped bool // forgotten while pending
}

// asked is an identity and, where placed, where it has to go: that holds until the
// tables change.
type asked struct {
	hour   int64
	id     identity
	placed bool
	bucket *seenBucket // nil if there is none
	part   *tablePart  // of the bucket's table, nil if that is empty
	at     int
}

// identity is the hash of an event's source, ID, type and time, in two words.
// It is never zero, which marks an empty cell.
type identity struct{ hi, lo uint64 }

func newSeen(horizon time.Duration, budget int) *Seen {
	return &Seen{
		horizon: horizon, budget: budget, buckets: map[int64]*seenBucket{},
		sealMin: sealMinIdentities, sealChunks: sealMaxChunks,
	}
}

// identityOf hashes what makes an event the same as another. Lengths stand
// before the texts, so that no two identities run together.
func identityOf(m *events.Meta) identity {
	var buf [2*events.MaxIdentityBytes + 16]byte
	b := append(buf[:0], byte(m.Type))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Time))
	b = append(append(b, byte(len(m.Source)-1)), m.Source...)
	b = append(b, m.ID...)
	sum := sha256.Sum256(b)
	return newIdentity(words([16]byte(sum[:16])))
}

func newIdentity(hi, lo uint64) identity {
	if hi|lo == 0 {
		lo = 1
	}
	return identity{hi, lo}
}

func (id identity) less(other identity) bool {
	return id.hi < other.hi || id.hi == other.hi && id.lo < other.lo
}

func (id identity) digest() uint64 {
	return digestStart(tableSeen).word(id.hi).word(id.lo).sum()
}

func hourOf(t events.Time) int64 { return floorDiv(int64(t), time.Hour.Microseconds()) }

// bucket returns the bucket of an hour, nil if there is none.
func (s *Seen) bucket(hour int64) *seenBucket {
	if s.recent == nil || s.recent.hour != hour {
		b := s.buckets[hour]
		if b == nil {
			return nil
		}
		s.recent = b
	}
	return s.recent
}

// forget takes a bucket out.
func (s *Seen) forget(b *seenBucket) {
	s.digest -= b.digest
	s.count -= b.count
	s.sizes.tableBytes -= b.table.bytes
	delete(s.buckets, b.hour)
	s.recent, s.asked.placed = nil, false
}

// locate finds the place of an identity in its bucket's table, and reports
// whether it is there.
func (s *Seen) locate(hour int64, id identity) (found bool) {
	s.asked = asked{hour: hour, id: id, placed: true, bucket: s.bucket(hour)}
	if b := s.asked.bucket; b != nil {
		s.asked.part, s.asked.at, found = b.table.find(id)
	}
	return found
}

// contains reports whether the event was seen before. It panics with a
// RowsFailure where a page of the checkpoint cannot be read.
func (s *Seen) contains(hour int64, id identity) bool {
	if s.locate(hour, id) {
		return true
	}
	b := s.asked.bucket
	if b == nil {
		return false
	}
	if b.pending != nil && b.pending.table.contains(id) {
		return true
	}
	for _, r := range b.runs {
		if s.inRun(hour, r, id) {
			return true
		}
	}
	return false
}

// add remembers an identity that was not there.
func (s *Seen) add(hour int64, id identity, logTime events.Time) {
	if !s.asked.placed || s.asked.id != id || s.asked.hour != hour {
		s.locate(hour, id)
	}
	b := s.asked.bucket
	if b == nil {
		b = &seenBucket{hour: hour}
		s.buckets[hour] = b
	}
	s.insert(b, s.asked.part, s.asked.at, id)
	b.last = max(b.last, logTime)
	if len(b.fresh) == 0 {
		s.touched = append(s.touched, hour)
	}
	b.fresh = appendBlock(b.fresh, id)
	s.freshBytes += identitySize
}

// insert puts an identity into a bucket's table, where that said that it has to go.
func (s *Seen) insert(b *seenBucket, part *tablePart, at int, id identity) {
	before := b.table.bytes
	b.table.insert(part, at, id)
	s.sizes.tableBytes += b.table.bytes - before
	d := id.digest()
	b.count, b.digest = b.count+1, b.digest+d
	s.count, s.digest = s.count+1, s.digest+d
	s.asked.placed = false
}

// expire forgets the buckets that took nothing in for the horizon.
func (s *Seen) expire(logTime events.Time) {
	for _, b := range s.buckets {
		if logTime-b.last <= events.Time(s.horizon.Microseconds()) {
			continue
		}
		s.forget(b)
		if b.dropped = b.pending != nil; !b.dropped {
			s.drop(b)
		}
	}
}

// drop notes that the next checkpoint has to delete what the one before holds
// of a bucket.
func (s *Seen) drop(b *seenBucket) {
	for _, r := range b.runs {
		s.uncount(r)
	}
	s.dropped = append(s.dropped, droppedBucket{hour: b.hour, chunks: b.chunks, runs: b.runs})
}

// sum digests the table: the identities, and when each bucket took in its last.
func (s *Seen) sum() uint64 {
	sum := s.digest
	for hour, b := range s.buckets {
		sum += digestStart(tableSeen).word(uint64(hour)).word(uint64(b.last)).word(uint64(b.count)).sum()
	}
	return sum
}

// floorDiv divides towards minus infinity: times before 1970 have their own hours.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
