package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tidemark-io/tidemark/events"
)

// table is a table with its columns in the order in which a chunk writes them.
type table struct{ name, columns string }

var (
	messagesTable = table{"messages", "seq, stored_at, log, stored_nanos, batch_id, subject, data"}
	eventsTable   = table{"events", "seq, stored_at, time, log, idx, delta, effect, type, video_id, user_id, other_user_id, item_id, job_id, source, id, data"}
	deadTable     = table{"dead_letters", "log, seq, idx, stored_at, reason, raw"}
	auditTable    = table{"audit", "log, number, seq, idx, at, actor, action, targets, effects, retract, reason, reason_bytes, outcome, hash"}
	changesTable  = table{"counter_changes", "log, seq, idx, hour, video_id, views, likes, comments, remixes, glitches"}
	stagedTable   = table{"staged_history", "video_id, hour, views, likes, comments, remixes, glitches"}
)

// filled is a table with rows of it.
type filled struct {
	table
	rows *copyRows
}

// tables are those that the chunk adds rows to.
func (c *chunk) tables() []filled {
	return []filled{{messagesTable, &c.messages}, {eventsTable, &c.events}, {deadTable, &c.dead}, {auditTable, &c.audit}, {changesTable, &c.changes}}
}

// stageHistory makes the session's staging table: sums are added to those that
// are there, which COPY cannot.
const stageHistory = `CREATE TEMPORARY TABLE staged_history (
	video_id uuid, hour timestamptz, views bigint, likes bigint, comments bigint, remixes bigint, glitches bigint
) ON COMMIT DELETE ROWS`

// addUp adds the staged sums to the four tables of history. The first is
// ordered as its index is.
var addUp = []string{
	`INSERT INTO history_hourly AS h SELECT * FROM staged_history` + onConflict("video_id, hour"),
	`INSERT INTO history_daily AS h SELECT video_id, date_trunc('day', hour, 'UTC'), ` + staged + ` FROM staged_history GROUP BY 1, 2 ORDER BY 1, 2` + onConflict("video_id, day"),
	`INSERT INTO total_hourly AS h SELECT hour, ` + staged + ` FROM staged_history GROUP BY 1 ORDER BY 1` + onConflict("hour"),
	`INSERT INTO total_daily AS h SELECT date_trunc('day', hour, 'UTC'), ` + staged + ` FROM staged_history GROUP BY 1 ORDER BY 1` + onConflict("day"),
}

const staged = "sum(views), sum(likes), sum(comments), sum(remixes), sum(glitches)"

func onConflict(key string) string {
	return ` ON CONFLICT (` + key + `) DO UPDATE SET views = h.views + excluded.views, likes = h.likes + excluded.likes,
comments = h.comments + excluded.comments, remixes = h.remixes + excluded.remixes, glitches = h.glitches + excluded.glitches`
}

// errMoved: the position is not where this session left it.
var errMoved = errors.New("the archive's position was moved by somebody else")

// gatherSpan is how long one transaction takes full chunks: the more of them, the
// fewer rows of the history change for an event.
const gatherSpan = 2 * time.Second

// write adds a chunk, and while chunks are full those that follow, and moves the
// position past them, in one transaction. It returns a chunk to be used again.
func (s *session) write(ctx context.Context, b *buffer, c *chunk) (spare *chunk, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WriteLimit)
	defer cancel()
	first, next := c.first, s.position
	s.history.reset()
	err = pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		now, err := readPosition(ctx, tx, " FOR UPDATE OF position")
		if err != nil {
			return err
		}
		if now.log != s.position.log || now.Seq != s.position.Seq || first != now.Seq+1 {
			return fmt.Errorf("%w: it is %d, this process left it at %d", errMoved, now.Seq, s.position.Seq)
		}
		for until := s.cfg.Now().Add(gatherSpan); c != nil; {
			if err := s.add(ctx, tx, c); err != nil {
				return err
			}
			next.pass(c)
			more := c.size() >= s.cfg.ChunkBytes && s.cfg.Now().Before(until)
			spare, c = c, nil
			spare.reset(s.position.log)
			if more {
				if c, err = b.takeMore(ctx, s.cfg.Linger, spare); err != nil {
					return err
				}
			}
		}
		if err := s.addHistory(ctx, tx); err != nil {
			return err
		}
		return next.save(ctx, tx)
	})
	if err != nil {
		return nil, fmt.Errorf("archive messages from %d on: %w", first, err)
	}
	s.position = next
	return spare, nil
}

// add adds the rows of a chunk.
func (s *session) add(ctx context.Context, tx pgx.Tx, c *chunk) error {
	months := make([]month, 0, 4)
	for m := range c.months {
		months = append(months, m, m+1)
	}
	if err := ensurePartitions(ctx, tx, s.partitions, months...); err != nil {
		return err
	}
	for _, t := range c.tables() {
		if err := t.copyIn(ctx, tx.Conn().PgConn()); err != nil {
			return err
		}
	}
	s.history.addAll(&c.history)
	return nil
}

// addHistory adds what the transaction has summed up to the history.
func (s *session) addHistory(ctx context.Context, tx pgx.Tx) error {
	rows := s.history.encode()
	if rows.rows == 0 {
		return nil
	}
	if err := (filled{stagedTable, rows}).copyIn(ctx, tx.Conn().PgConn()); err != nil {
		return err
	}
	return addStaged(ctx, tx)
}

// addStaged adds what is staged to the history.
func addStaged(ctx context.Context, tx pgx.Tx) error {
	for _, sql := range addUp {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("add up the history: %w", err)
		}
	}
	return nil
}

// pass moves the position past a chunk.
func (p *Position) pass(c *chunk) {
	p.Seq, p.Events, p.Stored = c.last.Seq, p.Events+uint64(c.count), c.last.Stored
	p.batchID, p.fingerprint = c.last.BatchID, append([]byte{}, c.digest[:]...)
}

func (p *Position) save(ctx context.Context, tx pgx.Tx) error {
	stored := pgtype.Timestamptz{Time: events.TimeOf(p.Stored).Std(), Valid: true}
	_, err := tx.Exec(ctx, `UPDATE position SET seq = $1, events = $2, stored_at = $3, batch_id = $4, fingerprint = $5, updated_at = now()`,
		p.Seq, p.Events, stored, []byte(p.batchID), p.fingerprint)
	if err != nil {
		return fmt.Errorf("move the archive's position: %w", err)
	}
	return nil
}

// copyIn adds the rows to their table.
func (f filled) copyIn(ctx context.Context, conn *pgconn.PgConn) error {
	if f.rows.rows == 0 {
		return nil
	}
	tag, err := conn.CopyFrom(ctx, f.rows.reader(), fmt.Sprintf("COPY %s (%s) FROM STDIN BINARY", f.name, f.columns))
	if err != nil {
		return fmt.Errorf("copy rows of table %s: %w", f.name, err)
	}
	if tag.RowsAffected() != int64(f.rows.rows) {
		return fmt.Errorf("copy rows of table %s: %d of %d arrived", f.name, tag.RowsAffected(), f.rows.rows)
	}
	return nil
}
