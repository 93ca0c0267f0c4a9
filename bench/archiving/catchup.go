package archiving

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark-io/tidemark/archive"
	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// The scenarios, and the subjects of their rows.
const (
	CatchUp  = "archive/catchup"
	Archive  = "tidemark, catching up"
	Copy     = "COPY of the same rows, same indexes"
	CopyBare = "COPY of the same rows, no index"
	Singles  = "durable commands one by one, 64 at once, in process"
)

// Groups returns the measurements of the archive.
func Groups() []scenario.Group {
	row := func(subject string) result.Selector { return result.Selector{Scenario: CatchUp, Subject: subject} }
	return []scenario.Group{{Scenarios: []scenario.Scenario{
		{Name: CatchUp, Takes: scenario.Takes{Full: 5 * time.Minute, Quick: 80 * time.Second}, Run: catchUp, Goals: []result.Goal{
			{What: "archive to COPY of the same rows alone", Figure: result.Events, Of: row(Archive), To: row(Copy), Limit: 0.6, AtLeast: true},
			{What: "archive to COPY of the same rows without an index", Figure: result.Events, Of: row(Archive), To: row(CopyBare), Reported: true},
			{What: "catching up to durable commands one by one", Figure: result.Events, Of: row(Archive), To: row(Singles), Limit: 5, AtLeast: true},
		}},
		{Name: Away, Takes: scenario.Takes{Full: 2 * time.Minute, Quick: 30 * time.Second}, Run: away, Goals: awayGoals()},
	}}}
}

// catchup is a log, and the server that it is archived into.
type catchup struct {
	events   int
	log      *eventlog.Log
	spool    *archive.Spool
	postgres *process.Postgres
	db       *pgx.Conn
	last     uint64
	schemas  int
	// messages and rows are the archived ones, in the binary form of COPY.
	messages, rows bytes.Buffer
}

func catchUp(ctx context.Context, env *scenario.Env) (rows []result.Row, err error) {
	c := &catchup{events: scenario.Pick(env, 2_000_000, 500_000, 20_000)}
	dir, err := env.TempDir("archive")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	defer c.close()
	if err := c.prepare(ctx, env, dir); err != nil {
		return nil, err
	}
	parameters := map[string]string{"events": strconv.Itoa(c.events)}
	for _, subject := range []string{Archive, Copy, CopyBare, Singles} {
		rows = append(rows, result.Row{Scenario: CatchUp, Subject: subject, Parameters: parameters})
	}
	if _, err := c.archive(ctx); err != nil { // fills what is copied
		return nil, err
	}
	if err := c.export(ctx); err != nil {
		return nil, err
	}
	measures := []func(context.Context) (float64, error){
		c.archive,
		func(ctx context.Context) (float64, error) { return c.copy(ctx, "INCLUDING ALL") },
		func(ctx context.Context) (float64, error) { return c.copy(ctx, "INCLUDING STORAGE") },
		func(ctx context.Context) (float64, error) { return singles(ctx, env) },
	}
	err = env.Interleave(ctx, len(rows), func(ctx context.Context, _, subject int) error {
		rate, err := measures[subject](ctx)
		rows[subject].Add(result.Events, result.PerSecond, rate)
		return err
	})
	return rows, err
}

// prepare writes the log, lets a fold judge it, and starts the server.
func (c *catchup) prepare(ctx context.Context, env *scenario.Env, dir string) (err error) {
	videos := scenario.Pick(env, 200_000, 50_000, 5_000)
	if _, err := history.Write(ctx, dir, history.Mixed(c.events, history.Zipf(7, videos))); err != nil {
		return err
	}
	if c.log, err = eventlog.Open(ctx, eventlog.Config{Dir: history.LogDir(dir)}); err != nil {
		return err
	}
	if _, c.last, err = c.log.Bounds(ctx); err != nil {
		return err
	}
	c.spool = archive.NewSpool(filepath.Join(dir, "judged"), slog.New(slog.DiscardHandler))
	if err := c.spool.Begin(0); err != nil {
		return err
	}
	fold := projector.NewFold(readmodel.New(c.model()), projector.FoldOptions{Judge: c.spool.Append})
	err = c.log.Read(ctx, 1, func(m eventlog.Message) error {
		if err := fold.Message(m); err != nil || m.Seq < c.last {
			return err
		}
		return errDone
	})
	if !errors.Is(err, errDone) {
		return err
	}
	server := filepath.Join(dir, "postgres")
	if err := os.Mkdir(server, 0o711); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	postgres, err := process.StartPostgres(ctx, server)
	if err != nil {
		return err
	}
	c.postgres = postgres
	c.db, err = pgx.Connect(ctx, c.postgres.URL)
	return err
}

var errDone = errors.New("all is read")

func (c *catchup) model() readmodel.Config {
	return readmodel.Config{Incarnation: c.log.Incarnation(), DedupeHorizon: 168 * time.Hour, OutcomeHorizon: 25 * time.Hour}
}

// close ends what prepare has started, be it all or not.
func (c *catchup) close() {
	if c.db != nil {
		_ = c.db.Close(context.Background())
	}
	if c.postgres != nil {
		_ = c.postgres.Stop()
	}
	if c.spool != nil {
		c.spool.Close()
	}
	if c.log != nil {
		c.log.Close()
	}
}

// archive archives the log into a schema of its own and returns its rate.
func (c *catchup) archive(ctx context.Context) (float64, error) {
	if c.schemas > 1 {
		if _, err := c.db.Exec(ctx, fmt.Sprintf("DROP SCHEMA archive_%d CASCADE; CHECKPOINT", c.schemas)); err != nil {
			return 0, err
		}
	}
	c.schemas++
	a, err := archive.New(archive.Config{
		URL: c.postgres.URL, Schema: fmt.Sprintf("archive_%d", c.schemas), Log: c.log, Spool: c.spool, Model: c.model(),
	})
	if err != nil {
		return 0, err
	}
	defer a.Close()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	done := make(chan error, 1)
	start := time.Now()
	go func() {
		defer close(ended)
		done <- a.Run(ctx)
	}()
	for archiving := true; archiving && a.Status().Position.Seq < c.last; {
		select {
		case <-time.After(time.Millisecond):
		case <-ended:
			archiving = false
		}
	}
	took := time.Since(start)
	cancel()
	if err := errors.Join(<-done, a.Status().Err); err != nil {
		return 0, err
	}
	if got := a.Status().Position.Events; got != uint64(c.events) {
		return 0, fmt.Errorf("%d events are archived, there are %d", got, c.events)
	}
	return float64(c.events) / took.Seconds(), nil
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
	start := time.Now()
	err = pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		for table, rows := range map[string]*bytes.Buffer{"messages": &c.messages, "events": &c.rows} {
			if _, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows.Bytes()), "COPY plain_"+table+" FROM STDIN BINARY"); err != nil {
				return fmt.Errorf("copy the %s: %w", table, err)
			}
		}
		return nil
	})
	return float64(c.events) / time.Since(start).Seconds(), err
}

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
