package readmodel

import (
	"cmp"
	"context"
	"fmt"
)

// Check reads all of a checkpoint, compares it with the digest in the Image's State,
// and makes no model of it: it takes the memory of a chunk of a table at a time, and one
// processor. Pages of identities, which Load leaves for later, are read too. It fails
// with ErrState where anything differs, and with the context's error when that ends.
func Check(ctx context.Context, src Source, state []byte) error {
	src = whileWanted{src, ctx}
	m := New(Config{})
	want, err := m.decodeState(state)
	if err != nil {
		return err
	}
	m.Trending.lean = true
	m.rows.digest = want.Tables[4]
	for _, check := range []func(Source) error{
		func(src Source) error { return m.Videos.check(ctx, src) },
		func(src Source) error { return m.Users.check(ctx, src) },
		m.seen.check, m.Trending.load,
		func(src Source) error { return CheckRows(src, state) },
	} {
		noRoom := GuardRows(func() { err = check(src) })
		if err != nil || noRoom != nil {
			return fmt.Errorf("check a checkpoint: %w", cmp.Or(err, noRoom))
		}
	}
	if got := m.Digest(); got != want {
		return fmt.Errorf("%w: it holds %v, saved as %v", ErrState, got, want)
	}
	return nil
}

// whileWanted is a source that ends with a context.
type whileWanted struct {
	Source
	ctx context.Context
}

func (w whileWanted) Get(key []byte) ([]byte, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	return w.Source.Get(key)
}

func (w whileWanted) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	err := w.Source.Scan(prefix, from, func(key, value []byte) bool { return w.ctx.Err() == nil && fn(key, value) })
	return cmp.Or(w.ctx.Err(), err)
}

// check sums up the digest, and keeps no more than the chunks of one stripe.
func (v *Videos) check(ctx context.Context, src Source) error {
	r, err := v.log.open(src, v.saved)
	if err != nil {
		return err
	}
	defer r.close()
	chunks := make([]*videoChunk, (int(v.saved)+chunkSize-1)/chunkSize)
	v.chunks.Store(&chunks)
	var l videoLoader
	for stripe := range uint32(len(r.stripes)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		sweep(chunks, r, stripe, v.saved, chunkBits)
		if _, _, err := v.readStripe(r, &l, stripe); err != nil {
			return err
		}
	}
	v.digest = l.digest
	return nil
}

// check sums up the digest, and keeps no more than the chunks of one stripe.
func (u *Users) check(ctx context.Context, src Source) error {
	r, err := u.log.open(src, u.saved)
	if err != nil {
		return err
	}
	defer r.close()
	chunks := make([]*userChunk, (int(u.saved)+userChunkSize-1)/userChunkSize)
	u.chunks.Store(&chunks)
	var l userLoader
	for stripe := range uint32(len(r.stripes)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		sweep(chunks, r, stripe, u.saved, userChunkBits)
		if _, _, err := u.readStripe(r, &l, stripe); err != nil {
			return err
		}
	}
	u.digest = l.digest
	return nil
}

// sweep makes the chunks that a stripe lies in, and drops those before them.
func sweep[C any](chunks []*C, r *tableReader, stripe, count uint32, bits uint) {
	first, end := r.entries(stripe, count)
	for c := first >> bits; c <= (end-1)>>bits; c++ {
		if chunks[c] == nil {
			chunks[c] = new(C)
		}
	}
	for c := int(first>>bits) - 1; c >= 0 && chunks[c] != nil; c-- {
		chunks[c] = nil
	}
}

// check sums up the digest of the identities, those in pages included, and keeps
// none of them.
func (s *Seen) check(src Source) error {
	s.passing = true
	return s.load(src)
}

// checkPages compares the pages of a slab with what the slab says of them.
func (s *Seen) checkPages(src Source, hour int64, run uint64, l *slab) error {
	count, digest := 0, uint64(0)
	for i, fence := range l.fences {
		ids, err := readPage(src, pageName{hour, run, l.firstPage + uint32(i)}, fence)
		if err != nil {
			return err
		}
		for n := range len(ids) / identitySize {
			digest += identityAt(ids, n).digest()
		}
		count += len(ids) / identitySize
	}
	if count != l.count || digest != l.digest {
		return fmt.Errorf("%w: the pages of identities of hour %d are not what was sealed", ErrState, hour)
	}
	return nil
}
