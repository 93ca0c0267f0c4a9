package archive

import (
	"strings"
	"testing"
)

// TestEveryWrongRowIsFound: the comparison of archive and log fails where one row
// of any table is removed, changed, or there twice, and names it; the digest of a
// fold of the archive alone is another one where a message is.
func TestEveryWrongRowIsFound(t *testing.T) {
	w := newWorld(t, database(t))
	w.start()
	w.commitMany(newTraffic(17), 400)
	w.mustEqual()
	tables := []string{"messages", "events", "dead_letters", "audit", "counter_changes", "history_hourly", "history_daily", "total_hourly", "total_daily"}
	for _, table := range tables {
		w.sql("CREATE TABLE kept_" + table + " AS TABLE " + table)
	}
	for _, c := range []struct{ table, wrong string }{
		{"messages", "DELETE FROM messages WHERE seq = (SELECT max(seq) / 2 FROM messages)"},
		{"messages", "DELETE FROM messages WHERE seq = 1"},
		{"messages", "UPDATE messages SET data = set_byte(data, length(data) - 1, 255 - get_byte(data, length(data) - 1)) WHERE seq = 5"},
		{"messages", "UPDATE messages SET batch_id = batch_id || 'x' WHERE seq = 5"},
		{"messages", "UPDATE messages SET stored_nanos = (stored_nanos + 1) % 1000 WHERE seq = 5"},
		{"messages", "INSERT INTO messages SELECT seq, stored_at + interval '1 us', log, stored_nanos, batch_id, subject, data FROM messages WHERE seq = 5"},
		{"events", "DELETE FROM events WHERE (seq, idx) = (7, 0)"},
		{"events", "UPDATE events SET delta = delta + 1 WHERE (seq, idx) = (7, 0)"},
		{"events", "UPDATE events SET effect = 'suppressed' WHERE (seq, idx) = (7, 0)"},
		{"events", "UPDATE events SET video_id = gen_random_uuid() WHERE (seq, idx) = (SELECT seq, idx FROM events WHERE video_id IS NOT NULL LIMIT 1)"},
		{"events", "UPDATE events SET data = NULL WHERE (seq, idx) = (SELECT seq, idx FROM events WHERE data IS NOT NULL LIMIT 1)"},
		{"events", "UPDATE events SET idx = 30000 WHERE (seq, idx) = (7, 0)"},
		{"events", `INSERT INTO events SELECT seq, stored_at + interval '1 us', time, log, idx, delta, effect, type, video_id, user_id,
other_user_id, item_id, job_id, source, id, data FROM events WHERE (seq, idx) = (7, 0)`},
		{"dead_letters", "DELETE FROM dead_letters WHERE seq = (SELECT min(seq) FROM dead_letters)"},
		{"dead_letters", "UPDATE dead_letters SET reason = 'none' WHERE seq = (SELECT min(seq) FROM dead_letters)"},
		{"dead_letters", "INSERT INTO dead_letters SELECT log, seq, idx + 1000, stored_at, reason, raw FROM dead_letters LIMIT 1"},
		{"audit", "DELETE FROM audit WHERE number = 3"},
		{"audit", "UPDATE audit SET actor = gen_random_uuid() WHERE number = 3"},
		{"counter_changes", "DELETE FROM counter_changes WHERE seq = (SELECT min(seq) FROM counter_changes)"},
		{"counter_changes", "UPDATE counter_changes SET views = views - 1 WHERE seq = (SELECT min(seq) FROM counter_changes)"},
		{"history_hourly", "UPDATE history_hourly SET views = views + 1 WHERE ctid = (SELECT min(ctid) FROM history_hourly)"},
		{"history_hourly", "DELETE FROM history_hourly WHERE video_id = (SELECT video_id FROM history_hourly WHERE views > 0 LIMIT 1)"},
		{"history_daily", "UPDATE history_daily SET likes = likes + 1 WHERE ctid = (SELECT min(ctid) FROM history_daily)"},
		{"total_hourly", "UPDATE total_hourly SET views = views + 1 WHERE ctid = (SELECT min(ctid) FROM total_hourly)"},
		{"total_daily", "DELETE FROM total_daily"},
	} {
		before := w.number("SELECT count(*) FROM " + c.table)
		w.sql(c.wrong)
		result := w.compare()
		if result.Count == 0 || result.Count != len(result.Differences) {
			t.Errorf("not found: %s (%d rows before)", c.wrong, before)
		}
		for _, d := range result.Differences {
			if d.Table != c.table || d.What == "" {
				t.Errorf("%s: found as %+v", c.wrong, d)
			}
		}
		if strings.Contains(c.wrong, "data = set_byte") {
			if got, err := w.foldOfArchive(); err == nil && got == w.digest() {
				t.Errorf("a fold of the archive has the digest of the read model after %s", c.wrong)
			}
		}
		w.sql("TRUNCATE " + c.table + "; INSERT INTO " + c.table + " SELECT * FROM kept_" + c.table)
	}
	w.equalRows()
}
