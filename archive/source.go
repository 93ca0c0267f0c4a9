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

// span is what of one log's life counts.
type span struct {
	log         int16
	first, last uint64
}

// spans lists them, oldest first: each life of the log up to where the next began.
func (s source) spans(ctx context.Context) (list []span, err error) {
	rows, err := s.pool.Query(ctx, `SELECT logs.log, greatest(first_seq, coalesce((SELECT min(seq) FROM messages WHERE messages.log = logs.log), 1)),
	CASE WHEN logs.log = position.log THEN position.seq ELSE last_seq END
FROM logs, position ORDER BY logs.log`)
	if err != nil {
		return nil, unavailable(err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p span, err error) {
		err = row.Scan(&p.log, &p.first, &p.last)
		return p, err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return list, nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

func (s source) Bounds(ctx context.Context) (first, last uint64, err error) {
	list, err := s.spans(ctx)
	if err != nil || len(list) == 0 {
		return 1, 0, err
	}
	return list[0].first, list[len(list)-1].last, nil
}

func (s source) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	list, err := s.spans(ctx)
	if err != nil {
		return err
	}
	next := max(from, 1)
	for _, p := range list {
		if next > to || next > p.last {
			continue
		}
		if next < p.first {
			break
		}
		if next, err = s.readSpan(ctx, p.log, next, min(to, p.last), fn); err != nil {
			return err
		}
	}
	if next <= to {
		first, last, err := s.Bounds(ctx)
		if err != nil {
			return err
		}
		return &replay.GapError{Need: next, First: first, Last: last}
	}
	return nil
}

// pageMessages bounds what one question answers: a reader that is slow must not
// keep the server from cleaning up.
const pageMessages = 2048

// readSpan reads messages of one life of the log and returns what comes next.
func (s source) readSpan(ctx context.Context, log int16, next, to uint64, fn func(eventlog.Message) error) (uint64, error) {
	for next <= to {
		page, err := s.page(ctx, log, next, min(to, next+pageMessages-1))
		if err != nil {
			return next, err
		}
		for _, m := range page {
			if m.Seq != next {
				break
			}
			if err := fn(m); err != nil {
				return next, err
			}
			next++
		}
		if len(page) == 0 || page[len(page)-1].Seq != next-1 {
			return next, fmt.Errorf("%w: message %d is not there although later ones are; restore the whole schema from one backup", ErrDamaged, next)
		}
	}
	return next, nil
}

func (s source) page(ctx context.Context, log int16, from, to uint64) ([]eventlog.Message, error) {
	rows, err := s.pool.Query(ctx, `SELECT seq, stored_at, stored_nanos, batch_id, subject, data
FROM messages WHERE log = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq`, log, from, to)
	if err != nil {
		return nil, unavailable(err)
	}
	page, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m eventlog.Message, err error) {
		var batchID, subject []byte
		var nanos int16
		err = row.Scan(&m.Seq, &m.Stored, &nanos, &batchID, &subject, &m.Data)
		m.Stored = m.Stored.Add(time.Duration(nanos)).UTC()
		m.BatchID, m.Subject = string(batchID), string(subject)
		if subject == nil {
			m.Subject = eventlog.BatchSubject
		}
		return m, err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return page, nil
}
