package blackbox

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/archive/archivetest"
	"github.com/tidemark-io/tidemark/cmd/tidemark/internal/served"
)

const (
	intakeFiles = "../../../archive/intake/testdata/"
	// intakePatience bounds a whole import.
	intakePatience = 8 * time.Minute
)

// application is a plausible short-video application that knows nothing of
// tidemark: a database of its own, and a mapping of it.
type application struct {
	t     *testing.T
	url   string
	conn  *pgx.Conn
	state string
}

func newApplication(t *testing.T) *application {
	t.Helper()
	a := &application{t: t, url: archivetest.Start(t).URL("postgres"), state: filepath.Join(t.TempDir(), "state.json")}
	var err error
	if a.conn, err = pgx.Connect(t.Context(), a.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.conn.Close(context.Background()) })
	schema, err := os.ReadFile(intakeFiles + "shortvideo.sql")
	if err != nil {
		t.Fatal(err)
	}
	a.does(string(schema))
	return a
}

func (a *application) does(sql string, args ...any) {
	a.t.Helper()
	if _, err := a.conn.Exec(a.t.Context(), sql, args...); err != nil {
		a.t.Fatalf("%s: %v", sql, err)
	}
}

// fills makes a database of so many videos, users and likes.
func (a *application) fills(videos, users, likes int) {
	a.t.Helper()
	a.does(`INSERT INTO app.videos (id, author_id, state) SELECT i, i % $2::int, CASE WHEN i % 50 = 0 THEN 'draft' ELSE 'published' END FROM generate_series(1, $1::int) i`, videos, users)
	a.does(`INSERT INTO app.video_stats SELECT i, i * 3 FROM generate_series(1, $1::int) i`, videos)
	// Each video's likes are of users side by side, so none is there twice.
	a.does(`INSERT INTO app.likes SELECT 1 + i % $1::int, (i / $1::int + 7 * (i % $1::int)) % $2::int, now() - i * interval '1 second' FROM generate_series(0, $3::int - 1) i`, videos, users, likes)
	a.does(`INSERT INTO app.comments (id, video_id, author_id, spam, deleted_at) SELECT i, 1 + i % $1::int, i % $2::int, i % 40 = 0, CASE WHEN i % 30 = 0 THEN now() END FROM generate_series(1, $1::int * 3) i`, videos, users)
	a.does(`INSERT INTO app.remixes (id, original_id, author_id) SELECT i, 1 + i % $1::int, i % $2::int FROM generate_series(1, $1::int) i`, videos, users)
	a.does(`INSERT INTO app.glitches (id, video_id, reporter_id) SELECT i, 1 + i % $1::int, i % $2::int FROM generate_series(1, $1::int / 2) i`, videos, users)
	a.does(`INSERT INTO app.ai_jobs (id, user_id, state, percent) SELECT ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, i % $1::int, 'running', i % 100 FROM generate_series(1, 100) i`, users)
	a.does(`INSERT INTO app.notifications (id, user_id, kind, body, read_at) SELECT i, i % 10, 'like', '{"n": 1}', CASE WHEN i % 2 = 0 THEN now() END FROM generate_series(1, 1000) i`)
	a.does(`ANALYZE`)
}

// intake runs a subcommand against the service, to its end.
func (a *application) intake(s *Service, args ...string) (string, error) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), intakePatience)
	defer cancel()
	out, err := a.command(ctx, s, args...).CombinedOutput()
	return string(out), err
}

func (a *application) command(ctx context.Context, s *Service, args ...string) *exec.Cmd {
	args = append(args, "--postgres-url", a.url, "--mapping", intakeFiles+"shortvideo.yaml", "--url", s.URL, "--jwt-secret", secret)
	if !slices.Contains(args, "--dry-run") {
		args = append(args, "--state", a.state)
	}
	command := exec.CommandContext(ctx, binary, args...)
	command.Env = served.Environment()
	return command
}

func (a *application) succeeds(s *Service, args ...string) string {
	a.t.Helper()
	said, err := a.intake(s, args...)
	if err != nil {
		a.t.Fatalf("%v: %v\n%s", args, err, served.Tail(said))
	}
	return said
}

// idOf is the ID that the mapping makes of a key.
func idOf(kind string, key int64) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s:%d", kind, key)).String()
}

// equals compares every counter of every video with the application's tables.
func (a *application) equals(w *World) {
	a.t.Helper()
	rows, err := a.conn.Query(a.t.Context(), `SELECT v.id, v.state IN ('published', 'featured'), coalesce(s.views, 0), coalesce(l.n, 0), coalesce(c.n, 0), coalesce(r.n, 0), coalesce(g.n, 0)
		FROM app.videos v
		LEFT JOIN app.video_stats s ON s.video_id = v.id
		LEFT JOIN (SELECT video_id, count(*) n FROM app.likes GROUP BY 1) l ON l.video_id = v.id
		LEFT JOIN (SELECT video_id, count(*) n FROM app.comments WHERE deleted_at IS NULL AND NOT spam GROUP BY 1) c ON c.video_id = v.id
		LEFT JOIN (SELECT original_id, count(*) n FROM app.remixes GROUP BY 1) r ON r.original_id = v.id
		LEFT JOIN (SELECT video_id, count(*) n FROM app.glitches GROUP BY 1) g ON g.video_id = v.id`)
	if err != nil {
		a.t.Fatal(err)
	}
	defer rows.Close()
	want, asked := map[string]counts{}, []string{}
	for rows.Next() {
		var key int64
		var visible bool
		var n counts
		if err := rows.Scan(&key, &visible, &n.Views, &n.Likes, &n.Comments, &n.Remixes, &n.Glitches); err != nil {
			a.t.Fatal(err)
		}
		id := idOf("video", key)
		asked = append(asked, id)
		if visible {
			want[id] = n
		}
	}
	if err := rows.Err(); err != nil || len(want) == 0 {
		a.t.Fatalf("%d videos, %v", len(want), err)
	}
	for len(asked) > 0 {
		batch := asked[:min(1000, len(asked))]
		asked = asked[len(batch):]
		got := decode[struct{ Videos map[string]counts }](a.t, w.metadata(batch...)).Videos
		for _, id := range batch {
			n, there := got[id]
			expected, visible := want[id]
			if there != visible || n != expected {
				a.t.Fatalf("video %s: %+v (seen: %v), the tables say %+v (%v)", id, n, there, expected, visible)
			}
		}
	}
}

// TestAMillionLikesComeInAndTheApplicationGoesOn adopts an application: an
// import, then its changes, and at the end every counter is what its own tables say.
func TestAMillionLikesComeInAndTheApplicationGoesOn(t *testing.T) {
	a := newApplication(t)
	a.fills(2000, 20_000, 1_000_000)
	w := worldOf(t, start(t))
	s := w.s
	if said := a.succeeds(s, "import", "postgres", "--dry-run"); !strings.Contains(said, "nothing was sent") {
		t.Errorf("a dry run says %s", served.Tail(said))
	}
	w.wantUnknown(idOf("video", 1))
	t.Logf("import:\n%s", a.succeeds(s, "import", "postgres", "--slot", "tidemark"))
	a.equals(w)

	// The application goes on while its changes are followed.
	changed := make(chan error, 1)
	conn, err := pgx.Connect(t.Context(), a.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	go func() { changed <- changes(t.Context(), conn, 300) }()
	t.Logf("capture:\n%s", served.Tail(a.succeeds(s, "ingest", "postgres", "--until-caught-up")))
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	if said, err := a.intake(s, "import", "postgres", "--slot", "tidemark"); err == nil || !strings.Contains(said, "ingest postgres") {
		t.Errorf("a second import with the slot: %v\n%s", err, served.Tail(said))
	}
	a.succeeds(s, "ingest", "postgres", "--until-caught-up")
	a.equals(w)
}

// changes is what an application does in n transactions.
func changes(ctx context.Context, conn *pgx.Conn, n int) error {
	for i := range n {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		for _, sql := range []string{
			`DELETE FROM app.likes WHERE video_id = 1 + $1::int % 2000 AND user_id % 3 = $1::int % 3`,
			`INSERT INTO app.likes (video_id, user_id, created_at) SELECT 1 + $1::int * 7 % 2000, u, '2100-01-01' FROM generate_series(1, 40) u ON CONFLICT DO NOTHING`,
			`UPDATE app.comments SET deleted_at = now() WHERE id = $1::int * 3`,
			`INSERT INTO app.remixes (id, original_id, author_id) VALUES (1000000 + $1::int, 1 + $1::int % 2000, 1)`,
			`UPDATE app.video_stats SET views = views + 10 WHERE video_id = 1 + $1::int % 2000`,
			`UPDATE app.videos SET state = CASE state WHEN 'draft' THEN 'published' ELSE 'draft' END WHERE id = 1 + $1::int * 11 % 2000`,
		} {
			if _, err := tx.Exec(ctx, sql, i); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

func TestIngestFollowsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	a.fills(40, 50, 300)
	w := worldOf(t, start(t))
	s := w.s
	command := a.command(t.Context(), s, "ingest", "postgres", "--ops-listen", "127.0.0.1:0")
	said := served.NewLog()
	command.Stderr = said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	a.does(`DELETE FROM app.likes WHERE video_id = 1`)
	a.does(`INSERT INTO app.likes (video_id, user_id) SELECT 1, u FROM generate_series(1, 17) u`)
	a.does(`UPDATE app.ai_jobs SET state = 'done', result = 'https://cdn.example.org/7.mp4' WHERE id = '00000000-0000-4000-8000-000000000007'`)
	eventually(t, "the changes to be counted", func() (bool, string) {
		n, _ := w.counts(idOf("video", 1))
		return n.Likes == 17, fmt.Sprintf("%+v", n)
	})
	eventually(t, "the job to be completed", func() (bool, string) {
		job := w.service().post("/v1/ai/jobs/batch-status", obj{"job_ids": []string{"00000000-0000-4000-8000-000000000007"}})
		return strings.Contains(string(job.Body), `"status":"completed","progress":100,"result_url":"https://cdn.example.org/7.mp4"`), string(job.Body)
	})
	metrics := metricsOf(t, said)
	for _, name := range []string{"tidemark_ingest_slot_lag_bytes", "tidemark_ingest_following 1", "tidemark_ingest_transactions_total", "tidemark_ingest_rejected_total 0"} {
		if !strings.Contains(metrics, name) {
			t.Errorf("/metrics has no %s:\n%s", name, served.Tail(metrics))
		}
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("exit after SIGTERM: %v\n%s", err, served.Tail(said.String()))
	}
	a.equals(w)
	a.succeeds(s, "ingest", "postgres", "--drop")
	var left int
	if err := a.conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d slots and publications are left, %v", left, err)
	}
}

// addressOfMetrics waits for the line that says where they are served.
func addressOfMetrics(t *testing.T, said *served.Log) (address string) {
	t.Helper()
	eventually(t, "the address of the metrics", func() (bool, string) {
		_, after, _ := strings.Cut(said.String(), `msg="metrics are served" address=`)
		var whole bool
		address, _, whole = strings.Cut(after, "\n")
		return whole, said.String()
	})
	return address
}

func metricsOf(t *testing.T, said *served.Log) string {
	t.Helper()
	answer, err := http.Get(addressOfMetrics(t, said) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestImportSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		"--mapping is missing": {"import", "postgres", "--postgres-url", "postgres:///x", "--url", "http://127.0.0.1:1", "--jwt-secret", secret},
		"--postgres-url":       {"import", "postgres", "--mapping", intakeFiles + "shortvideo.yaml"},
		"no-such-file":         {"import", "postgres", "--postgres-url", "postgres:///x", "--mapping", "no-such-file"},
		"connect":              {"import", "postgres", "--postgres-url", "postgres://127.0.0.1:1/x", "--mapping", intakeFiles + "shortvideo.yaml"},
		"not on this machine":  {"ingest", "postgres", "--postgres-url", "postgres:///x", "--mapping", intakeFiles + "shortvideo.yaml", "--url", "http://example.org"},
	} {
		if _, said, err := program(t, args...); err == nil || !strings.Contains(said, says) {
			t.Errorf("%v: %v, %s; want %q", args, err, clip(said), says)
		}
	}
}

// TestRowsThatDoNotFitAreReportedAndTheRestIsIn ends with status 1.
func TestRowsThatDoNotFitAreReportedAndTheRestIsIn(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	a.fills(20, 20, 100)
	a.does(`INSERT INTO app.notifications (id, user_id, kind) VALUES (5000, 1, 'Big News')`)
	w := worldOf(t, start(t))
	said, err := a.intake(w.s, "import", "postgres")
	if err == nil || !strings.Contains(said, `"5000": category`) || !strings.Contains(said, "1 rows are not in") {
		t.Errorf("%v\n%s", err, served.Tail(said))
	}
	a.equals(w)
}

// TestATokenThatMayNotHideVideosEndsTheCapture before Postgres hears that it is done.
func TestATokenThatMayNotHideVideosEndsTheCapture(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	a.fills(20, 20, 100)
	w := worldOf(t, start(t))
	ingest := []string{"ingest", "postgres", "--until-caught-up"}
	service := append(slices.Clone(ingest), "--token", w.service().token)
	a.succeeds(w.s, service...)
	a.does(`UPDATE app.videos SET state = 'draft' WHERE id = 3`)
	if said, err := a.intake(w.s, service...); err == nil || !strings.Contains(said, "lacks the role admin") {
		t.Errorf("%v\n%s", err, served.Tail(said))
	}
	a.succeeds(w.s, ingest...)
	a.equals(w)
}

// TestAnImportThatIsStoppedIsNoSuccess, and is done by the capture that follows.
func TestAnImportThatIsStoppedIsNoSuccess(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	a.fills(20, 20, 100)
	w := worldOf(t, start(t))
	a.does(`BEGIN; SELECT pg_current_xact_id()`) // a slot waits for it
	command := a.command(t.Context(), w.s, "import", "postgres", "--slot", "tidemark")
	said := served.NewLog()
	command.Stderr = said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slot to be waited for", func() (bool, string) { return strings.Contains(said.String(), "a slot is made"), said.String() })
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil || !strings.Contains(said.String(), "the import was stopped") {
		t.Errorf("exit after SIGTERM: %v\n%s", err, served.Tail(said.String()))
	}
	a.does(`COMMIT`)
	a.succeeds(w.s, "ingest", "postgres", "--until-caught-up")
	a.equals(w)
}

// TestIngestIsKilledAtAnyMoment of its import and of what it follows, and so is
// the service under it.
func TestIngestIsKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	a.fills(200, 300, 20_000)
	w := worldOf(t, start(t))
	conn, err := pgx.Connect(t.Context(), a.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	changed := make(chan error, 1)
	go func() { changed <- changes(t.Context(), conn, 250) }()
	atAnyMoment := func() { time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) }
	for round := range 8 {
		command := a.command(t.Context(), w.s, "ingest", "postgres")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		atAnyMoment()
		if round%3 == 2 {
			w.s.Kill()
			w.s.Restart(t)
			atAnyMoment()
		}
		_ = command.Process.Kill()
		_ = command.Wait()
	}
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	a.succeeds(w.s, "ingest", "postgres", "--until-caught-up")
	a.equals(w)
}
