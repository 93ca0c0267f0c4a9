package archive

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// readLimit bounds a question that a request waits for.
const readLimit = 10 * time.Second

// EachBucket calls fn with the changes of a video's counters, or of all together
// where video is nil, in each hour or day that begins from the one time on and
// before the other, oldest first. It returns the last message archived.
func (a *Archive) EachBucket(ctx context.Context, video *events.VideoID, day bool, from, to events.Time,
	fn func(start events.Time, changes *readmodel.Counts),
) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	table, bucket := "hourly", "hour"
	if day {
		table, bucket = "daily", "day"
	}
	const sums = ", views, likes, comments, remixes, glitches FROM "
	question, args := "SELECT "+bucket+sums+"total_"+table+" WHERE "+bucket+" >= $1 AND "+bucket+" < $2", []any{from.Std(), to.Std()}
	if video != nil {
		question = "SELECT " + bucket + sums + "history_" + table + " WHERE " + bucket + " >= $1 AND " + bucket + " < $2 AND video_id = $3"
		args = append(args, [16]byte(*video))
	}
	return a.reading(ctx, func(tx pgx.Tx, _ *Position) error {
		rows, err := tx.Query(ctx, question+" ORDER BY "+bucket, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var start time.Time
			var n readmodel.Counts
			if err := rows.Scan(&start, &n[0], &n[1], &n[2], &n[3], &n[4]); err != nil {
				return err
			}
			if n != (readmodel.Counts{}) {
				fn(events.TimeOf(start), &n)
			}
		}
		return rows.Err()
	})
}
