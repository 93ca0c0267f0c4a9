package readmodel

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/tidemark-io/tidemark/events"
)

// ErrState is returned for a checkpoint that this binary cannot read, or whose
// parts do not add up to its digest. It calls for a rebuild from the log.
var ErrState = errors.New("checkpoint does not hold together")

// Source is a checkpoint to load a model from.
type Source interface {
	Base
	// Versions calls fn for the keys with the prefix, each with the version of
	// the checkpoint that wrote it, until fn returns false.
	Versions(prefix []byte, fn func(key []byte, version uint64) bool) error
}

// Load reads a model back from a checkpoint: state is the Image's, src its
// rows and segments. It fails with ErrState if the digest of what was read is
// not the one that was written.
func Load(cfg Config, state []byte, src Source) (*Model, error) {
	m := New(cfg)
	want, err := m.decodeState(state)
	if err != nil {
		return nil, err
	}
	m.rows.setBase(rowsOf(src))
	m.rows.digest = want.Tables[4]
	loaders := []func(Source) error{m.Videos.load, m.Users.load, m.seen.load, m.Trending.load}
	for _, load := range loaders {
		if err := load(src); err != nil {
			return nil, fmt.Errorf("load the read model: %w", err)
		}
	}
	m.Trending.settle(m.logTime)
	if got := m.Digest(); got != want {
		return nil, fmt.Errorf("%w: loaded %v, saved as %v", ErrState, got, want)
	}
	m.publish(0)
	return m, nil
}

// Incarnation names the log that the model was folded from.
func (m *Model) Incarnation() events.Incarnation { return m.cfg.Incarnation }

// apply reads a table's segments in the order of their versions, so that what
// was written last stands, and takes up the bookkeeping where it was left.
func (l *segmentLog) apply(src Source, each func(records []byte) error) error {
	type piece struct {
		key     []byte
		version uint64
	}
	var pieces []piece
	err := src.Versions([]byte{spaceSegments, l.table}, func(key []byte, version uint64) bool {
		pieces = append(pieces, piece{bytes.Clone(key), version})
		l.note(key, version)
		return true
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(a.version, b.version) })
	for _, p := range pieces {
		records, err := src.Get(p.key)
		if err != nil {
			return err
		}
		if err := each(records); err != nil {
			return err
		}
	}
	l.next = nextOldest
	return nil
}

// note remembers a segment that lies in the checkpoint. Keys come in order:
// deltas by version and chunk, then stripes.
func (l *segmentLog) note(key []byte, version uint64) {
	rest := key[3:]
	if key[2] == segmentDelta {
		v := binary.BigEndian.Uint64(rest)
		if n := len(l.deltas); n == 0 || l.deltas[n-1].version != v {
			l.deltas = append(l.deltas, deltaSegment{version: v})
		}
		l.deltas[len(l.deltas)-1].chunks++
		return
	}
	stripe := int(binary.BigEndian.Uint32(rest))
	for len(l.stripes) <= stripe {
		l.stripes = append(l.stripes, 0)
	}
	l.stripes[stripe] = version
}

func (v *Videos) load(src Source) error {
	err := v.segments.apply(src, func(records []byte) error {
		if len(records)%videoRecordSize != 0 {
			return fmt.Errorf("%w: a segment of videos is cut short", ErrState)
		}
		for ; len(records) > 0; records = records[videoRecordSize:] {
			if err := v.loadRecord(fields(records[:videoRecordSize])); err != nil {
				return err
			}
		}
		return nil
	})
	if v.count != v.saved {
		err = cmp.Or(err, fmt.Errorf("%w: %d videos of %d", ErrState, v.count, v.saved))
	}
	for n := range v.count {
		s := v.slot(n)
		v.index.add(v.index.hash(s.hi, s.lo), n)
		v.digest += s.digest()
	}
	return err
}

func (v *Videos) loadRecord(f fields) error {
	number := f.uint32()
	if number >= v.saved {
		return fmt.Errorf("%w: video number %d of %d", ErrState, number, v.saved)
	}
	for n := v.count; n <= number; n++ {
		v.reserve(n)
		v.count = n + 1
	}
	s := v.slot(number)
	s.hi, s.lo = f.uint64(), f.uint64()
	s.state.Store(f.uint64())
	for c := range s.counts {
		s.counts[c].Store(int64(f.uint64()))
	}
	return nil
}

func (u *Users) load(src Source) error {
	err := u.segments.apply(src, func(records []byte) error {
		for len(records) > 0 {
			n := userRecordEnd(records)
			if n > len(records) {
				return fmt.Errorf("%w: a segment of users is cut short", ErrState)
			}
			if err := u.loadRecord(fields(records[:n])); err != nil {
				return err
			}
			records = records[n:]
		}
		return nil
	})
	if u.count != u.saved {
		err = cmp.Or(err, fmt.Errorf("%w: %d users of %d", ErrState, u.count, u.saved))
	}
	for n := range u.count {
		e := u.entry(n)
		u.index.add(u.index.hash(e.hi, e.lo), n)
		u.digest += e.digest()
		e.likes.each(func(video uint32, v likeVersion) {
			u.digest += e.likeDigest(video, v)
			u.pairs++
		})
	}
	return err
}

func (u *Users) loadRecord(f fields) error {
	kind, number := f.byte(), f.uint32()
	if kind != recordUser && kind != recordLike || number >= u.saved {
		return fmt.Errorf("%w: record %q of user number %d of %d", ErrState, kind, number, u.saved)
	}
	for n := u.count; n <= number; n++ {
		u.reserve(n)
		u.count = n + 1
	}
	e := u.entry(number)
	if kind == recordUser {
		e.hi, e.lo = f.uint64(), f.uint64()
		e.flags.Store(f.uint32())
		return nil
	}
	video := f.uint32()
	e.likes.set(video, likeVersion(f.uint64()))
	return nil
}
