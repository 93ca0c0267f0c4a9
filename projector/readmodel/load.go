package readmodel

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/tidemark-io/tidemark/events"
)

// ErrState is returned for a checkpoint that this binary cannot read, or whose
// parts do not add up to its digest. It calls for a rebuild from the log.
var ErrState = errors.New("checkpoint does not hold together")

// Source is a checkpoint to load a model from. It is read by several goroutines.
type Source interface {
	Base
	// OpenFile opens a file that was made by Files.CreateFile.
	OpenFile(name string) (*os.File, error)
}

// Load reads a model back from a checkpoint: state is the Image's, src its
// rows and files. The tables are read side by side, each by as many goroutines as
// there are processors. It fails with ErrState if the digest of what was read is
// not the one that was written.
func Load(cfg Config, state []byte, src Source) (m *Model, err error) {
	err = guarded(cfg.Space, func() (err error) {
		m, err = loaded(cfg, state, src)
		return err
	})
	return m, err
}

func loaded(cfg Config, state []byte, src Source) (*Model, error) {
	m := New(cfg)
	want, err := m.decodeState(state)
	if err != nil {
		return nil, err
	}
	m.rows.setBase(rowsOf(src))
	m.rows.digest = want.Tables[4]
	var loaders errgroup.Group
	for _, load := range []func(Source) error{m.Videos.load, m.Users.load, m.seen.load, m.Trending.load} {
		loaders.Go(func() error { return guarded(cfg.Space, func() error { return load(src) }) })
	}
	if err := loaders.Wait(); err != nil {
		return nil, fmt.Errorf("load the read model: %w", err)
	}
	m.Trending.settle(m.logTime)
	if got := m.Digest(); got != want {
		return nil, fmt.Errorf("%w: loaded %v, saved as %v", ErrState, got, want)
	}
	m.publish(0)
	return m, nil
}

// Peek returns what a checkpoint holds in rows, and how many videos and users are in its
// tables, without loading those. Nothing of it is compared with its digest. It holds
// the checkpoint until that is closed.
func Peek(state []byte, src Base) (*Snapshot, error) {
	m := New(Config{})
	if _, err := m.decodeState(state); err != nil {
		return nil, err
	}
	m.rows.setBase(rowsOf(src))
	m.publish(0)
	s := *m.Snapshot()
	s.Sizes.Videos, s.Sizes.Users = int(m.Videos.saved), int(m.Users.saved)
	return &s, nil
}

// Adopt tells a model that was loaded of which log it is now: that from which
// it was folded, under the incarnation that it has got since.
func (m *Model) Adopt(incarnation events.Incarnation, lineage events.Lineage) {
	m.cfg.Incarnation, m.cfg.Lineage = incarnation, lineage
	m.publish(m.Snapshot().Tag)
}

// Wrote reports whether a writer of this log, under the present incarnation or
// an earlier one, may have written a record batch at the sequence.
func (m *Model) Wrote(incarnation events.Incarnation, seq uint64) bool {
	return incarnation == m.cfg.Incarnation || m.cfg.Lineage.Wrote(incarnation, seq)
}

// Incarnation names the log that the model was folded from.
func (m *Model) Incarnation() events.Incarnation { return m.cfg.Incarnation }

// CheckRows reads all rows of a checkpoint and compares them with the digest in
// the Image's State. It fails with ErrState where they differ. (Load takes the rows
// at their word: reading them all would make every start wait.)
func CheckRows(src Base, state []byte) error {
	m := Model{Videos: &Videos{}, Users: &Users{}}
	want, err := m.decodeState(state)
	if err != nil {
		return err
	}
	sum := uint64(0)
	err = rowsOf(src).Scan(nil, nil, func(key, value []byte) bool {
		sum += rowDigest(key, value)
		return true
	})
	if err == nil && sum != want.Tables[4] {
		err = fmt.Errorf("%w: the digest of the rows is %016x, saved as %016x", ErrState, sum, want.Tables[4])
	}
	return err
}
