package projector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/checkpoint"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// ErrSnapshotDamaged is returned for a snapshot that does not hold what was saved.
var ErrSnapshotDamaged = errors.New("the snapshot is damaged")

// CheckSnapshot reads every byte of a snapshot and compares it with the digest that it
// was saved under, and makes no model of it: it takes little memory. It fails with
// ErrSnapshotDamaged. last tells whether a message is the last that was folded, as it was.
func CheckSnapshot(ctx context.Context, info SnapshotInfo, logger *slog.Logger) (last func(*eventlog.Message) bool, err error) {
	store, err := checkpoint.Open(info.Path, checkpoint.Options{Logger: logger, MemTableBytes: checkedMemTable, Existing: true})
	if err != nil {
		return nil, damagedSnapshot(&info, err)
	}
	defer func() { _ = store.Close() }() // it is only read
	_, note := store.Latest()
	m, err := decodeMarker(note)
	switch {
	case err != nil:
		err = fmt.Errorf("%w: %w", readmodel.ErrState, err)
	case m.Digest != info.Digest || m.Last.Seq != info.Seq:
		err = fmt.Errorf("%w: it holds message %d with digest %s", readmodel.ErrState, m.Last.Seq, m.Digest)
	default:
		err = readmodel.Check(ctx, store.View(), m.Model)
	}
	if err != nil {
		return nil, damagedSnapshot(&info, err)
	}
	return m.Last.is, nil
}

// checkedMemTable is the least that a store takes: nothing is written to it.
const checkedMemTable = 1 << 20

// damagedSnapshot tells what damage does from what a busy or failing machine does, which
// may pass, and from a snapshot that was removed meanwhile.
func damagedSnapshot(info *SnapshotInfo, err error) error {
	_, gone := os.Stat(info.Path)
	if !errors.Is(gone, fs.ErrNotExist) && (errors.Is(err, checkpoint.ErrDamaged) || errors.Is(err, readmodel.ErrState)) {
		err = fmt.Errorf("%w: %w", ErrSnapshotDamaged, err)
	}
	return fmt.Errorf("check snapshot %s: %w", info.Path, err)
}

// RenewSnapshot has the next checkpoint kept as a snapshot, for one that was found
// damaged, whatever the interval says.
func (p *Projector) RenewSnapshot() { p.snapshots.soon() }
