package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
)

func TestImportCountsWhatTheTablesHold(t *testing.T) {
	w := newWorld(t)
	w.seed()
	report := w.imports(w.counts)
	w.equal()
	if bad := report.Bad(); bad != 0 {
		t.Errorf("%d rows are not in: %+v", bad, report.Entries)
	}
	again := w.imports(w.counts)
	w.equal() // a repeat counts nothing twice
	if a, b := report.Sums(), again.Sums(); a.Rows != b.Rows || a.Events != b.Events || a.Rows == 0 {
		t.Errorf("the first import read %+v, the second %+v", a, b)
	}
}

func TestImportSeesOneMoment(t *testing.T) {
	w := newWorld(t)
	w.seed()
	ctx, stop := context.WithCancel(t.Context())
	conn := w.connect()
	ended := make(chan error, 1)
	go func() { ended <- w.lives(ctx, conn, 1, 1000, 1<<30) }()
	// The application goes on; a transaction that is held open shows what the
	// import saw.
	tx, err := w.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
	var snapshot string
	if err := tx.QueryRow(t.Context(), "SELECT pg_export_snapshot()").Scan(&snapshot); err != nil {
		t.Fatal(err)
	}
	im := Import{Mapping: w.mapping, Sink: w.counts, Concurrency: 2, Snapshot: snapshot, Now: time.Now}
	if _, _, err := im.Run(t.Context(), w.connect()); err != nil {
		t.Fatal(err)
	}
	w.equal() // by the transaction that exported the snapshot
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	<-ended
}

func TestImportReportsWhatDoesNotFit(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.exec(`INSERT INTO app.notifications (id, user_id, kind) VALUES (1000, 1, 'Big News')`)
	w.exec(`INSERT INTO app.blocks (user_id, blocked_id) VALUES (77, 77)`)
	w.exec(`INSERT INTO app.ai_jobs (id, user_id, state) VALUES (gen_random_uuid(), 1, 'lost')`)
	report := w.imports(w.counts)
	w.equal()
	said := map[string]string{}
	for _, e := range report.Entries {
		if e.Unfit > 0 {
			said[e.Entry] = strings.Join(e.Samples, "; ")
		}
	}
	for entry, want := range map[string]string{
		"app.notifications → notifications": "category", "app.blocks → blocks": "is the user who blocks", "app.ai_jobs → jobs": "translate it",
	} {
		if !strings.Contains(said[entry], want) {
			t.Errorf("%s: %q, want %q", entry, said[entry], want)
		}
	}
	if report.Bad() != 3 {
		t.Errorf("%d rows are not in, want 3", report.Bad())
	}
}

func TestDryRunJudgesAndSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.seed()
	dry := w.imports(DrySink{Now: time.Now})
	if w.counts.sent != 0 {
		t.Error("a dry run sent events")
	}
	said := fmt.Sprintf("%+v", dry.Sums())
	if sums := fmt.Sprintf("%+v", w.imports(w.counts).Sums()); sums != said {
		t.Errorf("the dry run says %s, the import %s", said, sums)
	}
}

func TestImportOfAQuery(t *testing.T) {
	w := newWorld(t)
	w.seed()
	m, err := mapping.Parse([]byte(`
source: shortvideo
ids: {all: derived}
entries:
  - becomes: likes
    query: SELECT l.video_id AS clip, l.user_id AS fan FROM app.likes l JOIN app.videos v ON v.id = l.video_id WHERE v.state = 'published'
    columns: {video_id: clip, user_id: fan}
`))
	if err != nil {
		t.Fatal(err)
	}
	w.mapping = m
	report := w.imports(w.counts)
	var want int64
	if err := w.conn.QueryRow(t.Context(), `SELECT count(*) FROM app.likes WHERE video_id % 6 <> 0`).Scan(&want); err != nil {
		t.Fatal(err)
	}
	if report.Sums().Events != want || want == 0 {
		t.Errorf("%d likes, want %d", report.Sums().Events, want)
	}
}

// TestSeveralStartValuesOfAVideoAreRefused: the last would be the only one.
func TestSeveralStartValuesOfAVideoAreRefused(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE TABLE app.days (video_id bigint, day date, views bigint, PRIMARY KEY (video_id, day))`)
	w.exec(`INSERT INTO app.days VALUES (1, '2026-01-01', 5), (1, '2026-01-02', 7), (2, '2026-01-02', 1)`)
	for from, refused := range map[string]bool{
		"table: app.days": true,
		"query: 'SELECT * FROM app.days -- a remark;'":                                     true,
		"query: 'SELECT video_id, sum(views)::bigint AS views FROM app.days GROUP BY 1 ;'": false,
		"table: app.days, where: {day: 2026-01-02}":                                        false,
	} {
		w.maps("{becomes: baselines, " + from + ", columns: {video_id: video_id, view_count: views}}")
		im := Import{Mapping: w.mapping, Sink: w.counts, Concurrency: 1, Now: time.Now}
		report, _, err := im.Run(t.Context(), w.connect())
		if is := errors.Is(err, ErrSetUp) && strings.Contains(err.Error(), `several rows of video "1"`); is != refused || !refused && (err != nil || report.Sums().Events != 2) {
			t.Errorf("%s: %v, %+v", from, err, report.Sums())
		}
	}
	for _, query := range []string{
		"SELECT * FROM app.days; -- a remark",
		"SELECT d.video_id, o.video_id, 1 AS views FROM app.days d, app.days o",
	} {
		w.maps("{becomes: baselines, query: '" + query + "', columns: {video_id: video_id, view_count: views}}")
		im := Import{Mapping: w.mapping, Sink: w.counts, Concurrency: 1, Now: time.Now}
		if _, _, err := im.Run(t.Context(), w.connect()); !errors.Is(err, ErrSetUp) || !strings.Contains(err.Error(), "must stand as a subquery") {
			t.Errorf("%s: %v", query, err)
		}
	}
	w.maps("{becomes: baselines, table: app.days, columns: {video_id: video_id, view_count: views}}")
	w.stops(ErrSetUp, "add them up in a query")
}

func TestImportCannotChangeTheDatabase(t *testing.T) {
	w := newWorld(t)
	w.seed()
	m, err := mapping.Parse([]byte(`
source: shortvideo
ids: {all: derived}
entries: [{becomes: likes, query: DELETE FROM app.likes RETURNING video_id, columns: {video_id: video_id, user_id: video_id}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	im := Import{Mapping: m, Sink: w.counts, Concurrency: 1, Now: time.Now}
	if _, _, err := im.Run(t.Context(), w.connect()); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("%v", err)
	}
}

func TestImportNamesWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	for says, entry := range map[string]string{
		"nowhere": "{becomes: likes, table: app.nowhere, columns: {video_id: v, user_id: u}}",
		"stars":   "{becomes: likes, table: app.likes, columns: {video_id: stars, user_id: user_id}}",
	} {
		m, err := mapping.Parse([]byte("source: app\nentries: [" + entry + "]"))
		if err != nil {
			t.Fatal(err)
		}
		im := Import{Mapping: m, Sink: w.counts, Concurrency: 1, Now: time.Now}
		if _, _, err := im.Run(t.Context(), w.connect()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// failing is a sink that takes some batches and then no more.
type failing struct {
	Sink
	left int
}

var errFailing = errors.New("the service is gone")

func (f *failing) Send(ctx context.Context, batch [][]byte) (Outcome, error) {
	if f.left--; f.left < 0 {
		return Outcome{}, errFailing
	}
	return f.Sink.Send(ctx, batch)
}

func TestImportEndsWithItsSink(t *testing.T) {
	w := newWorld(t)
	w.seed()
	im := Import{Mapping: w.mapping, Sink: &failing{w.counts, 2}, Concurrency: 1, Now: time.Now}
	report, _, err := im.Run(t.Context(), w.connect())
	if !errors.Is(err, errFailing) || report.Sums().Accepted == 0 {
		t.Errorf("%v, %+v", err, report.Sums())
	}
	w.imports(w.counts)
	w.equal()
}
