package readmodel

import (
	"encoding/binary"

	"github.com/tidemark-io/tidemark/events"
)

// What a checkpoint holds of the identities. Hours and numbers are big-endian.
//
//	'h' 'b' hour             → the bucket: log time of its newest, its runs
//	'h' 'c' hour version n   → chunk: identities as they came, not sealed
//	'h' 'f' hour run slab    → filter, fences, digest of a slab
//	'h' 'p' hour run page    → identities in order
//
// A start reads all but the pages.
const (
	seenBuckets = 'b'
	seenChunks  = 'c'
	seenSlabs   = 'f'
	seenPages   = 'p'

	bucketKeySize = 1 + 1 + 8
	chunkKeySize  = bucketKeySize + 8 + 4

	// blockBytes is the most that one chunk holds.
	blockBytes = 64 << 10
)

// yieldKey takes a key to be written; a nil value deletes it.
type yieldKey func(key, value []byte) bool

func seenKey(kind byte, hour int64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, chunkKeySize), spaceSeen, kind), uint64(hour)^1<<63)
}

func bucketKey(hour int64) []byte { return seenKey(seenBuckets, hour) }

func chunkKey(hour int64, version uint64, n uint32) []byte {
	k := binary.BigEndian.AppendUint64(seenKey(seenChunks, hour), version)
	return binary.BigEndian.AppendUint32(k, n)
}

func slabKey(hour int64, run uint64, n int) []byte {
	k := binary.BigEndian.AppendUint64(seenKey(seenSlabs, hour), run)
	return binary.BigEndian.AppendUint32(k, uint32(n))
}

func pageKey(p pageName) []byte {
	k := binary.BigEndian.AppendUint64(seenKey(seenPages, p.hour), p.run)
	return binary.BigEndian.AppendUint32(k, p.page)
}

// chunkRef names one chunk of a bucket.
type chunkRef struct {
	version uint64
	n       uint32
}

// appendBlock adds an identity to blocks that become chunks as they are.
func appendBlock(blocks [][]byte, id identity) [][]byte {
	switch n := len(blocks); {
	case n == 0:
		blocks = append(blocks, nil) // most hours get a few
	case len(blocks[n-1]) == blockBytes:
		blocks = append(blocks, make([]byte, 0, blockBytes))
	}
	last := &blocks[len(blocks)-1]
	*last = appendIdentity(*last, id)
	return blocks
}

// encodeBucket writes the log time of a bucket's newest identity, and of each
// run its number and its slabs.
func encodeBucket(last events.Time, runs []*sealedRun) []byte {
	value := make(record, 0, 8+12*len(runs)).time(last)
	for _, r := range runs {
		value = value.uint64(r.id).uint32(uint32(len(r.slabs)))
	}
	return value
}

// encodeSlab writes a slab, with a sum over all of it at the end, which it returns too: a
// filter that is not what was built would forget identities without a word.
func encodeSlab(s *slab) (value []byte, sum uint64) {
	body := make(record, 0, 40+8*len(s.fences)+len(s.filter.cells))
	body = body.uint32(uint32(s.count)).uint64(s.digest).uint32(s.firstPage).uint32(uint32(len(s.fences)))
	for _, fence := range s.fences {
		body = body.uint64(fence)
	}
	body = body.uint64(s.filter.seed).uint32(s.filter.segment)
	body = append(body, s.filter.cells...)
	sum = slabSum(body)
	return body.uint64(sum), sum
}

// isWhole reports whether the slab is in memory as it was sealed.
func (s *slab) isWhole() bool {
	_, sum := encodeSlab(s)
	return sum == s.sum && (len(s.filter.cells) == 0 || s.filter.starts == uint32(len(s.filter.cells))-2*s.filter.segment)
}

func slabSum(value []byte) uint64 { return digestStart(tableSeen).bytes(value).sum() }

// droppedBucket is what a checkpoint has to delete of a bucket.
type droppedBucket struct {
	hour   int64
	chunks []chunkRef
	runs   []*sealedRun
	lives  bool // the bucket itself stays
	keys   int
}

func (d *droppedBucket) put(yield yieldKey) bool {
	if !d.lives && !yield(bucketKey(d.hour), nil) {
		return false
	}
	d.keys = 1 + len(d.chunks)
	for _, c := range d.chunks {
		if !yield(chunkKey(d.hour, c.version, c.n), nil) {
			return false
		}
	}
	for _, r := range d.runs {
		d.keys += int(r.pageCount()) + len(r.slabs)
		for page := range r.pageCount() {
			if !yield(pageKey(pageName{d.hour, r.id, page}), nil) {
				return false
			}
		}
		for n := range r.slabs {
			if !yield(slabKey(d.hour, r.id, n), nil) {
				return false
			}
		}
	}
	return true
}

func (d *droppedBucket) len() int { return d.keys }

// freeze hands over what changed since the last checkpoint: first what is to be
// sealed, since its fresh identities need no chunks.
func (s *Seen) freeze(i *Image) {
	s.seal(i.Version)
	for _, j := range s.sealing {
		i.parts = append(i.parts, j)
	}
	for d := range s.dropped {
		// An hour that was forgotten may have come back, and is written below.
		s.dropped[d].lives = s.buckets[s.dropped[d].hour] != nil
		i.parts = append(i.parts, &s.dropped[d])
	}
	for _, hour := range s.touched {
		b := s.buckets[hour]
		if b == nil || len(b.fresh) == 0 {
			continue
		}
		i.put(bucketKey(hour), encodeBucket(b.last, b.runs))
		for n, block := range b.fresh {
			i.put(chunkKey(hour, i.Version, uint32(n)), block)
			b.chunks = append(b.chunks, chunkRef{i.Version, uint32(n)})
		}
		b.fresh = nil
	}
	s.dropped, s.touched, s.freshBytes = nil, nil, 0
}
