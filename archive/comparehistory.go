package archive

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// history compares the history, which is of the position up to which rows have
// been compared, with the counters: by videos and in total, by hours and days.
func (c *comparison) history(ctx context.Context, tx pgx.Tx) error {
	var total readmodel.Counts
	counted := 0 // videos
	for number := range c.model.Videos.Len() {
		counts := c.counts(uint32(number))
		if counts != (readmodel.Counts{}) {
			counted++
		}
		for i, n := range counts {
			total[i] += n
		}
	}
	for _, table := range []string{"history_hourly", "history_daily"} {
		if err := c.sums(ctx, tx, table, "video_id", counted, c.ofVideo); err != nil {
			return err
		}
	}
	all := 0
	if total != (readmodel.Counts{}) {
		all = 1
	}
	for _, table := range []string{"total_hourly", "total_daily"} {
		if err := c.sums(ctx, tx, table, allVideos, all, func([16]byte) readmodel.Counts { return total }); err != nil {
			return err
		}
	}
	return nil
}

// allVideos stands for the video where a table is of all together.
const allVideos = "'00000000-0000-0000-0000-000000000000'::uuid"

// sums compares what a table adds up to, for so many videos that count anything.
func (c *comparison) sums(ctx context.Context, tx pgx.Tx, table, video string, missing int, want func([16]byte) readmodel.Counts) error {
	rows, err := tx.Query(ctx, "SELECT "+video+` AS video, sum(views)::bigint, sum(likes)::bigint, sum(comments)::bigint, sum(remixes)::bigint, sum(glitches)::bigint
FROM `+table+" GROUP BY video")
	if err != nil {
		return err
	}
	var id [16]byte
	var n readmodel.Counts
	_, err = pgx.ForEachRow(rows, []any{&id, &n[0], &n[1], &n[2], &n[3], &n[4]}, func() error {
		should := want(id)
		if should != (readmodel.Counts{}) {
			missing--
		}
		if n != should {
			c.result.Differ(table, events.VideoID(id).String(), fmt.Sprintf("adds up to %v, the counters are %v", n, should))
		}
		return nil
	})
	if err == nil && missing > 0 {
		c.result.Differ(table, "", fmt.Sprintf("%d videos are missing", missing))
	}
	return err
}

func (c *comparison) ofVideo(id [16]byte) (counts readmodel.Counts) {
	if number, ok := c.model.Videos.Find(id); ok {
		return c.counts(number)
	}
	return counts
}

func (c *comparison) counts(number uint32) readmodel.Counts {
	var slot readmodel.Slot
	c.model.Videos.Read(number, &slot)
	return slot.Counts
}
