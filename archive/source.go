package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Source returns the archive as a source of messages. It holds what was
// archived when it is asked, and does not wait for more.
func (a *Archive) Source() replay.Source { return source{a} }

type source struct{ *Archive }

// counted joins messages with the lives of the log, each up to where the next
// began.
const counted = ` FROM messages JOIN logs USING (log) WHERE seq >= first_seq AND (last_seq IS NULL OR seq <= last_seq)`

// findBounds looks for the first message of each life of the log by the index.
const findBounds = `SELECT coalesce(min(begins), 1), coalesce((SELECT seq FROM position), 0) FROM (
	SELECT (SELECT seq FROM messages WHERE messages.log = logs.log AND seq >= first_seq AND (last_seq IS NULL OR seq <= last_seq) ORDER BY seq LIMIT 1) AS begins
	FROM logs
) AS lives`

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

// asking calls fn, which asks the server, and gives up with ErrUnavailable where that says
// nothing for PageLimit: it stands still, or somebody has locked a table.
func (a *Archive) asking(ctx context.Context, fn func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, a.cfg.PageLimit)
	defer cancel()
	err := fn(bounded)
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && bounded.Err() != nil:
		err = fmt.Errorf("it has not answered for %v: %w", a.cfg.PageLimit, err)
	}
	return unavailable(err)
}

func (s source) Bounds(ctx context.Context) (first, last uint64, err error) {
	err = s.asking(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, findBounds).Scan(&first, &last)
	})
	return first, last, err
}

func (s source) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	for next := max(from, 1); next <= to; {
		page, err := s.page(ctx, next, min(to, next+pageMessages-1))
		if err != nil {
			return err
		}
		if len(page) == 0 || page[0].Seq != next {
			return s.missing(ctx, next)
		}
		for _, m := range page {
			if m.Seq != next {
				break // the next page begins with it, and is not there
			}
			if err := fn(m); err != nil {
				return err
			}
			next++
		}
	}
	return nil
}

// missing says why a message is not there.
func (s source) missing(ctx context.Context, seq uint64) error {
	first, last, err := s.Bounds(ctx)
	if err != nil {
		return err
	}
	if seq >= first && seq <= last {
		return fmt.Errorf("%w: message %d is not there although later ones are; restore the whole schema from one backup", ErrDamaged, seq)
	}
	return &replay.GapError{Need: seq, First: first, Last: last}
}

// pageMessages and pageBytes bound what one question answers: a reader that is slow must
// not keep the server from cleaning up, and a line that is slow has to bring it within
// PageLimit. A message more than pageBytes may come.
const (
	pageMessages = 1024
	pageBytes    = 8 << 20
)

// selectPage asks no message for more than its size before it is in the page.
const selectPage = `SELECT seq, stored_at, stored_nanos, batch_id, subject, data FROM (
	SELECT seq, stored_at, stored_nanos, batch_id, subject, data, sum(length(data)) OVER (ORDER BY seq) - length(data) AS before` + counted + ` AND seq BETWEEN $1 AND $2
) AS page WHERE before < $3 ORDER BY seq`

// page reads messages, the first ones of those asked for, one at least if it is there.
func (s source) page(ctx context.Context, from, to uint64) (page []eventlog.Message, err error) {
	err = s.asking(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, selectPage, from, to, pageBytes)
		if err == nil {
			page, err = pgx.CollectRows(rows, scanMessage)
		}
		return err
	})
	return page, err
}

func scanMessage(row pgx.CollectableRow) (m eventlog.Message, err error) {
	var batchID, subject []byte
	var nanos int16
	err = row.Scan(&m.Seq, &m.Stored, &nanos, &batchID, &subject, &m.Data)
	m.Stored = m.Stored.Add(time.Duration(nanos)).UTC()
	m.BatchID, m.Subject = string(batchID), string(subject)
	if subject == nil {
		m.Subject = eventlog.BatchSubject
	}
	return m, err
}
