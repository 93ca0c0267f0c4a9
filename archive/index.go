package archive

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/projector/replay"
)

// Index returns the archive as an index of messages, so that an explanation need
// not scan the log.
func (a *Archive) Index() replay.Index { return index{a} }

type index struct{ *Archive }

// findSequences looks for each kind by itself: what is asked for is little.
// A dead letter has no columns, and names by its bytes what it may have meant.
const findSequences = `SELECT seq FROM (
	SELECT log, seq FROM events WHERE video_id = ANY($1)
	UNION SELECT log, seq FROM events WHERE user_id = ANY($2)
	UNION SELECT log, seq FROM events WHERE other_user_id = ANY($2)
	UNION SELECT log, seq FROM events WHERE job_id = ANY($3)
	UNION SELECT log, seq FROM events WHERE id = ANY($4)
	UNION SELECT log, seq FROM dead_letters WHERE EXISTS (SELECT FROM unnest($5::bytea[]) AS entity WHERE position(entity IN raw) > 0)
	UNION SELECT log, seq FROM events WHERE type = ANY($6)
) AS found JOIN logs USING (log) WHERE seq <= $7 AND (last_seq IS NULL OR seq <= last_seq) ORDER BY seq`

// Sequences returns the sequences of messages that bear on the query, up to last.
// What is not archived yet it names as a whole: there is little of it.
func (x index) Sequences(ctx context.Context, q replay.IndexQuery, last uint64) ([]uint64, error) {
	var videos, users, jobs [][16]byte
	var raw [][]byte
	for _, e := range q.Entities {
		switch e.Kind {
		case replay.KindVideo:
			videos = append(videos, e.ID)
		case replay.KindUser:
			users = append(users, e.ID)
		case replay.KindJob:
			jobs = append(jobs, e.ID)
		}
		raw = append(raw, e.ID[:])
	}
	var ids, types []string
	for i := range q.Identities {
		ids = append(ids, strings.ReplaceAll(string(q.Identities[i].ID), "\x00", "\uFFFD"))
	}
	for _, t := range q.Types {
		types = append(types, t.String())
	}
	var found []uint64
	archived, err := x.reading(ctx, func(tx pgx.Tx, archived uint64) error {
		// The server cannot tell how much the filters leave out, and expects little of them.
		if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, findSequences, videos, users, jobs, ids, raw, types, min(last, archived))
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowTo[uint64])
		return err
	})
	if err != nil {
		return nil, err
	}
	found = slices.Compact(found)
	for seq := archived + 1; seq <= last; seq++ {
		found = append(found, seq)
	}
	return found, nil
}
