package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
)

// Position is how far the archive has come.
type Position struct {
	// Seq is the last message archived; 0 before the first.
	Seq uint64
	// Events counts the events archived in all.
	Events uint64
	// Stored is when the log appended that message.
	Stored time.Time

	log         int16
	incarnation events.Incarnation
	batchID     string
	fingerprint []byte

	fold    projector.FoldID // judged that message
	rejudge rejudge
}

// Incarnation names the log that is archived; zero where nothing is known.
func (p *Position) Incarnation() events.Incarnation { return p.incarnation }

// querier is a connection, a transaction or a pool.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const selectPosition = `SELECT seq, events, stored_at, position.log, incarnation, batch_id, fingerprint, fold_version, fold_epoch, rejudge_to, rejudged, rejudged_by
FROM position JOIN logs ON logs.log = position.log`

// readPosition reads the position; the zero one where nothing was ever archived.
func readPosition(ctx context.Context, q querier, suffix string) (Position, error) {
	var p Position
	var stored pgtype.Timestamptz
	var batchID []byte
	var incarnation pgtype.UUID
	err := q.QueryRow(ctx, selectPosition+suffix).Scan(&p.Seq, &p.Events, &stored, &p.log, &incarnation, &batchID, &p.fingerprint,
		&p.fold.Version, &p.fold.Epoch, &p.rejudge.to, &p.rejudge.done, &p.rejudge.by)
	if errors.Is(err, pgx.ErrNoRows) {
		return Position{}, nil
	}
	if err != nil {
		return p, fmt.Errorf("read the archive's position: %w", err)
	}
	p.Stored, p.incarnation, p.batchID = stored.Time.UTC(), incarnation.Bytes, string(batchID)
	return p, nil
}

// begin makes the rows of a schema in which nothing was archived yet.
func (p *Position) begin(ctx context.Context, conn *pgx.Conn, incarnation events.Incarnation) error {
	var rows bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM messages)").Scan(&rows); err != nil {
		return fmt.Errorf("look for messages in the archive: %w", err)
	}
	if rows {
		return fmt.Errorf("%w: it has messages and no position; restore the whole schema from one backup, or drop it to archive anew", ErrDamaged)
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "INSERT INTO logs (incarnation) VALUES ($1) RETURNING log", pgtype.UUID{Bytes: incarnation, Valid: true}).Scan(&p.log)
		if err == nil {
			_, err = tx.Exec(ctx, "INSERT INTO position (log, seq, events) VALUES ($1, 0, 0)", p.log)
		}
		if err != nil {
			return fmt.Errorf("begin the archive: %w", err)
		}
		p.incarnation = incarnation
		return nil
	})
}

// takeEmpty takes over a schema that another log has begun and archived nothing into: one
// that was tried, and its data directory thrown away.
func (p *Position) takeEmpty(ctx context.Context, conn *pgx.Conn, l *eventlog.Log) error {
	if p.Seq > 0 || p.incarnation == l.Incarnation() || slices.ContainsFunc(l.Lineage(), p.of) {
		return nil
	}
	tag, err := conn.Exec(ctx, `UPDATE logs SET incarnation = $1 WHERE log = $2 AND NOT EXISTS (SELECT FROM messages) AND NOT EXISTS (SELECT FROM logs WHERE log <> $2)`,
		pgtype.UUID{Bytes: l.Incarnation(), Valid: true}, p.log)
	if err != nil {
		return fmt.Errorf("take over an empty archive: %w", err)
	}
	if tag.RowsAffected() == 1 {
		p.incarnation = l.Incarnation()
	}
	return nil
}

// of reports whether what is archived was written under that incarnation.
func (p *Position) of(a events.Ancestor) bool { return a.Incarnation == p.incarnation }

// compare fails with ErrForeign where the archive's last message is not the
// log's message of that sequence.
func (p *Position) compare(ctx context.Context, l *eventlog.Log) error {
	if p.incarnation != l.Incarnation() && !slices.ContainsFunc(l.Lineage(), p.of) {
		return fmt.Errorf("%w: it archives log %v, this one is %v; use another --postgres-schema or database, or bring the right log back",
			ErrForeign, p.incarnation, l.Incarnation())
	}
	if p.Seq == 0 {
		return nil
	}
	_, last, err := l.Bounds(ctx)
	if err != nil {
		return err
	}
	if p.Seq > last {
		return fmt.Errorf("%w: it has messages up to %d, and the log ends at %d: the log has lost its end or is an older copy; restore it, or adopt it as a new one with: tidemark replay log adopt",
			ErrForeign, p.Seq, last)
	}
	m, err := l.Message(ctx, p.Seq)
	switch {
	case errors.Is(err, eventlog.ErrMessageMissing), errors.Is(err, eventlog.ErrMessageUnreadable):
		return nil // trimmed or damaged: nothing to compare with
	case err != nil:
		return err
	}
	if sum := sha256.Sum256(m.Data); m.BatchID != p.batchID || string(sum[:]) != string(p.fingerprint) {
		return fmt.Errorf("%w: message %d is batch %q here and batch %q in the log: the log was restored and written to since; adopt it as a new one with: tidemark replay log adopt",
			ErrForeign, p.Seq, p.batchID, m.BatchID)
	}
	return nil
}
