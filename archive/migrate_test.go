package archive

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tidemark-io/tidemark/projector/replay"
)

// goBackTo makes the archive one that a binary of an earlier version of the schema has
// filled: its tables as that made them, with the rows that they had.
func (w *world) goBackTo(version int64) {
	w.t.Helper()
	ctx := testContext(w.t)
	cfg, err := pgx.ParseConfig(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.AfterConnect = settle("old")
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	provider, err := migrations(db)
	if err == nil {
		err = ensureSchema(ctx, db, "old")
	}
	if err == nil {
		_, err = provider.UpTo(ctx, version)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		this := monthOf(time.Now())
		if err := ensurePartitions(ctx, tx, map[month]struct{}{}, this, this+1); err != nil {
			return err
		}
		for _, table := range []string{
			"logs", "position", "messages", "events", "dead_letters", "counter_changes", "audit",
			"history_hourly", "history_daily", "total_hourly", "total_daily",
		} {
			var columns string
			err := tx.QueryRow(ctx, "SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped", table).Scan(&columns)
			if err == nil {
				_, err = tx.Exec(ctx, fmt.Sprintf("INSERT INTO %[1]s (%[2]s) OVERRIDING SYSTEM VALUE SELECT %[2]s FROM %[3]s.%[1]s", table, columns, defaultSchema))
			}
			if err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
		}
		_, err := tx.Exec(ctx, "SELECT setval(pg_get_serial_sequence('logs', 'log'), (SELECT max(log) FROM logs)); "+
			"DROP SCHEMA "+defaultSchema+" CASCADE; ALTER SCHEMA old RENAME TO "+defaultSchema, pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

const schemaVersion = "SELECT max(version_id) FROM goose_db_version"

// TestAnEarlierSchemaIsMigrated with the rows that it has: effects, audit and history
// are those of before, the index finds what was archived then, and it is gone on with.
func TestAnEarlierSchemaIsMigrated(t *testing.T) {
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for version := int64(1); version < int64(len(files)); version++ {
		t.Run(fmt.Sprint("from version ", version), func(t *testing.T) {
			w := newWorld(t, database(t))
			g := newTraffic(uint64(50 + version))
			w.start()
			w.commitMany(g, 300)
			w.mustEqual()
			now := w.number(schemaVersion)
			w.stop()
			w.goBackTo(version)
			if at := w.number(schemaVersion); at != version || now <= version {
				t.Fatalf("the schema has version %d, want %d of %d", at, version, now)
			}
			rows := w.number("SELECT count(*) FROM events")
			w.start()
			w.mustEqualAFresh()
			if at, n := w.number(schemaVersion), w.number("SELECT count(*) FROM events"); at != now || n != rows {
				t.Errorf("version %d with %d events, want %d with %d", at, n, now, rows)
			}
			w.commitMany(g, 100)
			w.mustEqualAFresh()
			if n := w.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass") - w.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'events_names'::regclass"); n != 0 {
				t.Errorf("%d months have no index of names", n)
			}
			log, indexed := w.messages(), 0
			for n := range 8 {
				if _, found := w.explained(log, replay.Entity{Kind: replay.KindVideo, ID: id16('v', n)}); found.Reading.Way == replay.WayIndex {
					indexed++
				}
			}
			if indexed == 0 {
				t.Error("no video was explained by the index")
			}
		})
	}
}

// TestALaterSchemaIsRefused, clearly, and left as it is.
func TestALaterSchemaIsRefused(t *testing.T) {
	w := newWorld(t, database(t))
	g := newTraffic(53)
	w.start()
	w.commitMany(g, 50)
	w.mustEqual()
	w.stopArchive()
	rows := w.number("SELECT count(*) FROM messages")
	later := w.number(schemaVersion) + 1
	w.sql("INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)", later)
	w.startArchive()
	w.until("it is refused", func() bool { return errors.Is(w.archive.Status().Err, ErrForeign) })
	if said, want := w.archive.Status().Err.Error(), fmt.Sprintf("schema tidemark has version %d, this binary knows up to %d: run the newer tidemark", later, later-1); !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q", said, want)
	}
	w.commitMany(g, 50)
	if n := w.number("SELECT count(*) FROM messages"); n != rows {
		t.Errorf("%d messages, there were %d", n, rows)
	}
	w.sql("DELETE FROM goose_db_version WHERE version_id = $1", later)
	w.mustEqual()
}
