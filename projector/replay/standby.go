package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
)

// Standby is the newest snapshot from which a read model can be made anew with the log
// behind it alone, whatever becomes of the model that serves.
type Standby struct {
	// Seq is the last message that it holds; 0 where there is none.
	Seq uint64
	// PassedOver says of each newer one why it does not do.
	PassedOver []error
	// Took is how long snapshots were read for it, without the wait for a turn.
	Took time.Duration
}

// Standby names it as far as the snapshots say themselves, for a log that begins at
// message first.
func (s *Snapshots) Standby(log *eventlog.Log, first uint64) (*Standby, error) {
	return s.find(log.Incarnation(), log.Lineage(), first, func(*projector.SnapshotInfo) error { return nil })
}

// Verified names the newest that holds now: all of it is read and has its digest, and
// the last message that it holds is the log's. It takes the time of reading them, and
// little memory. One that is damaged is noted to be.
func (s *Snapshots) Verified(ctx context.Context, log *eventlog.Log, first uint64) (*Standby, error) {
	return s.VerifiedFor(ctx, log, log.Incarnation(), log.Lineage(), first)
}

// VerifiedFor is Verified for a log that is about to have another incarnation and lineage.
func (s *Snapshots) VerifiedFor(ctx context.Context, log *eventlog.Log, incarnation events.Incarnation, lineage events.Lineage, first uint64) (*Standby, error) {
	var took time.Duration
	found, err := s.find(incarnation, lineage, first, func(info *projector.SnapshotInfo) error {
		return s.alone(ctx, func() error {
			begun := time.Now()
			defer func() { took += time.Since(begun) }()
			return s.check(ctx, log, first, info)
		})
	})
	if found != nil {
		found.Took = took
	}
	return found, cmp.Or(ctx.Err(), err)
}

// Stands reports whether the snapshot that was found is there still, and does as far as
// it says itself: while it was read it may have been distrusted, or removed.
func (s *Snapshots) Stands(log *eventlog.Log, first uint64, found *Standby) (bool, error) {
	now, err := s.find(log.Incarnation(), log.Lineage(), first, func(info *projector.SnapshotInfo) error {
		if info.Seq != found.Seq {
			return errors.New("it is another")
		}
		return nil
	})
	return err == nil && now.Seq == found.Seq, err
}

func (s *Snapshots) find(incarnation events.Incarnation, lineage events.Lineage, first uint64, holds func(*projector.SnapshotInfo) error) (*Standby, error) {
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	found := &Standby{}
	for _, info := range slices.Backward(list) {
		err := info.Fits(incarnation, lineage, first)
		if err == nil && info.Fault != "" {
			err = errors.New(info.Fault)
		}
		if err == nil {
			err = holds(&info)
		}
		if err == nil {
			found.Seq = info.Seq
			break
		}
		found.PassedOver = append(found.PassedOver, fmt.Errorf("snapshot of message %d: %w", info.Seq, err))
	}
	return found, nil
}

// check reads a snapshot, and compares its last message with the log's.
func (s *Snapshots) check(ctx context.Context, log *eventlog.Log, first uint64, info *projector.SnapshotInfo) error {
	last, err := projector.CheckSnapshot(ctx, *info, s.logger)
	if errors.Is(err, projector.ErrSnapshotDamaged) {
		s.failed(info, err)
	}
	if err != nil {
		return err
	}
	if info.Seq >= first { // else the log was trimmed right up to it
		m, err := log.Message(ctx, info.Seq)
		if err != nil {
			return err
		}
		if !last(&m) {
			return fmt.Errorf("message %d of the log is not the one that was folded", m.Seq)
		}
	}
	s.verified(info)
	return nil
}

// failed notes that a snapshot does not hold what was saved.
func (s *Snapshots) failed(info *projector.SnapshotInfo, why error) {
	if err := info.Failed(why); err != nil {
		s.logger.Warn("that a snapshot is damaged could not be noted", "path", info.Path, "error", err)
	}
}
