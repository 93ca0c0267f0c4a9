package archive

import (
	"context"
	"os"
	"strings"
	"testing"
)

// TestTheQueriesOfTheDocumentRun on a real archive.
func TestTheQueriesOfTheDocumentRun(t *testing.T) {
	text, err := os.ReadFile("../docs/postgres.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(15), 40)
	w.caughtUp()
	conn := w.connect()
	defer conn.Close(context.Background())
	blocks := strings.Split(string(text), "```sql\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("the document has no queries")
	}
	for _, block := range blocks {
		sql, _, _ := strings.Cut(block, "```")
		if _, err := conn.PgConn().Exec(testContext(t), sql).ReadAll(); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if n := w.number("SELECT count(*) FROM video_counters"); n == 0 {
		t.Error("no counters of videos")
	}
	if a, b := w.number("SELECT count(*) FROM audit_log"), w.number("SELECT count(*) FROM audit"); a != b || a == 0 {
		t.Errorf("%d entries of the audit, want %d", a, b)
	}
	if n := w.number(`SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'tidemark' AND relkind IN ('r', 'p', 'v') AND NOT relispartition AND relname NOT LIKE 'goose%' AND obj_description(pg_class.oid) IS NULL`); n != 0 {
		t.Errorf("%d tables and views have no comment", n)
	}
}
