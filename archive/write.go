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
const stageHistory = `CREATE TEMPORARY TABLE IF NOT EXISTS staged_history (
	video_id uuid, hour timestamptz, views bigint, likes bigint, comments bigint, remixes bigint, glitches bigint
) ON COMMIT DELETE ROWS`

// addTo adds sums of hours, from a table of them, to the four tables of history. The
// first is ordered as its index is.
var addTo = [...]struct{ before, after string }{
	{`INSERT INTO history_hourly AS h SELECT * FROM `, onConflict("video_id, hour")},
	{`INSERT INTO history_daily AS h SELECT video_id, date_trunc('day', hour, 'UTC'), ` + staged + ` FROM `, ` GROUP BY 1, 2 ORDER BY 1, 2` + onConflict("video_id, day")},
	{`INSERT INTO total_hourly AS h SELECT hour, ` + staged + ` FROM `, ` GROUP BY 1 ORDER BY 1` + onConflict("hour")},
	{`INSERT INTO total_daily AS h SELECT date_trunc('day', hour, 'UTC'), ` + staged + ` FROM `, ` GROUP BY 1 ORDER BY 1` + onConflict("day")},
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
	first := c.first
	s.history.reset()
	err = s.move(ctx, s.conn, s.cfg.WriteLimit, func(ctx context.Context, tx pgx.Tx, next *Position) error {
		if first != next.Seq+1 {
			return fmt.Errorf("%w: it is %d, and message %d comes next", errMoved, next.Seq, first)
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
		return s.addHistory(ctx, tx)
	})
	if err != nil {
		return nil, fmt.Errorf("archive messages from %d on: %w", first, err)
	}
	return spare, nil
}

// move has fn change the archive and its position in one transaction. It fails with
// errMoved where the position is not where this session left it. Who judges anew takes
// turns with who archives, whose time does not run meanwhile: it is no fault of the
// server's. However long the transaction may take, it waits for no lock longer than
// WriteLimit.
func (s *session) move(ctx context.Context, on *pgx.Conn, limit time.Duration, fn func(ctx context.Context, tx pgx.Tx, next *Position) error) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var next Position
	begin := pgx.TxOptions{BeginQuery: fmt.Sprintf("BEGIN; SET LOCAL lock_timeout = %d", s.cfg.WriteLimit.Milliseconds())}
	err := pgx.BeginTxFunc(ctx, on, begin, func(tx pgx.Tx) (err error) {
		if next, err = readPosition(ctx, tx, " FOR UPDATE OF position"); err != nil {
			return err
		}
		if next.log != s.position.log || next.Seq != s.position.Seq {
			return fmt.Errorf("%w: it is %d, this process left it at %d", errMoved, next.Seq, s.position.Seq)
		}
		if err := fn(ctx, tx, &next); err != nil {
			return err
		}
		return next.save(ctx, tx)
	})
	if err != nil {
		return err
	}
	if next.Seq != s.position.Seq || next.fold != s.position.fold {
		s.position = next // who archives has moved it, and looks at it without a lock
	}
	s.note(next)
	s.tellDoubt(&next)
	return nil
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
	return addUp(ctx, tx, stagedTable.name)
}

// addUp adds the sums of a table to the history.
func addUp(ctx context.Context, tx pgx.Tx, sums string) error {
	for _, add := range addTo {
		if _, err := tx.Exec(ctx, add.before+sums+add.after); err != nil {
			return fmt.Errorf("add up the history: %w", err)
		}
	}
	return nil
}

// pass moves the position past a chunk.
func (p *Position) pass(c *chunk) {
	p.judgedBy(c.folds[0])
	if c.other > 0 {
		p.rejudge.upTo(c.other)
	}
	p.fold = c.folds[1]
	p.Seq, p.Events, p.Stored = c.last.Seq, p.Events+uint64(c.count), c.last.Stored
	p.batchID, p.fingerprint = c.last.BatchID, append([]byte{}, c.digest[:]...)
}

func (p *Position) save(ctx context.Context, tx pgx.Tx) error {
	stored := pgtype.Timestamptz{Time: events.TimeOf(p.Stored).Std(), Valid: true}
	_, err := tx.Exec(ctx, `UPDATE position SET seq = $1, events = $2, stored_at = $3, batch_id = $4, fingerprint = $5, updated_at = now(),
fold_version = $6, fold_epoch = $7, rejudge_to = $8, rejudged = $9, rejudged_by = $10`,
		p.Seq, p.Events, stored, []byte(p.batchID), p.fingerprint, p.fold.Version, p.fold.Epoch, p.rejudge.to, p.rejudge.done, p.rejudge.by)
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
