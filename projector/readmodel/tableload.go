package readmodel

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// tableReader finds what a start has to read of each stripe of a table.
type tableReader struct {
	size    uint32
	stripes [][]piece // whole first, then deltas by version
	opened  []*os.File
}

type piece struct {
	file *os.File
	block
}

// open reads the list of a table's files and their directories, and takes up the
// bookkeeping where it was left.
func (l *tableLog) open(src Source, count uint32) (r *tableReader, err error) {
	list, err := src.Get(l.key())
	if err != nil {
		return nil, err
	}
	if err := l.decode(list); err != nil {
		return nil, err
	}
	n := stripesOf(count, l.size)
	r = &tableReader{size: l.size, stripes: make([][]piece, n)}
	l.since = make([]uint64, n)
	for _, f := range l.files {
		if err := r.add(src, l, f); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

// add sorts the blocks of the next newer file to their stripes.
func (r *tableReader) add(src Source, l *tableLog, f tableFile) error {
	file, err := src.OpenFile(fileName(l.table, f.version))
	if err != nil {
		return err
	}
	r.opened = append(r.opened, file)
	blocks, err := f.readDirectory(file)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if int(b.stripe) >= len(r.stripes) || b.entries == 0 {
			return fmt.Errorf("%w: file %s has a block of stripe %d", ErrState, file.Name(), b.stripe)
		}
		if b.kind == blockWhole {
			r.stripes[b.stripe] = r.stripes[b.stripe][:0] // it covers what came before
		}
		if b.kind == blockWhole || l.since[b.stripe] == 0 {
			l.since[b.stripe] = f.version
		}
		r.stripes[b.stripe] = append(r.stripes[b.stripe], piece{file, b})
	}
	return nil
}

// entries returns the numbers that a stripe has of a table of count entries.
func (r *tableReader) entries(stripe, count uint32) (first, end uint32) {
	return stripe * r.size, min(count, (stripe+1)*r.size)
}

func (r *tableReader) close() {
	for _, f := range r.opened {
		_ = f.Close() // it was only read
	}
}

// read reads a block into buf, which it may enlarge, and compares its checksum.
func (p *piece) read(buf []byte) ([]byte, error) {
	if int(p.bytes) > cap(buf) {
		buf = make([]byte, p.bytes)
	}
	buf = buf[:p.bytes]
	if _, err := p.file.ReadAt(buf, p.offset); err != nil {
		return buf, fmt.Errorf("read a block of a table: %w", err)
	}
	if crc32.Checksum(buf, castagnoli) != p.sum {
		return buf, p.broken("is not what was written")
	}
	return buf, nil
}

func (p *piece) broken(what string) error {
	return fmt.Errorf("%w: the block at byte %d of file %s %s", ErrState, p.offset, p.file.Name(), what)
}

// side runs work for jobs 0 to n-1, side by side on all processors. Each worker
// begins with state of its own. The tables lie in space.
func side[S any](space Space, n uint32, work func(state *S, job uint32) error, done func(state *S)) error {
	var next atomic.Uint32
	var group errgroup.Group
	workers := min(runtime.GOMAXPROCS(0), int(n))
	states := make([]S, workers)
	for w := range workers {
		group.Go(func() error {
			err := guarded(space, func() (err error) {
				for job := next.Add(1) - 1; job < n && err == nil; job = next.Add(1) - 1 {
					err = work(&states[w], job)
				}
				return err
			})
			if err != nil {
				next.Store(n) // the others need not go on
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for w := range states {
		done(&states[w])
	}
	return nil
}

// videoLoader is what one goroutine that loads videos has for itself.
type videoLoader struct {
	buf    []byte
	digest uint64
	counts keyCounts
}

func (v *Videos) load(src Source) error {
	r, err := v.log.open(src, v.saved)
	if err != nil {
		return err
	}
	defer r.close()
	v.grow(v.saved)
	v.count = v.saved
	sizes := newKeyCounts(v.saved)
	err = side(v.space, uint32(len(r.stripes)), func(l *videoLoader, stripe uint32) error {
		if l.counts == nil {
			l.counts = make(keyCounts, len(sizes))
		}
		return v.loadStripe(r, l, stripe)
	}, func(l *videoLoader) {
		v.digest += l.digest
		sizes.add(l.counts)
	})
	if err != nil {
		return err
	}
	return v.index.fill(v.count, sizes)
}

// grow makes the chunks of slots up to a number, in one piece: none is ever
// given back.
func (v *Videos) grow(count uint32) {
	chunks := make([]*videoChunk, (int(count)+chunkSize-1)/chunkSize)
	all := allocPiece[videoChunk](v.space, len(chunks))
	for c := range chunks {
		chunks[c] = &all[c]
	}
	v.chunks.Store(&chunks)
}

func (v *Videos) loadStripe(r *tableReader, l *videoLoader, stripe uint32) error {
	first, end, err := v.readStripe(r, l, stripe)
	for n := first; n < end && err == nil; n++ {
		w := v.slot(n).raw()
		l.counts.note(v.index.hash(w[0], w[1]))
	}
	return err
}

// readStripe reads the slots of a stripe, which are those from first to before end,
// and sums up their digest.
func (v *Videos) readStripe(r *tableReader, l *videoLoader, stripe uint32) (first, end uint32, err error) {
	first, end = r.entries(stripe, v.saved)
	for _, p := range r.stripes[stripe] {
		if l.buf, err = p.read(l.buf); err != nil {
			return first, end, err
		}
		if p.kind == blockWhole {
			err = v.loadWhole(&p, l.buf, first, end)
		} else {
			err = v.loadDelta(&p, l.buf, first, end)
		}
		if err != nil {
			return first, end, err
		}
	}
	for n := first; n < end; n++ {
		l.digest += v.slot(n).raw().digest()
	}
	return first, end, nil
}

func (v *Videos) loadWhole(p *piece, body []byte, first, end uint32) error {
	if uint64(p.entries)*slotBytes != uint64(len(body)) || p.entries > end-first {
		return p.broken("has another number of videos")
	}
	for n := first; len(body) > 0; n++ {
		v.slot(n).raw().decode(body)
		body = body[slotBytes:]
	}
	return nil
}

func (v *Videos) loadDelta(p *piece, body []byte, first, end uint32) error {
	if p.kind != blockDelta || uint64(p.entries)*deltaSlotSize != uint64(len(body)) {
		return p.broken("has another number of videos")
	}
	for ; len(body) > 0; body = body[deltaSlotSize:] {
		number := binary.LittleEndian.Uint32(body)
		if number < first || number >= end {
			return p.broken("holds a video of another stripe")
		}
		v.slot(number).raw().decode(body[4:])
	}
	return nil
}

func (w *slotWords) decode(b []byte) {
	_ = b[slotBytes-1]
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
}

// userLoader is what one goroutine that loads users has for itself.
type userLoader struct {
	buf    []byte
	digest uint64
	pairs  int
	counts keyCounts
}

func (u *Users) load(src Source) error {
	r, err := u.log.open(src, u.saved)
	if err != nil {
		return err
	}
	defer r.close()
	u.grow(u.saved)
	u.count = u.saved
	sizes := newKeyCounts(u.saved)
	err = side(u.space, uint32(len(r.stripes)), func(l *userLoader, stripe uint32) error {
		if l.counts == nil {
			l.counts = make(keyCounts, len(sizes))
		}
		return u.loadStripe(r, l, stripe)
	}, func(l *userLoader) {
		u.digest += l.digest
		u.pairs += l.pairs
		sizes.add(l.counts)
	})
	if err != nil {
		return err
	}
	return u.index.fill(u.count, sizes)
}

func (u *Users) grow(count uint32) {
	chunks := make([]*userChunk, (int(count)+userChunkSize-1)/userChunkSize)
	for c := range chunks {
		chunks[c] = &alloc[userChunk](u.space, 1)[0]
	}
	u.chunks.Store(&chunks)
}

func (u *Users) loadStripe(r *tableReader, l *userLoader, stripe uint32) error {
	first, end, err := u.readStripe(r, l, stripe)
	for n := first; n < end && err == nil; n++ {
		e := u.entry(n)
		l.pairs += int(e.likes.used)
		l.counts.note(u.index.hash(e.hi, e.lo))
	}
	return err
}

// readStripe reads the users of a stripe, which are those from first to before end,
// and sums up their digest.
func (u *Users) readStripe(r *tableReader, l *userLoader, stripe uint32) (first, end uint32, err error) {
	first, end = r.entries(stripe, u.saved)
	for _, p := range r.stripes[stripe] {
		if l.buf, err = p.read(l.buf); err != nil {
			return first, end, err
		}
		if p.kind == blockWhole {
			err = u.loadWhole(&p, l.buf, first, end)
		} else {
			err = u.loadDelta(&p, l.buf, first, end)
		}
		if err != nil {
			return first, end, err
		}
	}
	for n := first; n < end; n++ {
		e := u.entry(n)
		l.digest += e.digest()
		e.likes.each(func(video uint32, v likeVersion) { l.digest += e.likeDigest(video, v) })
	}
	return first, end, nil
}

func (u *Users) loadWhole(p *piece, body []byte, first, end uint32) error {
	if p.entries > end-first {
		return p.broken("has another number of users")
	}
	for n := first; n < first+p.entries; n++ {
		if len(body) < wholeUserSize {
			return p.broken("is cut short")
		}
		e := u.entry(n)
		e.hi, e.lo = binary.LittleEndian.Uint64(body), binary.LittleEndian.Uint64(body[8:])
		e.flags.Store(binary.LittleEndian.Uint32(body[16:]))
		cells, used := binary.LittleEndian.Uint32(body[20:]), binary.LittleEndian.Uint32(body[24:])
		body = body[wholeUserSize:]
		if uint64(used)*wholeLikeSize > uint64(len(body)) || used > cells || cells > 4*used+4 {
			return p.broken("has another number of likes")
		}
		if cells > 0 {
			e.likes.cells = alloc[likeCell](u.space, int(cells))
		}
		for ; used > 0; used-- {
			e.likes.set(u.space, binary.LittleEndian.Uint32(body), likeVersion(binary.LittleEndian.Uint64(body[4:])))
			body = body[wholeLikeSize:]
		}
	}
	if len(body) > 0 {
		return p.broken("has another number of users")
	}
	return nil
}

func (u *Users) loadDelta(p *piece, body []byte, first, end uint32) error {
	if p.kind != blockDelta {
		return p.broken("is of no kind known")
	}
	for len(body) > 0 {
		if !knownUserRecord(body[0]) || len(body) < userRecordEnd(body) {
			return p.broken("is cut short")
		}
		number := userRecordNumber(body)
		if number < first || number >= end {
			return p.broken("holds a user of another stripe")
		}
		e, rest := u.entry(number), body[5:]
		switch body[0] {
		case recordUser:
			e.hi, e.lo = binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:])
			e.flags.Store(binary.LittleEndian.Uint32(rest[16:]))
		case recordLike:
			e.likes.set(u.space, binary.LittleEndian.Uint32(rest), likeVersion(binary.LittleEndian.Uint64(rest[4:])))
		case recordForget:
			e.likes.remove(binary.LittleEndian.Uint32(rest))
		}
		body = body[userRecordEnd(body):]
	}
	return nil
}
