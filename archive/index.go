package archive

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Index returns the archive as an index of messages, so that an explanation need
// not scan the log.
func (a *Archive) Index() replay.Index { return index{a} }

type index struct{ *Archive }

const (
	// reachLimit is how long the database may take to say how far the archive goes:
	// one that is away is not waited for, since the log can be scanned.
	reachLimit = 5 * time.Second
	// findLimit bounds the search. A scan of the log takes about as long.
	findLimit = 2 * time.Minute
)

// Find finds messages in the archive, as far as that goes.
func (x index) Find(ctx context.Context, q replay.IndexQuery, last uint64) (found replay.Indexed, err error) {
	if found.UpTo, err = x.reach(ctx); err != nil {
		return found, err
	}
	found.UpTo = min(found.UpTo, last)
	ctx, cancel := context.WithTimeout(ctx, findLimit)
	defer cancel()
	by := conditionsOf(&q)
	_, err = x.reading(ctx, func(tx pgx.Tx, _ *Position) error {
		if err := wholeEvents(ctx, tx); err != nil {
			return err
		}
		// The server cannot tell how much the filters leave out, and expects little of them.
		if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
			return err
		}
		statement, arguments := by.sequences(found.UpTo)
		rows, err := tx.Query(ctx, statement, arguments...)
		if err == nil {
			found.Sequences, err = pgx.CollectRows(rows, pgx.RowTo[uint64])
		}
		if err == nil {
			found.Effects, err = by.countEffects(ctx, tx, found.UpTo)
		}
		return err
	})
	return found, err
}

// droppedMonths counts the months of which the archive keeps messages and no events.
const droppedMonths = `SELECT count(*) FROM pg_inherits m JOIN pg_class kept ON kept.oid = m.inhrelid WHERE m.inhparent = 'messages'::regclass
AND NOT EXISTS (SELECT FROM pg_inherits e JOIN pg_class part ON part.oid = e.inhrelid WHERE e.inhparent = 'events'::regclass
	AND pg_get_expr(part.relpartbound, part.oid) = pg_get_expr(kept.relpartbound, kept.oid))`

// wholeEvents fails where somebody has dropped old months of events, whose messages a
// scan still reads.
func wholeEvents(ctx context.Context, tx pgx.Tx) error {
	var dropped int
	if err := tx.QueryRow(ctx, droppedMonths).Scan(&dropped); err != nil {
		return fmt.Errorf("look for months that were dropped: %w", err)
	}
	if dropped > 0 {
		return fmt.Errorf("the events of %d months were dropped from the archive", dropped)
	}
	return nil
}

// reach is the last message of the log that the archive holds.
func (x index) reach(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	p, err := readPosition(ctx, x.pool, "")
	if err != nil {
		return 0, unavailable(err)
	}
	return p.within(x.cfg.Log)
}

// within is the last message that is archived and of this log: what an earlier life
// of it had behind the place where it was adopted is lost.
func (p *Position) within(l *eventlog.Log) (uint64, error) {
	if p.Seq == 0 || p.incarnation == l.Incarnation() {
		return p.Seq, nil
	}
	lineage := l.Lineage()
	if i := slices.IndexFunc(lineage, p.of); i >= 0 {
		return min(p.Seq, lineage[i].Last), nil
	}
	return 0, fmt.Errorf("%w: it archives log %v", ErrForeign, p.incarnation)
}

func (c *conditions) countEffects(ctx context.Context, tx pgx.Tx, last uint64) (map[readmodel.Effect]int, error) {
	counts := map[readmodel.Effect]int{}
	statement, arguments := c.effects(last)
	rows, err := tx.Query(ctx, statement, arguments...)
	if err != nil {
		return nil, err
	}
	var effect string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&effect, &n}, func() error {
		counts[readmodel.ParseEffect(effect)] = n
		return nil
	})
	return counts, err
}
