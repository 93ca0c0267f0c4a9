package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// Snapshots are the snapshots of a service, to begin a fold with. One is open
// at a time.
type Snapshots struct {
	dir    string
	logger *slog.Logger
	turn   chan struct{} // holds one token while one is open
}

// NewSnapshots returns those in a directory (projector.SnapshotsDir), which need
// not be there.
func NewSnapshots(dir string, logger *slog.Logger) *Snapshots {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Snapshots{dir: dir, logger: logger, turn: make(chan struct{}, 1)}
}

// verified notes that all of a snapshot was read and is whole. Whoever notes something of
// a snapshot has the turn: two who write its file at once would leave half of one.
func (s *Snapshots) verified(info *projector.SnapshotInfo) {
	if err := info.Verified(time.Now()); err != nil {
		s.logger.Warn("that a snapshot was verified could not be noted", "path", info.Path, "error", err)
	}
}

// List returns what there is, oldest first.
func (s *Snapshots) List() ([]projector.SnapshotInfo, error) { return projector.ListSnapshots(s.dir) }

// nearest is the snapshot that a fold which looks back begins with, or nothing.
type nearest struct {
	model *readmodel.Model // nil for nothing
	at    uint64           // the last message that it holds
	close func()
	// release lets go of the memory that was reserved for the model.
	release func()
}

// Close lets go of the snapshot.
func (n *nearest) Close() {
	if n.close != nil {
		n.close()
	}
	if n.release != nil {
		n.release()
	}
}

// standsFor fails with ErrGap where nothing says whether the snapshot is of the time
// that is asked for: it may hold messages that came later and were trimmed since.
func (n *nearest) standsFor(ctx context.Context, s Source, p Point) error {
	first, last, err := s.Bounds(ctx)
	if err != nil || p.Time.IsZero() || n.model == nil || n.at >= first || n.model.LogTime() <= events.TimeOf(p.Time) {
		return err
	}
	return &GapError{Need: first - 1, First: first, Last: last}
}

// nearest opens the last snapshot of the source's log that holds no message
// behind upTo. One that cannot be used is passed over with a warning.
func (o *Options) nearest(ctx context.Context, s Source, upTo uint64) (*nearest, error) {
	if o.Snapshots == nil {
		return &nearest{}, nil
	}
	list, err := o.Snapshots.List()
	if err != nil {
		return nil, err
	}
	for _, info := range slices.Backward(list) {
		if info.Seq == 0 || info.Seq > upTo || info.Distrusted != "" {
			continue
		}
		b, err := o.Snapshots.open(ctx, s, info, o.Model)
		if err == nil {
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		o.Snapshots.logger.Warn("snapshot is passed over", "error", err)
	}
	return &nearest{}, nil
}

// wait waits for a turn, which ends when its token is taken back.
func (s *Snapshots) wait(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// alone runs fn while nobody else has a snapshot open.
func (s *Snapshots) alone(ctx context.Context, fn func() error) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	return fn()
}

// open waits for its turn, loads the snapshot, and compares its last message
// with the source's.
func (s *Snapshots) open(ctx context.Context, source Source, info projector.SnapshotInfo, cfg readmodel.Config) (*nearest, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	snapshot, err := projector.OpenSnapshot(info, cfg, s.logger)
	if err != nil {
		<-s.turn
		return nil, err
	}
	b := &nearest{model: snapshot.Model, at: snapshot.Seq(), close: func() {
		_ = snapshot.Close() // it was only read
		<-s.turn
	}}
	err = source.Read(ctx, b.at, b.at, func(m eventlog.Message) error {
		if !snapshot.Matches(&m) {
			return fmt.Errorf("snapshot %s: message %d of the log is not the one that was folded", info.Path, m.Seq)
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrGap) { // trimmed right up to it: nothing to compare with
		b.Close()
		return nil, err
	}
	return b, nil
}
