package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Kinds of who keeps messages in the log beside read models, which are projector's.
const (
	ByAge      projector.NeededBy = "age"      // they are not old enough
	ByArchive  projector.NeededBy = "archive"  // which does not have them yet
	BySnapshot projector.NeededBy = "snapshot" // the newest that holds does not hold them, or none does
)

// claimed is who keeps most of a log that begins at message first, as far as the
// snapshots say themselves: to read one takes its time, and often there is nothing to trim.
func (c *cycle) claimed(ctx context.Context, first uint64) (projector.Need, error) {
	var standby *replay.Standby
	if c.cfg.Snapshots != nil && c.standby == nil {
		var err error
		if standby, err = c.cfg.Snapshots.Standby(c.cfg.Log, first); err != nil {
			return projector.Need{}, err
		}
	}
	return c.most(ctx, cmp.Or(c.standby, standby))
}

// verified is who keeps most of it by a snapshot that was read in this cycle, and holds.
func (c *cycle) verified(ctx context.Context, first uint64) (projector.Need, error) {
	if c.cfg.Snapshots != nil && c.standby == nil {
		found, err := c.cfg.Snapshots.Verified(ctx, c.cfg.Log, first)
		if err != nil {
			return projector.Need{}, err
		}
		damaged := func(err error) bool { return errors.Is(err, projector.ErrSnapshotDamaged) }
		if c.cfg.Renew != nil && slices.ContainsFunc(found.PassedOver, damaged) {
			c.cfg.Renew()
		}
		c.standby = found
		c.read += found.Took
	}
	return c.most(ctx, c.standby)
}

// stands reports whether the snapshot that was read holds still. Where it does not,
// the log is kept until another one was read.
func (c *cycle) stands(first uint64) (bool, error) {
	if c.standby == nil {
		return true, nil
	}
	stands, err := c.cfg.Snapshots.Stands(c.cfg.Log, first, c.standby)
	if err == nil && !stands {
		c.held = projector.Need{Seq: first, By: BySnapshot, Why: fmt.Sprintf("the snapshot of message %d, which held and does not any more", c.standby.Seq)}
	}
	return stands, err
}

// most is who keeps most of the log. Of several that keep as much, it is the first here.
func (c *cycle) most(ctx context.Context, standby *replay.Standby) (projector.Need, error) {
	old, err := replay.Point{Time: c.cfg.Now().Add(-c.cfg.Keep)}.Find(ctx, replay.FromLog(c.cfg.Log))
	if err != nil {
		return projector.Need{}, err
	}
	needed, err := c.needed()
	if err != nil {
		return projector.Need{}, err
	}
	holds := []projector.Need{{Seq: old + 1, By: ByAge, Why: fmt.Sprintf("their age, which is below %v", c.cfg.Keep)}}
	if standby != nil {
		holds = append(holds, heldBy(standby))
	}
	if c.cfg.Archive != nil {
		_, archived, err := c.cfg.Archive.Bounds(ctx)
		if err != nil {
			return projector.Need{}, fmt.Errorf("ask the archive what it has: %w", err)
		}
		holds = append(holds, projector.Need{Seq: archived + 1, By: ByArchive, Why: fmt.Sprintf("the archive, which has messages up to %d", archived)})
	}
	if c.cfg.Archive == nil && standby == nil {
		holds = append(holds, projector.Need{By: BySnapshot, Why: "want of an archive and of snapshots"})
	}
	holds = append(holds, needed)
	return slices.MinFunc(holds, func(a, b projector.Need) int { return cmp.Compare(a.Seq, b.Seq) }), nil
}

// heldBy keeps the message that the snapshot ends with: a read model that is made of it
// knows the log by that one.
func heldBy(s *replay.Standby) projector.Need {
	if s.Seq > 0 {
		return projector.Need{Seq: s.Seq, By: BySnapshot, Why: fmt.Sprintf("the snapshot of message %d, the newest that holds", s.Seq)}
	}
	why := "want of a snapshot that holds"
	for _, err := range s.PassedOver {
		why += "; " + err.Error()
	}
	return projector.Need{By: BySnapshot, Why: why}
}

// needed is which read model needs most of the log.
func (r *Retention) needed() (projector.Need, error) {
	needs, err := r.cfg.Needs()
	if err != nil {
		return projector.Need{}, fmt.Errorf("ask what the read models need of the log: %w", err)
	}
	return slices.MinFunc(needs, func(a, b projector.Need) int { return cmp.Compare(a.Seq, b.Seq) }), nil
}
