package archiving

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark-io/tidemark/archive"
	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/bench/writing"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// The scenarios, and the subjects of their rows.
const (
	CatchUp  = "archive/catchup"
	Archive  = "tidemark, catching up"
	Copy     = "COPY of the same rows, same indexes"
	CopyBare = "COPY of the same rows, no index"
	Singles  = "durable commands one by one, 64 at once, in process"
	Commands = "durable commands over HTTP, 64 connections"
	Behind   = "tidemark, catching up on those commands"
	Bulk     = "durable events through /v1/events, 4 connections"
	BulkLog  = "tidemark, catching up on those events"
)

// Groups returns the measurements of the archive.
func Groups() []scenario.Group {
	row := func(subject string) result.Selector { return result.Selector{Scenario: CatchUp, Subject: subject} }
	return []scenario.Group{{Scenarios: []scenario.Scenario{
		{Name: CatchUp, Rounds: 3, Takes: scenario.Takes{Full: 130 * time.Second, Quick: 80 * time.Second}, Run: catchUp, Goals: []result.Goal{
			{What: "archive to COPY of the same rows alone", Figure: result.Events, Of: row(Archive), To: row(Copy), Limit: 0.6, AtLeast: true},
			{What: "archive to COPY of the same rows without an index", Figure: result.Events, Of: row(Archive), To: row(CopyBare), Reported: true},
			{What: "catching up on durable commands to their rate over HTTP", Figure: result.Events, Of: row(Behind), To: row(Commands), Limit: 5, AtLeast: true},
			{What: "catching up to durable commands one by one, in process", Figure: result.Events, Of: row(Archive), To: row(Singles), Reported: true},
			{What: "catching up on events of /v1/events to their rate", Figure: result.Events, Of: row(BulkLog), To: row(Bulk), Reported: true},
		}},
		{Name: Away, Takes: scenario.Takes{Full: 90 * time.Second, Quick: 30 * time.Second}, Run: away, Goals: awayGoals()},
	}}}
}

// catchup is a server that logs are archived into, and one such log.
type catchup struct {
	env      *scenario.Env
	mixed    *judged
	postgres *process.Postgres
	db       *pgx.Conn
	schemas  int
	// messages and rows are the archived ones, in the binary form of COPY.
	messages, rows bytes.Buffer
}

func catchUp(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	c := &catchup{env: env}
	dir, err := env.TempDir("archive")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := c.startPostgres(ctx, dir); err != nil {
		var missing *process.MissingError
		if errors.As(err, &missing) {
			env.Miss(missing.Error())
			return nil, nil
		}
		return nil, err
	}
	defer c.stopPostgres()
	count, videos := scenario.Pick(env, 2_000_000, 500_000, 20_000), scenario.Pick(env, 200_000, 50_000, 5_000)
	if _, err := history.Write(ctx, dir, history.Mixed(count, history.Zipf(7, videos))); err != nil {
		return nil, err
	}
	if c.mixed, err = judge(ctx, dir); err != nil {
		return nil, err
	}
	defer c.mixed.close()
	if _, err := c.archive(ctx, c.mixed); err != nil { // fills what is copied
		return nil, err
	}
	if err := c.export(ctx); err != nil {
		return nil, err
	}
	one := func(measure func(context.Context) (float64, error)) func(context.Context, []result.Row) error {
		return func(ctx context.Context, rows []result.Row) error {
			rate, err := measure(ctx)
			rows[0].Add(result.Events, result.PerSecond, rate)
			return err
		}
	}
	measures := []struct {
		subjects []string
		run      func(context.Context, []result.Row) error
	}{
		{[]string{Archive}, one(func(ctx context.Context) (float64, error) { return c.archive(ctx, c.mixed) })},
		{[]string{Copy}, one(func(ctx context.Context) (float64, error) { return c.copy(ctx, "INCLUDING ALL") })},
		{[]string{CopyBare}, one(func(ctx context.Context) (float64, error) { return c.copy(ctx, "INCLUDING STORAGE") })},
		{[]string{Singles}, one(func(ctx context.Context) (float64, error) { return singles(ctx, env) })},
		{[]string{Commands, Behind}, func(ctx context.Context, rows []result.Row) error { return c.behind(ctx, rows, writing.Singles) }},
		{[]string{Bulk, BulkLog}, func(ctx context.Context, rows []result.Row) error { return c.behind(ctx, rows, writing.Bulk) }},
	}
	parts := make([][]result.Row, len(measures))
	for i, m := range measures {
		for _, subject := range m.subjects {
			parts[i] = append(parts[i], result.Row{Scenario: CatchUp, Subject: subject})
		}
	}
	err = env.Interleave(ctx, len(measures), func(ctx context.Context, _, i int) error {
		return measures[i].run(ctx, parts[i])
	})
	return slices.Concat(parts...), err
}

func (c *catchup) startPostgres(ctx context.Context, dir string) (err error) {
	server := filepath.Join(dir, "postgres")
	if err := errors.Join(os.Mkdir(server, 0o711), os.Chmod(dir, 0o711)); err != nil {
		return err
	}
	if c.postgres, err = process.StartPostgres(ctx, server); err != nil {
		return err
	}
	c.db, err = pgx.Connect(ctx, c.postgres.URL)
	return err
}

func (c *catchup) stopPostgres() {
	_ = c.db.Close(context.Background())
	_ = c.postgres.Stop()
}

// archive archives a log into a schema of its own, and returns its rate from when
// the schema is made.
func (c *catchup) archive(ctx context.Context, j *judged) (float64, error) {
	if c.schemas > 1 {
		if _, err := c.db.Exec(ctx, fmt.Sprintf("DROP SCHEMA archive_%d CASCADE; CHECKPOINT", c.schemas)); err != nil {
			return 0, err
		}
	}
	c.schemas++
	a, err := archive.New(archive.Config{
		URL: c.postgres.URL, Schema: fmt.Sprintf("archive_%d", c.schemas), Log: j.log, Spool: j.spool, Fold: (&replay.Folds{Memory: replay.NewMemory(replay.MemoryConfig{}), Model: j.model()}).Begin,
	})
	if err != nil {
		return 0, err
	}
	defer a.Close()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	until := func(holds func(archive.Status) bool) {
		for !holds(a.Status()) && a.Status().Err == nil && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}
	until(func(s archive.Status) bool { return s.Position.Incarnation() != events.Incarnation{} })
	start := time.Now()
	until(func(s archive.Status) bool { return s.Position.Seq >= j.last })
	took, status := time.Since(start), a.Status()
	cancel()
	if err := errors.Join(<-done, status.Err); err != nil {
		return 0, err
	}
	if status.Position.Events != j.events {
		return 0, fmt.Errorf("%d events are archived, there are %d", status.Position.Events, j.events)
	}
	return float64(j.events) / took.Seconds(), nil
}

// export reads the archived rows as COPY takes them.
func (c *catchup) export(ctx context.Context) error {
	for table, into := range map[string]*bytes.Buffer{"messages": &c.messages, "events": &c.rows} {
		sql := fmt.Sprintf("COPY (SELECT * FROM archive_1.%s ORDER BY seq) TO STDOUT BINARY", table)
		if _, err := c.db.PgConn().CopyTo(ctx, into, sql); err != nil {
			return fmt.Errorf("read the archived %s: %w", table, err)
		}
	}
	return nil
}

// copy copies the rows into new tables, in one transaction, and returns its rate.
func (c *catchup) copy(ctx context.Context, including string) (float64, error) {
	_, err := c.db.Exec(ctx, fmt.Sprintf(`DROP TABLE IF EXISTS plain_messages, plain_events;
CREATE TABLE plain_messages (LIKE archive_1.messages %s); CREATE TABLE plain_events (LIKE archive_1.events %[1]s); CHECKPOINT`, including))
	if err != nil {
		return 0, err
	}
	if _, err := c.db.Exec(ctx, openRanges); err != nil {
		return 0, err
	}
	start := time.Now()
	err = pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		for table, rows := range map[string]*bytes.Buffer{"messages": &c.messages, "events": &c.rows} {
			if _, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows.Bytes()), "COPY plain_"+table+" FROM STDIN BINARY"); err != nil {
				return fmt.Errorf("copy the %s: %w", table, err)
			}
		}
		return nil
	})
	return float64(c.mixed.events) / time.Since(start).Seconds(), err
}

// openRanges takes the filters of the empty table away, which cost each row of the
// first pages much, as the archive does.
const openRanges = `SELECT brin_desummarize_range(indexrelid, 0) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
WHERE indrelid = 'plain_events'::regclass AND amname = 'brin'`

// singles commits events one by one, 64 at once, and returns how many a second
// were durable: what a service without HTTP in front of it would take.
func singles(ctx context.Context, env *scenario.Env) (float64, error) {
	dir, err := env.TempDir("singles")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	l, err := eventlog.Open(ctx, eventlog.Config{Dir: filepath.Join(dir, "jetstream")})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	w := l.NewWriter(eventlog.WriterConfig{})
	running, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- w.Run(running) }()
	entry := events.Entry{Events: 1, Bytes: events.AppendEvent(nil, events.Meta{Type: events.TypeVideoViewed, Time: events.TimeOf(time.Now())}, events.VideoViewed{})}
	var callers errgroup.Group
	var total atomic.Int64
	start := time.Now()
	for range 64 {
		callers.Go(func() error {
			for time.Since(start) < env.Window() {
				if _, err := w.Commit(ctx, entry); err != nil {
					return err
				}
				total.Add(1)
			}
			return nil
		})
	}
	err = callers.Wait()
	took := time.Since(start)
	cancel()
	return float64(total.Load()) / took.Seconds(), errors.Join(err, <-done)
}
