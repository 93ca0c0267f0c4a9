package readmodel

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tidemark-io/tidemark/events"
)

const (
	// sealMinIdentities: below it a run takes as much memory as the table did.
	sealMinIdentities = 64
	// sealMaxChunks bounds the small values that a bucket leaves in the
	// checkpoint while it is not sealed.
	sealMaxChunks = 1024
	// mergeRatio: a run is merged with the newer ones when it is not so many
	// times as large, so a bucket of n identities has at most log4(n) runs and
	// writes each identity that often.
	mergeRatio = 4
)

// sealing is one bucket on its way to the disk. The table and the runs do not
// change meanwhile, so that the checkpoint is written beside the fold.
type sealing struct {
	bucket *seenBucket
	run    uint64
	last   events.Time
	table  identityTable
	kept   []*sealedRun // stay as they are
	merged []*sealedRun // are part of the new run
	base   Base         // where they lie
	drop   []chunkRef

	result *sealedRun // once written
	keys   int
}

// seal takes the buckets out of memory that took nothing in for longest, until
// the tables fit into the budget with room to spare.
func (s *Seen) seal(version uint64) {
	candidates := make([]*seenBucket, 0, len(s.buckets))
	for _, b := range s.buckets {
		if b.table.count >= s.sealMin {
			candidates = append(candidates, b)
		}
	}
	slices.SortFunc(candidates, func(a, b *seenBucket) int {
		return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.hour, b.hour))
	})
	left, target := s.sizes.tableBytes, s.budget
	if left > s.budget {
		target -= s.budget / 4 // so that not every checkpoint has to seal
	}
	for _, b := range candidates {
		if left > target || len(b.chunks) >= s.sealChunks {
			left -= b.table.bytes
			s.sealing = append(s.sealing, b.seal(version, s.base))
			s.asked.placed = false // it may be in the table that is handed over
		}
	}
}

// seal hands over the bucket's table, and the newest runs that are small
// enough against what they are merged with.
func (b *seenBucket) seal(version uint64, base Base) *sealing {
	size, keep := b.table.count, len(b.runs)
	for keep > 0 && b.runs[keep-1].count < mergeRatio*size {
		keep--
		size += b.runs[keep].count
	}
	b.pending = &sealing{
		bucket: b, run: version, last: b.last, table: b.table, base: base, drop: b.chunks,
		kept: b.runs[:keep:keep], merged: b.runs[keep:],
	}
	b.table, b.fresh, b.chunks = identityTable{}, nil, nil
	return b.pending
}

// kept takes note that what was sealed lies in the checkpoint, and that all
// pages are read from there now.
func (s *Seen) kept(base Base) {
	s.base = base
	for _, j := range s.sealing {
		b := j.bucket
		s.sizes.tableBytes -= j.table.bytes
		for _, r := range j.merged {
			s.uncount(r)
		}
		s.sizes.sealed += j.result.count
		s.sizes.filterBytes += j.result.bytes()
		b.runs, b.pending = append(j.kept, j.result), nil
		if b.dropped {
			s.drop(b)
		}
	}
	s.sealing = nil
}

// uncount takes a run out of the sizes.
func (s *Seen) uncount(r *sealedRun) {
	s.sizes.sealed -= r.count
	s.sizes.filterBytes -= r.bytes()
}

// put yields the new run's pages and slabs, what the bucket is now, and the
// removal of what the run takes the place of.
func (j *sealing) put(yield yieldKey) bool {
	w := runWriter{name: pageName{hour: j.bucket.hour, run: j.run}, yield: yield, run: &sealedRun{id: j.run}}
	ok := j.each(w.add) && w.finish()
	if !ok {
		return false
	}
	want := j.table.count
	for _, r := range j.merged {
		want += r.count
	}
	if w.run.count != want {
		panic(RowsFailure{fmt.Errorf("%w: %d sealed identities of hour %d, want %d", ErrState, w.run.count, j.bucket.hour, want)})
	}
	j.result = w.run
	j.keys = 1 + int(w.run.pageCount()) + len(w.run.slabs)
	if !yield(bucketKey(j.bucket.hour), encodeBucket(j.last, append(slices.Clone(j.kept), w.run))) {
		return false
	}
	old := droppedBucket{hour: j.bucket.hour, chunks: j.drop, runs: j.merged, lives: true}
	return old.put(yield)
}

func (j *sealing) len() int { return j.keys }

// each yields the identities of the table and of the merged runs in order. It
// panics with a RowsFailure where one cannot be read.
func (j *sealing) each(yield func(identity) bool) bool {
	cursors := make([]*runCursor, len(j.merged))
	for i, r := range j.merged {
		cursors[i] = &runCursor{base: j.base, run: r, name: pageName{hour: j.bucket.hour, run: r.id}}
		cursors[i].next()
	}
	more := true
	upTo := func(limit identity, all bool) {
		for more {
			var least *runCursor
			for _, c := range cursors {
				if !c.done && (least == nil || c.id.less(least.id)) {
					least = c
				}
			}
			if least == nil || !all && limit.less(least.id) {
				return
			}
			more = yield(least.id)
			least.next()
		}
	}
	j.table.sorted(func(id identity) bool {
		upTo(id, false)
		more = more && yield(id)
		return more
	})
	upTo(identity{}, true)
	return more
}

// runCursor walks over a sealed run.
type runCursor struct {
	base  Base
	run   *sealedRun
	name  pageName
	slab  int
	fence int // of the next page in the slab
	ids   []byte
	id    identity
	done  bool
}

func (c *runCursor) next() {
	for len(c.ids) == 0 {
		if c.slab == len(c.run.slabs) {
			c.done = true
			return
		}
		s := &c.run.slabs[c.slab]
		c.name.page = s.firstPage + uint32(c.fence)
		ids, err := readPage(c.base, c.name, s.fences[c.fence])
		if err != nil {
			panic(RowsFailure{err})
		}
		c.ids = ids
		if c.fence++; c.fence == len(s.fences) {
			c.slab, c.fence = c.slab+1, 0
		}
	}
	c.id, c.ids = identityAt(c.ids, 0), c.ids[identitySize:]
}

// runWriter cuts identities that come in order into pages and slabs.
type runWriter struct {
	name  pageName
	yield yieldKey
	run   *sealedRun
	page  []byte
	slab  slab
	ids   []identity // of the slab
}

func (w *runWriter) add(id identity) bool {
	if len(w.page) >= pageIdentities*identitySize && id.hi != w.ids[len(w.ids)-1].hi {
		if !w.endPage() || len(w.slab.fences) == slabPages && !w.endSlab() {
			return false
		}
	}
	if len(w.page) == 0 {
		w.slab.fences = append(w.slab.fences, id.hi)
	}
	w.page = appendIdentity(w.page, id)
	w.ids = append(w.ids, id)
	w.slab.digest += id.digest()
	return true
}

func (w *runWriter) endPage() bool {
	ok := w.yield(pageKey(w.name), w.page)
	w.page = nil // who was handed the page may keep it
	w.name.page++
	return ok
}

func (w *runWriter) endSlab() bool {
	s := w.slab
	s.count, s.filter = len(w.ids), newFilter(w.ids)
	s.fences = slices.Clip(s.fences)
	value, sum := encodeSlab(&s)
	s.sum = sum
	w.run.count += s.count
	w.run.slabs = append(w.run.slabs, s)
	w.slab, w.ids = slab{firstPage: w.name.page}, w.ids[:0]
	return w.yield(slabKey(w.name.hour, w.name.run, len(w.run.slabs)-1), value)
}

func (w *runWriter) finish() bool { return w.endPage() && w.endSlab() }
