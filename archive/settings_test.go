package archive

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/archive/archivetest"
)

// TestARoleOfTheArchiveMayBeBound as DBAs bind roles: it makes the schema once,
// and its limits are not the archive's.
func TestARoleOfTheArchiveMayBeBound(t *testing.T) {
	s := archivetest.Start(t)
	w := newWorld(t, s.URL("postgres"))
	w.sql("CREATE ROLE archivist LOGIN; GRANT CREATE, TEMPORARY ON DATABASE postgres TO archivist")
	w.configure = func(cfg *Config) { cfg.URL = s.URL("postgres") + "&user=archivist" }
	g := newTraffic(21)
	w.start()
	w.commitMany(g, 20)
	w.caughtUp()
	w.stopArchive()
	w.sql("REVOKE CREATE ON DATABASE postgres FROM archivist")
	for _, setting := range []string{
		"default_transaction_isolation = 'serializable'", "statement_timeout = '1s'", "idle_session_timeout = '1s'", "synchronous_commit = off", "timezone = 'America/St_Johns'", "datestyle = 'SQL, DMY'",
		"bytea_output = 'escape'", "search_path = 'public'", "client_encoding = 'LATIN1'",
	} {
		w.sql("ALTER ROLE archivist SET " + setting)
	}
	w.startArchive()
	w.commitMany(g, 20)
	w.mustEqual()
	for name, want := range map[string]string{"synchronous_commit": "on", "client_encoding": "UTF8", "statement_timeout": "0", "idle_session_timeout": "0"} {
		var is string
		if err := w.archive.pool.QueryRow(testContext(t), "SHOW "+name).Scan(&is); err != nil || is != want {
			t.Errorf("%s is %s, %v", name, is, err)
		}
	}
}

// TestAMonthBeginsWhileSomebodyReads: an analyst's question may take hours.
func TestAMonthBeginsWhileSomebodyReads(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	g := newTraffic(22)
	w.commitMany(g, 20)
	w.caughtUp()
	w.stopArchive()
	next := (monthOf(time.Now()) + 1).suffix()
	w.sql(fmt.Sprintf("DROP TABLE events_%s; DROP TABLE messages_%s", next, next))
	analyst := w.connect()
	defer analyst.Close(context.Background())
	if _, err := analyst.Exec(testContext(t), "BEGIN; SELECT count(*) FROM events; SELECT count(*) FROM messages"); err != nil {
		t.Fatal(err)
	}
	w.startArchive()
	w.commitMany(g, 20)
	w.mustEqual()
	if n := w.number("SELECT count(*) FROM pg_inherits WHERE inhrelid::regclass::text LIKE '%" + next + "'"); n != 2 {
		t.Errorf("%d partitions of the next month, want 2", n)
	}
	if n := w.number("SELECT count(*) FROM pg_attribute WHERE attrelid = 'messages_" + next + "'::regclass AND attname = 'data' AND attstorage = 'e'"); n != 1 {
		t.Error("the partition compresses record batches")
	}
}
