package archive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// follow goes over to the log's present incarnation where the archive is of an
// earlier one. What it holds of messages that the log has lost stays, as what was
// once acknowledged, and counts no more: the position goes back to where that life
// of the log ended, and the history with it.
func (s *session) follow(ctx context.Context) error {
	p := &s.position
	at := slices.IndexFunc(s.cfg.Log.Lineage(), p.of)
	if p.incarnation == s.cfg.Log.Incarnation() || at < 0 {
		return nil // compare judges that
	}
	ended := s.cfg.Log.Lineage()[at].Last
	lost := p.Seq > ended
	err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		if lost {
			if err := s.retreat(ctx, tx, ended); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE logs SET last_seq = $1 WHERE log = $2", p.Seq, p.log); err != nil {
			return err
		}
		incarnation := s.cfg.Log.Incarnation()
		err := tx.QueryRow(ctx, "INSERT INTO logs (incarnation, first_seq) VALUES ($1, $2) RETURNING log",
			pgtype.UUID{Bytes: incarnation, Valid: true}, p.Seq+1).Scan(&p.log)
		if err != nil {
			return err
		}
		p.incarnation = incarnation
		if _, err := tx.Exec(ctx, "UPDATE position SET log = $1", p.log); err != nil {
			return err
		}
		return p.save(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("go over to the adopted log: %w", err)
	}
	s.leaveFold() // its rows are of that life
	s.cfg.Logger.Warn("the archive goes on with the adopted log", "position", p.Seq, "incarnation", p.incarnation.String(), "lost_messages", lost)
	return nil
}

// said stages what messages from one to another say of the history, once or as often
// as is given: -1 undoes it.
const said = `INSERT INTO staged_history
SELECT video_id, hour, $4 * sum(views), $4 * sum(likes), $4 * sum(comments), $4 * sum(remixes), $4 * sum(glitches) FROM (
	SELECT video_id, date_trunc('hour', time, 'UTC') AS hour,
		CASE WHEN type = 'video.viewed' THEN delta ELSE 0 END AS views,
		CASE WHEN type IN ('video.liked', 'video.unliked') THEN delta ELSE 0 END AS likes,
		CASE WHEN type LIKE 'comment.%' THEN delta ELSE 0 END AS comments,
		CASE WHEN type LIKE 'remix.%' THEN delta ELSE 0 END AS remixes,
		CASE WHEN type LIKE 'glitch.%' THEN delta ELSE 0 END AS glitches
	FROM events WHERE log = $1 AND seq BETWEEN $2 AND $3 AND delta <> 0
	UNION ALL
	SELECT video_id, hour, views, likes, comments, remixes, glitches FROM counter_changes WHERE log = $1 AND seq BETWEEN $2 AND $3
) AS said GROUP BY video_id, hour ORDER BY video_id, hour`

// retreat puts the position back to a message, and the history with it.
func (s *session) retreat(ctx context.Context, tx pgx.Tx, to uint64) error {
	p := &s.position
	if _, err := tx.Exec(ctx, said, p.log, to+1, math.MaxInt64, -1); err != nil {
		return fmt.Errorf("take lost messages out of the history: %w", err)
	}
	if err := addUp(ctx, tx, stagedTable.name); err != nil {
		return err
	}
	var gone uint64
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM events WHERE log = $1 AND seq > $2", p.log, to).Scan(&gone); err != nil {
		return err
	}
	p.Seq, p.Events = to, p.Events-gone
	p.rejudge.retreat(to)
	p.batchID, p.fingerprint = "", nil
	page, err := source{s.Archive}.page(ctx, to, to)
	if err != nil || len(page) == 0 {
		return err // with nothing left there is nothing to compare with
	}
	sum := sha256.Sum256(page[0].Data)
	p.Stored, p.batchID, p.fingerprint = page[0].Stored, page[0].BatchID, sum[:]
	return nil
}
