package readmodel

import (
	"encoding/binary"
	"fmt"
	"sort"
)

// sealedRun is a part of a bucket's identities that lies in the checkpoint:
// sorted, in pages of some 4 KiB. Memory keeps the slabs.
type sealedRun struct {
	id    uint64 // the version of the checkpoint that wrote it; unique in its bucket
	count int
	slabs []slab
}

// slab is what memory keeps of up to slabPages pages: a filter, and the first
// word of each page's first identity. Identities that share a first word share
// a page.
type slab struct {
	filter    identityFilter
	fences    []uint64
	firstPage uint32
	count     int
	digest    uint64
	sum       uint64 // over all of that, as it was sealed
}

const (
	pageIdentities = 256
	// slabPages bounds what building a filter takes to some 12 MB, and the
	// value that holds the slab to 320 KB.
	slabPages = 1024
)

func (s *slab) bytes() int { return len(s.filter.cells) + 8*len(s.fences) + slabOverhead }

// slabOverhead is the size of a slab's own fields.
const slabOverhead = 96

func (r *sealedRun) bytes() int {
	n := 0
	for i := range r.slabs {
		n += r.slabs[i].bytes()
	}
	return n
}

// pageCount is how many pages the run has.
func (r *sealedRun) pageCount() uint32 {
	last := &r.slabs[len(r.slabs)-1]
	return last.firstPage + uint32(len(last.fences))
}

// page returns the one page that may hold the identity, if any may.
func (r *sealedRun) page(id identity) (page uint32, fence uint64, may bool) {
	i := sort.Search(len(r.slabs), func(i int) bool { return r.slabs[i].fences[0] > id.hi }) - 1
	if i < 0 {
		return 0, 0, false
	}
	s := &r.slabs[i]
	if !s.filter.mayContain(id) {
		return 0, 0, false
	}
	p := sort.Search(len(s.fences), func(p int) bool { return s.fences[p] > id.hi }) - 1
	return s.firstPage + uint32(p), s.fences[p], true
}

// inRun reports whether a run holds the identity.
func (s *Seen) inRun(hour int64, r *sealedRun, id identity) bool {
	page, fence, may := r.page(id)
	if !may {
		return false
	}
	name := pageName{hour, r.id, page}
	cached := s.pages.slot(name)
	if cached.name != name || cached.ids == nil {
		ids, err := readPage(s.base, name, fence)
		if err != nil {
			panic(RowsFailure{err})
		}
		*cached = cachedPage{name, ids}
	}
	return pageContains(cached.ids, id)
}

// pageContains searches the sorted identities of a page.
func pageContains(ids []byte, id identity) bool {
	at := sort.Search(len(ids)/identitySize, func(i int) bool { return !identityAt(ids, i).less(id) })
	return at < len(ids)/identitySize && identityAt(ids, at) == id
}

func identityAt(ids []byte, i int) identity {
	b := ids[i*identitySize:]
	return identity{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func appendIdentity(b []byte, id identity) []byte {
	b = binary.BigEndian.AppendUint64(b, id.hi)
	return binary.BigEndian.AppendUint64(b, id.lo)
}

// pageName says which page is meant. Names are never used twice.
type pageName struct {
	hour int64
	run  uint64
	page uint32
}

// readPage reads a page of a run, which must be there: a repeat whose page is
// missing would count twice.
func readPage(base Base, name pageName, fence uint64) ([]byte, error) {
	ids, err := base.Get(pageKey(name))
	if err != nil {
		return nil, fmt.Errorf("read page of identities from the checkpoint: %w", err)
	}
	if len(ids) == 0 || len(ids)%identitySize != 0 || identityAt(ids, 0).hi != fence {
		return nil, fmt.Errorf("%w: the page of identities %+v is not what was sealed", ErrState, name)
	}
	return ids, nil
}

// pageCache keeps the pages read last: producers that repeat themselves do so
// soon.
type pageCache [cachedPages]cachedPage

// cachedPages bounds the cache to 1 MiB.
const cachedPages = 256

type cachedPage struct {
	name pageName
	ids  []byte
}

// slot returns the one place where the page may be.
func (c *pageCache) slot(name pageName) *cachedPage {
	spread := (uint64(name.hour)*31+name.run)*0x9e3779b97f4a7c15>>40 + uint64(name.page)
	return &c[spread%cachedPages]
}
