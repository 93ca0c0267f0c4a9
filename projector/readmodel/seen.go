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
type Seen struct {
	horizon time.Duration
	buckets map[int64]*seenBucket // by hour since the epoch
	count   int
	digest  uint64
	// hour and candidate are of the event that is being folded.
	hour      int64
	candidate identity

	// freshHours lists the hours that took identities in since the last
	// checkpoint, dropped the buckets forgotten since.
	freshHours []int64
	dropped    []droppedBucket
}

// droppedBucket is a forgotten bucket that the checkpoint still has.
type droppedBucket struct {
	hour   int64
	chunks []uint64
}

type seenBucket struct {
	identities map[identity]struct{}
	// last is the log time of the newest identity.
	last   events.Time
	digest uint64
	// fresh holds what came since the last checkpoint, chunks the versions of
	// the checkpoints that hold the rest.
	fresh  []identity
	chunks []uint64
}

// identity is the hash of an event's source, ID, type and time.
type identity [16]byte

func newSeen(horizon time.Duration) *Seen {
	return &Seen{horizon: horizon, buckets: map[int64]*seenBucket{}}
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
	return identity(sum[:16])
}

func hourOf(t events.Time) int64 { return floorDiv(int64(t), time.Hour.Microseconds()) }

// contains reports whether the event was seen before.
func (s *Seen) contains(hour int64, id identity) bool {
	b := s.buckets[hour]
	if b == nil {
		return false
	}
	_, seen := b.identities[id]
	return seen
}

// add remembers an identity that was not there.
func (s *Seen) add(hour int64, id identity, logTime events.Time) {
	b := s.buckets[hour]
	if b == nil {
		b = &seenBucket{identities: map[identity]struct{}{}}
		s.buckets[hour] = b
	}
	b.add(id, logTime)
	if len(b.fresh) == 0 {
		s.freshHours = append(s.freshHours, hour)
	}
	b.fresh = append(b.fresh, id)
	s.digest += id.digest()
	s.count++
}

func (b *seenBucket) add(id identity, logTime events.Time) {
	b.identities[id] = struct{}{}
	b.last = max(b.last, logTime)
	b.digest += id.digest()
}

// expire forgets the buckets that took nothing in for the horizon.
func (s *Seen) expire(logTime events.Time) {
	for hour, b := range s.buckets {
		if logTime-b.last > events.Time(s.horizon.Microseconds()) {
			s.digest -= b.digest
			s.count -= len(b.identities)
			s.dropped = append(s.dropped, droppedBucket{hour, b.chunks})
			delete(s.buckets, hour)
		}
	}
}

// sum digests the table: the identities, and when each bucket took in its last.
func (s *Seen) sum() uint64 {
	sum := s.digest
	for hour, b := range s.buckets {
		sum += digestStart(tableSeen).word(uint64(hour)).word(uint64(b.last)).word(uint64(len(b.identities))).sum()
	}
	return sum
}

func (id identity) digest() uint64 {
	hi, lo := words(id)
	return digestStart(tableSeen).word(hi).word(lo).sum()
}

// floorDiv divides towards minus infinity: times before 1970 have their own hours.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
