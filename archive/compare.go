package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Compare compares every row of the archive with what it should be: it folds the
// log (of what that has forgotten, the archive's own messages), makes the rows of it
// as if they were archived now, and reads those that are there. In the end the history
// is compared with the counters of that fold, which begin begins, in memory or on disk.
// progress is called with each message.
//
// Rows of months whose events were dropped are not missed; those that an adopted
// log has lost are left alone.
func (a *Archive) Compare(ctx context.Context, begin replay.BeginFunc, progress func(seq uint64, events int) error) (_ *replay.ArchiveResult, err error) {
	c := &comparison{Archive: a, result: &replay.ArchiveResult{Differences: []replay.ArchiveDifference{}}, next: 1, want: newChunk(), progress: progress}
	if c.fold, err = begin(projector.FoldOptions{Judge: func(j *projector.Judgement) { c.judged = j }}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.fold.Close()) }()
	c.model = c.fold.Model()
	conn, err := a.pool.Acquire(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	defer conn.Release()
	if err := c.begin(ctx, conn.Conn()); err != nil {
		return nil, err
	}
	position, err := readPosition(ctx, conn, "")
	if err != nil {
		return nil, unavailable(err)
	}
	if err := c.upTo(ctx, conn.Conn(), position.Seq); err != nil {
		return nil, err
	}
	// The history is that of one moment, so the rest is compared in a transaction that
	// sees it; it is short, and keeps the server from nothing.
	c.result.Last, err = a.reading(ctx, func(tx pgx.Tx, at *Position) error {
		if err := c.upTo(ctx, tx.Conn(), at.Seq); err != nil {
			return err
		}
		return c.fold.Guard(func() error { return c.history(ctx, tx) })
	})
	return c.result, err
}

// comparison is a comparison of the archive with the log under way.
type comparison struct {
	*Archive
	result   *replay.ArchiveResult
	progress func(seq uint64, events int) error
	model    *readmodel.Model
	fold     replay.Folding
	judged   *projector.Judgement // of the last message folded
	lives    []life
	months   map[month]struct{} // whose events are there
	next     uint64             // message
	want     *chunk             // the rows that should be there, of some messages
	got      bytes.Buffer
}

// life is what messages of the log count that were written in one of its lives.
type life struct {
	log         int16
	first, last uint64
}

// livesOf are the lives of the log, oldest first.
func livesOf(ctx context.Context, q querier) (lives []life, err error) {
	rows, err := q.Query(ctx, "SELECT log, first_seq, coalesce(last_seq, 9223372036854775807) FROM logs ORDER BY log")
	if err == nil {
		lives, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l life, err error) {
			err = row.Scan(&l.log, &l.first, &l.last)
			return l, err
		})
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return lives, nil
}

func (c *comparison) begin(ctx context.Context, conn *pgx.Conn) (err error) {
	if c.lives, err = livesOf(ctx, conn); err != nil {
		return err
	}
	var names []string
	rows, err := conn.Query(ctx, "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'events'::regclass")
	if err == nil {
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return unavailable(err)
	}
	c.months = map[month]struct{}{}
	for _, name := range names {
		if m, ok := monthNamed(name); ok {
			c.months[m] = struct{}{}
		}
	}
	return nil
}

// upTo compares the rows of messages from the next one to the last one given.
func (c *comparison) upTo(ctx context.Context, conn *pgx.Conn, last uint64) error {
	for _, l := range c.lives {
		if c.next < l.first || c.next > min(l.last, last) {
			continue
		}
		c.want.reset(l.log)
		err := c.Whole().Read(ctx, c.next, min(l.last, last), func(m eventlog.Message) error {
			if err := c.add(&m); err != nil {
				return err
			}
			if c.want.size() < c.cfg.ChunkBytes {
				return nil
			}
			return c.flush(ctx, conn)
		})
		if err == nil {
			err = c.flush(ctx, conn)
		}
		if err != nil {
			return fmt.Errorf("compare the archive from message %d on: %w", c.next, err)
		}
	}
	return nil
}

// add adds the rows that should be there of a message.
func (c *comparison) add(m *eventlog.Message) error {
	if err := c.fold.Message(*m); err != nil {
		return err
	}
	before := c.want.events
	if err := c.want.add(m, c.judged); err != nil {
		return err
	}
	if _, kept := c.months[monthOf(m.Stored)]; !kept {
		c.want.events.b, c.want.events.rows = c.want.events.b[:len(before.b)], before.rows
	}
	return c.progress(m.Seq, len(c.judged.Verdicts))
}

// flush compares the rows that should be there with those that are.
func (c *comparison) flush(ctx context.Context, conn *pgx.Conn) error {
	if c.want.first == 0 {
		return nil
	}
	for _, t := range c.want.tables() {
		if err := c.want.compare(ctx, conn, t, &c.got, c.result); err != nil {
			return err
		}
		c.result.Rows += int64(t.rows.rows)
	}
	c.next = c.want.last.Seq + 1
	c.want.reset(c.want.log)
	return nil
}

// compare compares the chunk's rows of a table with those that are there.
func (c *chunk) compare(ctx context.Context, conn *pgx.Conn, t filled, got *bytes.Buffer, result *replay.ArchiveResult) error {
	got.Reset()
	sql := fmt.Sprintf("COPY (SELECT %s FROM %s WHERE log = %d AND seq BETWEEN %d AND %d ORDER BY %s) TO STDOUT BINARY",
		t.columns, t.name, c.log, c.first, c.last.Seq, t.order())
	ctx, cancel := context.WithTimeout(ctx, defaultPageLimit)
	defer cancel()
	if _, err := conn.PgConn().CopyTo(ctx, got, sql); err != nil {
		return unavailable(fmt.Errorf("read table %s: %w", t.name, err))
	}
	return t.differences(got.Bytes(), result)
}
