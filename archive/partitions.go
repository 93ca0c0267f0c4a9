package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// month counts months since year 0: what a partition holds of messages and of
// events, by when they were stored.
type month int

func monthOf(t time.Time) month {
	t = t.UTC()
	return month(12*t.Year() + int(t.Month()) - 1)
}

func (m month) start() time.Time {
	return time.Date(int(m)/12, time.Month(int(m)%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// suffix ends the name of the month's partitions.
func (m month) suffix() string { return m.start().Format("y2006m01") }

var partitioned = []string{"messages", "events"}

// ensurePartitions makes the partitions of the months that are not there yet.
func ensurePartitions(ctx context.Context, conn *pgx.Conn, have map[month]struct{}, months ...month) error {
	for _, m := range months {
		if _, ok := have[m]; ok {
			continue
		}
		for _, table := range partitioned {
			sql := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s_%s PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')", table, m.suffix(), table,
				m.start().Format(time.RFC3339), (m + 1).start().Format(time.RFC3339))
			if _, err := conn.Exec(ctx, sql); err != nil {
				return fmt.Errorf("make partition %s of table %s: %w", m.suffix(), table, err)
			}
		}
		have[m] = struct{}{}
	}
	return nil
}
