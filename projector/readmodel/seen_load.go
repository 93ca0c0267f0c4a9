package readmodel

import (
	"cmp"
	"fmt"
)

// load reads the buckets, the slabs of what is sealed, and the identities that
// are not. Pages are read when they are asked for.
func (s *Seen) load(src Source) error {
	s.base = src
	if err := s.loadBuckets(src); err != nil {
		return err
	}
	return s.loadChunks(src)
}

func (s *Seen) loadBuckets(src Source) error {
	var found []*seenBucket
	slabs := map[*sealedRun]int{} // how many each run should have
	err := scanSeen(src, seenBuckets, bucketKeySize, func(f fields, value []byte) error {
		if len(value) < 8 || (len(value)-8)%12 != 0 {
			return fmt.Errorf("%w: a bucket of identities is cut short", ErrState)
		}
		b, v := &seenBucket{hour: hourIn(&f)}, fields(value)
		b.last = v.time()
		for len(v) > 0 {
			b.runs = append(b.runs, &sealedRun{id: v.uint64()})
			slabs[b.runs[len(b.runs)-1]] = int(v.uint32())
		}
		s.buckets[b.hour] = b
		found = append(found, b)
		return nil
	})
	for _, b := range found {
		for _, r := range b.runs {
			err = cmp.Or(err, s.loadRun(src, b, r, slabs[r]))
		}
	}
	return err
}

func (s *Seen) loadRun(src Source, b *seenBucket, r *sealedRun, slabs int) error {
	nextPage := uint32(0)
	for n := range slabs {
		value, err := src.Get(slabKey(b.hour, r.id, n))
		if err != nil {
			return err
		}
		var l slab
		if err := l.decode(value); err != nil {
			return err
		}
		if l.firstPage != nextPage {
			return fmt.Errorf("%w: slab %d of the identities of hour %d begins at page %d", ErrState, n, b.hour, l.firstPage)
		}
		nextPage += uint32(len(l.fences))
		r.count += l.count
		b.digest, s.digest = b.digest+l.digest, s.digest+l.digest
		if s.passing {
			if err := s.checkPages(src, b.hour, r.id, &l); err != nil {
				return err
			}
			continue
		}
		r.slabs = append(r.slabs, l)
	}
	if r.count == 0 {
		return fmt.Errorf("%w: a run of identities of hour %d is empty", ErrState, b.hour)
	}
	b.count += r.count
	s.count += r.count
	s.sizes.sealed += r.count
	s.sizes.filterBytes += r.bytes()
	return nil
}

// reload reads a slab once more from the checkpoint, if its run is there still. No
// checkpoint may be under way. It panics with a RowsFailure where it cannot be read.
func (s *Seen) reload(hour int64, run uint64, n int) {
	b := s.buckets[hour]
	if b == nil {
		return
	}
	for _, r := range b.runs {
		if r.id != run {
			continue
		}
		value, err := s.base.Get(slabKey(hour, run, n))
		var l slab
		if err == nil {
			err = l.decode(value)
		}
		if err != nil {
			panic(RowsFailure{err})
		}
		r.slabs[n] = l
	}
}

func (s *slab) decode(value []byte) error {
	const fixed = 4 + 8 + 4 + 4 + 8 + 4 + 8
	broken := fmt.Errorf("%w: a slab of identities is not what was written", ErrState)
	if len(value) < fixed {
		return broken
	}
	body, sum := value[:len(value)-8], fields(value[len(value)-8:])
	if s.sum = sum.uint64(); slabSum(body) != s.sum {
		return broken
	}
	f := fields(body)
	s.count, s.digest, s.firstPage = int(f.uint32()), f.uint64(), f.uint32()
	s.fences = make([]uint64, f.uint32())
	for i := range s.fences {
		s.fences[i] = f.uint64()
	}
	seed, segment := f.uint64(), f.uint32()
	if len(f) > 0 {
		s.filter.cells = append([]byte{}, f...)
		s.filter.setSize(segment, uint32(len(f)), seed)
	}
	return nil
}

func (s *Seen) loadChunks(src Source) error {
	return scanSeen(src, seenChunks, chunkKeySize, func(f fields, value []byte) error {
		hour := hourIn(&f)
		b := s.buckets[hour]
		if b == nil || len(value)%identitySize != 0 {
			return fmt.Errorf("%w: a chunk of identities has no bucket, or is cut short", ErrState)
		}
		b.chunks = append(b.chunks, chunkRef{f.uint64(), f.uint32()})
		for i := range len(value) / identitySize {
			id := identityAt(value, i)
			if s.passing {
				b.count, s.digest = b.count+1, s.digest+id.digest()
				continue
			}
			part, at, found := b.table.find(id)
			if found || id == (identity{}) {
				return fmt.Errorf("%w: an identity of hour %d stands twice, or is none", ErrState, hour)
			}
			s.insert(b, part, at, id)
		}
		return nil
	})
}

// scanSeen calls fn for each key of a kind, without the kind.
func scanSeen(src Source, kind byte, keySize int, fn func(key fields, value []byte) error) error {
	var broken error
	prefix := []byte{spaceSeen, kind}
	err := src.Scan(prefix, prefix, func(key, value []byte) bool {
		if len(key) != keySize {
			broken = fmt.Errorf("%w: a key of identities has %d bytes", ErrState, len(key))
		} else {
			broken = fn(fields(key[len(prefix):]), value)
		}
		return broken == nil
	})
	return cmp.Or(err, broken)
}

func hourIn(key *fields) int64 { return int64(key.time()) }
