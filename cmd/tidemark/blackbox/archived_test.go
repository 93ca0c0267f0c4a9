package blackbox

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/archive/archivetest"
)

// archived is a service with an archive of its own.
type archived struct {
	t   *testing.T
	s   *Service
	url string // of the database
}

func startArchived(t *testing.T) *archived {
	t.Helper()
	a := &archived{t: t, url: archivetest.Start(t).URL("postgres")}
	a.s = start(t, "--postgres-url", a.url)
	return a
}

// world is a view of the service once all of its log is archived.
func (a *archived) world() *World {
	a.t.Helper()
	w := worldOf(a.t, a.s)
	eventually(a.t, "the archive to catch up", func() (bool, string) {
		lag := w.metric("tidemark_archive_lag_messages")
		return lag == 0 && w.metric("tidemark_archive_up") == 1, fmt.Sprint(lag)
	})
	return w
}

// sql runs statements.
func (a *archived) sql(statements string) {
	a.t.Helper()
	conn, err := pgx.Connect(a.t.Context(), a.url)
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close(a.t.Context())
	if _, err := conn.Exec(a.t.Context(), statements); err != nil {
		a.t.Fatalf("%s: %v", statements, err)
	}
}

// ask returns the one value of an answer, as text.
func (a *archived) ask(question string) (answer string) {
	a.t.Helper()
	conn, err := pgx.Connect(a.t.Context(), a.url)
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close(a.t.Context())
	if err := conn.QueryRow(a.t.Context(), "SELECT ("+question+")::text").Scan(&answer); err != nil {
		a.t.Fatalf("%s: %v", question, err)
	}
	return answer
}

// spoil runs statements that change a table, calls fn, and puts the table back.
func (a *archived) spoil(table, statements string, fn func()) {
	a.t.Helper()
	locked := "LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE; "
	a.sql(locked + "CREATE TABLE kept AS TABLE " + table + "; " + statements + "; CREATE TABLE spoilt AS TABLE " + table)
	fn() // the archive may go on meanwhile
	a.sql(locked + "CREATE TABLE later AS SELECT * FROM " + table + " t WHERE t::text NOT IN (SELECT s::text FROM spoilt s); TRUNCATE " + table + "; INSERT INTO " + table +
		" SELECT * FROM kept; INSERT INTO " + table + " SELECT * FROM later; DROP TABLE kept, spoilt, later")
}

func TestTheArchiveIsVerifiedByAnOperator(t *testing.T) {
	t.Parallel()
	a := startArchived(t)
	w := worldOf(t, a.s)
	viewer, video := w.user(), newID()
	for range 5 {
		viewer.views(video)
	}
	viewer.likes(video)
	w = a.world()
	w.replay("status").exits(exitFine).says("archive        up to message ", ", lag 0 messages")
	w.replay("verify", "--archive").exits(exitFine).says("archive", "; 0 are not what the log says", "differences    0")
	for table, wrong := range map[string]string{
		"tidemark.events":         "UPDATE tidemark.events SET delta = 0 WHERE type = 'video.liked'",
		"tidemark.messages":       "DELETE FROM tidemark.messages WHERE seq = 2",
		"tidemark.history_hourly": "UPDATE tidemark.history_hourly SET likes = 9",
	} {
		a.spoil(table, wrong, func() {
			w.replay("verify", "--archive").exits(exitDifferences).says("; 1 are not what the log says", table[len("tidemark."):]+" ", "differences    0")
			w.replay("verify").exits(exitFine)
		})
	}
	w.replay("verify", "--archive", "--json").exits(exitFine)
	world(t).replay("verify", "--archive").exits(exitFault).says("there is no archive")
}

// TestAWrongRowOfTheAuditIsNamed: changed, removed, inserted or cut off in the
// database.
func TestAWrongRowOfTheAuditIsNamed(t *testing.T) {
	t.Parallel()
	a := startArchived(t)
	w := worldOf(t, a.s)
	admin := w.admin()
	for range 4 {
		admin.deletesVideos(newID())
	}
	w = a.world()
	admin = admin.with(w)
	verify := func() (model, archive obj) {
		answer := admin.get("/v1/admin/audit/verify").want(200).object()
		return answer, answer["archive"].(obj)
	}
	if model, archive := verify(); model["ok"] != true || archive["ok"] != true || archive["entries"] != 4.0 {
		t.Fatalf("before anything is wrong: %v", model)
	}
	for _, c := range []struct {
		wrong  string
		number float64
		what   string
	}{
		{"UPDATE tidemark.audit SET reason = 'another' WHERE number = 2", 2, "changed"},
		{"UPDATE tidemark.audit SET actor = gen_random_uuid() WHERE number = 3", 3, "changed"},
		{"UPDATE tidemark.audit SET at = at + interval '1 us' WHERE number = 1", 1, "changed"},
		{"UPDATE tidemark.audit SET targets = '{}', effects = '{}' WHERE number = 4", 4, "changed"},
		{"DELETE FROM tidemark.audit WHERE number = 2", 2, "removed"},
		{"DELETE FROM tidemark.audit WHERE number = 4", 4, "cut off"},
		{`INSERT INTO tidemark.audit SELECT log, 5, seq, idx + 1, at, actor, action, targets, effects, retract, reason, reason_bytes, outcome, hash FROM tidemark.audit WHERE number = 4`, 5, "changed"},
		{`INSERT INTO tidemark.audit SELECT log, number, seq, idx + 1, at, actor, action, targets, effects, retract, reason, reason_bytes, outcome, hash FROM tidemark.audit WHERE number = 2`, 3, "removed"},
		{`UPDATE tidemark.audit SET number = number + 10 WHERE number > 1; UPDATE tidemark.audit SET number = number - 9 WHERE number > 10;
INSERT INTO tidemark.audit SELECT log, 2, seq, idx + 1, at, actor, action, targets, effects, retract, reason, reason_bytes, outcome, hash FROM tidemark.audit WHERE number = 1`, 2, "changed"},
	} {
		a.spoil("tidemark.audit", c.wrong, func() {
			model, archive := verify()
			fault, _ := archive["fault"].(obj)
			if model["ok"] != true || archive["ok"] != false || fault["number"] != c.number || fault["what"] != c.what {
				t.Errorf("%s: %v, want entry %v %s", c.wrong, archive, c.number, c.what)
			}
		})
	}
}

// TestTheArchiveGoesOnWithAnAdoptedLog: a backup of the log is put back and adopted;
// the archive goes back to where it ended, and on from there, without a gap and
// without anything twice.
func TestTheArchiveGoesOnWithAnAdoptedLog(t *testing.T) {
	t.Parallel()
	a := startArchived(t)
	a.s.expects = "the log was adopted at message"
	w := worldOf(t, a.s)
	video, viewer, admin := newID(), w.user(), w.admin()
	for range 3 {
		viewer.views(video)
	}
	admin.deletesVideos(newID())
	a.world()
	a.s.Stop(t)
	jetstreams, backup := filepath.Join(a.s.Dir, "jetstream"), filepath.Join(t.TempDir(), "backup")
	copyDir(t, jetstreams, backup)
	a.s.Restart(t)
	w = worldOf(t, a.s)
	for range 4 {
		viewer.with(w).views(video)
	}
	admin.with(w).deletesVideos(newID())
	a.world()
	lost := a.ask("SELECT seq FROM tidemark.position")
	a.s.Stop(t)
	copyDir(t, backup, jetstreams)
	adopted := cli(t, "replay", "log", "adopt", "--data-dir", a.s.Dir, "--reason", "restored from Monday's backup", "--json").exits(exitFine).json()

	a.s.Restart(t)
	w = worldOf(t, a.s)
	w.wantCounts(video, counts{Views: 3})
	for range 2 {
		viewer.with(w).views(video)
	}
	w = a.world()
	const counted = "FROM tidemark.messages JOIN tidemark.logs USING (log) WHERE seq >= first_seq AND (last_seq IS NULL OR seq <= last_seq)"
	if gaps := a.ask("SELECT concat_ws(' ', min(seq), max(seq) - count(*), count(*) - count(DISTINCT seq)) " + counted); gaps != "1 0 0" {
		t.Errorf("first message, messages missing, messages twice: %s", gaps)
	}
	if n := a.ask("SELECT max(seq) FROM tidemark.messages JOIN tidemark.logs USING (log) WHERE seq > last_seq"); n != lost {
		t.Errorf("what was lost is kept up to message %s, it reached to %s", n, lost)
	}
	if life := a.ask("SELECT replace(incarnation::text, '-', '') FROM tidemark.logs ORDER BY log DESC LIMIT 1"); life != adopted["incarnation"] {
		t.Errorf("the archive's log is %s, adopted was %v", life, adopted["incarnation"])
	}
	if views := a.ask("SELECT views FROM tidemark.video_counters WHERE video_id = '" + video + "'"); views != "5" {
		t.Errorf("the history has %s views", views)
	}
	w.replay("verify", "--archive").exits(exitFine).says("; 0 are not what the log says", "differences    0")
	w = a.world()
	if archive := w.admin().get("/v1/admin/audit/verify").want(200).object()["archive"].(obj); archive["ok"] != true || archive["entries"] != 4.0 {
		t.Errorf("the audit: %v", archive) // one deletion, the adoption, and a verification: that it began and how it ended
	}
}

// TestAnArchiveThatAnotherFoldJudgedIsJudgedAnew by the service that starts with it,
// also where that is killed meanwhile.
func TestAnArchiveThatAnotherFoldJudgedIsJudgedAnew(t *testing.T) {
	t.Parallel()
	a := startArchived(t)
	w := worldOf(t, a.s)
	video, viewer := newID(), w.user()
	for range 40 {
		viewer.views(video)
	}
	viewer.likes(video)
	w.admin().deletesVideos(newID())
	a.world()
	for _, end := range []func(){func() { a.s.Stop(t) }, a.s.Kill} {
		end()
		// As a fold would have left it that counted a user's view once.
		a.sql(`UPDATE tidemark.events SET effect = 'duplicate', delta = 0 WHERE type = 'video.viewed' AND seq > 1;
UPDATE tidemark.history_hourly SET views = 1; UPDATE tidemark.history_daily SET views = 1;
UPDATE tidemark.total_hourly SET views = 1; UPDATE tidemark.total_daily SET views = 1;
UPDATE tidemark.position SET fold_version = 1`)
		a.s.Restart(t)
		a.s.Kill()
		a.s.Restart(t)
		w = a.world()
		w.replay("verify", "--archive").exits(exitFine).says("; 0 are not what the log says", "differences    0")
		if left := w.metric("tidemark_archive_rejudge_messages"); left != 0 {
			t.Errorf("%v messages are to be judged anew", left)
		}
		if views := a.ask("SELECT views FROM tidemark.video_counters WHERE video_id = '" + video + "'"); views != "40" {
			t.Errorf("the history has %s views", views)
		}
		w = a.world()
		if archive := w.admin().get("/v1/admin/audit/verify").want(200).object()["archive"].(obj); archive["ok"] != true {
			t.Errorf("the audit: %v", archive)
		}
	}
}
