package archive

import (
	"context"
	"fmt"
	"strings"
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

// monthNamed returns the month that a partition's name ends with.
func monthNamed(partition string) (month, bool) {
	at := strings.LastIndexByte(partition, '_')
	t, err := time.Parse("y2006m01", partition[at+1:])
	return monthOf(t), err == nil
}

var partitioned = []string{"messages", "events"}

// ensurePartitions makes the partitions of the months that are not there yet.
func ensurePartitions(ctx context.Context, tx pgx.Tx, have map[month]struct{}, months ...month) error {
	for _, m := range months {
		if _, ok := have[m]; ok {
			continue
		}
		for _, table := range partitioned {
			if err := ensurePartition(ctx, tx, table, m); err != nil {
				return fmt.Errorf("make partition %s of table %s: %w", m.suffix(), table, err)
			}
		}
		have[m] = struct{}{}
	}
	return nil
}

// openRange takes the filters of a new table's first pages away. The server makes
// them of an empty table, and would then make them anew for each row of those
// pages; those of the pages behind it makes when they are full.
const openRange = `SELECT count(brin_desummarize_range(indexrelid, 0)) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
WHERE indrelid = $1::regclass AND amname = 'brin'`

// ensurePartition makes a table and attaches it: unlike one that is made as a
// partition, that waits for nobody who reads, and nobody who reads waits for it.
func ensurePartition(ctx context.Context, tx pgx.Tx, table string, m month) error {
	name := table + "_" + m.suffix()
	var attached bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent = to_regclass($2))", name, table).Scan(&attached)
	if err != nil || attached {
		return err
	}
	for _, sql := range []string{
		fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING STORAGE INCLUDING COMMENTS)", name, table),
		fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')", table, name,
			m.start().Format(time.RFC3339), (m + 1).start().Format(time.RFC3339)),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, openRange, name)
	return err
}
