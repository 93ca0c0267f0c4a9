package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/internal/sleep"
)

// Capture follows the changes of the mapped tables, after an import of what
// they hold.
type Capture struct {
	// URL is the database; its user needs REPLICATION, and must own the tables or
	// be a superuser to publish them.
	URL     string
	Mapping *mapping.Mapping
	Sink    Sink
	// Slot names the slot and the publication.
	Slot string
	// StateFile is where the capture's state is kept.
	StateFile string
	// Concurrency is how many batches of the import are under way at once.
	Concurrency int
	// SkipTruncate leaves counts as they are where a table is truncated; without
	// it the capture ends with ErrTruncated.
	SkipTruncate bool
	// UntilCaughtUp ends the capture once it has taken all that was committed
	// when it began to follow.
	UntilCaughtUp bool
	// ImportOnly ends the capture when the import is finished: the slot keeps
	// what changes from then on, for the next capture.
	ImportOnly bool
	// Imported, if set, is given the report of the import, and Progress is told
	// how many more rows it read.
	Imported func(*Report)
	Progress func(rows int)
	Logger   *slog.Logger
	Now      func() time.Time

	state   State
	stats   Stats
	sources []source // by entry
	wanted  []bool   // the entries that are to be imported; nil for all
	claimed bool     // once, for an import

	lookLimit time.Duration // in place of the usual one
}

// Stats are counted by the capture and read by whoever observes it.
type Stats struct {
	Transactions, Changes, Events, Rejected, Unfit atomic.Int64
	// LagBytes is how much of the log Postgres keeps for the slot, as of the last look.
	LagBytes atomic.Int64
	// Following: the import is finished.
	Following atomic.Bool
	// LastCommit is the time of the last commit taken, in Unix seconds.
	LastCommit atomic.Int64
}

// Stats returns the present figures.
func (c *Capture) Stats() *Stats { return &c.stats }

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// Run follows until the context ends, through outages of Postgres. It returns
// ErrSetUp, ErrSlotGone, ErrPublicationGone, ErrRewound, ErrSchemaChanged or
// ErrTruncated where a person must act, and what the Sink fails with. Nothing is lost by any of them: the slot
// keeps what was not taken.
func (c *Capture) Run(ctx context.Context) error {
	var err error
	if c.state, err = readState(c.StateFile); err != nil {
		return err
	}
	if c.state.Slot != "" && c.state.Slot != c.Slot {
		return setUp("%s is the state of slot %s, not of %s; give another state file", c.StateFile, c.state.Slot, c.Slot)
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		before := c.stats.Transactions.Load()
		err := refused(c.session(ctx))
		if ctx.Err() != nil {
			return nil
		}
		if err == nil || !passing(err) {
			return err
		}
		if c.stats.Transactions.Load() > before {
			pause = firstPause
		}
		c.Logger.Warn("following Postgres was interrupted, it will be tried again", "error", err, "pause", pause.String())
		if !sleep.For(ctx, pause) {
			return nil
		}
	}
}

// errSink marks an error of the Sink, which has tried for long enough by itself.
type errSink struct{ error }

func (e errSink) Unwrap() error { return e.error }

// passing reports whether another try may help.
func passing(err error) bool {
	var sink errSink
	for _, final := range []error{ErrSetUp, ErrSlotGone, ErrPublicationGone, ErrRewound, ErrSchemaChanged, ErrTruncated, mapping.ErrMapping} {
		if errors.Is(err, final) {
			return false
		}
	}
	return !errors.As(err, &sink)
}

// session follows over one pair of connections.
func (c *Capture) session(ctx context.Context) error {
	conn, err := connect(ctx, c.URL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing depends on it any more
	if err := c.claim(ctx, conn); err != nil {
		return err
	}
	replication, err := connectReplication(ctx, c.URL)
	if err != nil {
		return err
	}
	defer replication.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the slot knows what was confirmed
	snapshot, imported, err := c.open(ctx, conn, replication)
	if err != nil {
		return err
	}
	if !imported {
		if c.wanted != nil && !c.ImportOnly { // it shares the lock, which it was to follow with
			if err := c.alone(ctx, conn); err != nil {
				return err
			}
		}
		if err := c.importFirst(ctx, conn, snapshot); err != nil {
			return err
		}
	}
	if c.ImportOnly {
		return nil
	}
	if !imported {
		if err := c.share(ctx, conn); err != nil {
			return err
		}
	}
	c.stats.Following.Store(true)
	f := follower{c: c, conn: conn, replication: replication}
	return f.run(ctx)
}

// open makes sure that publication and slot are there, and are ours, and reports
// whether all that is mapped is imported. Where the slot is new, it returns the
// snapshot that it begins at.
func (c *Capture) open(ctx context.Context, conn *pgx.Conn, replication *pgconn.PgConn) (snapshot string, imported bool, err error) {
	system, err := systemOf(ctx, replication)
	if err != nil {
		return "", false, err
	}
	if c.state.System != "" && c.state.System != system {
		return "", false, setUp("%s is the state of another database cluster (%s, this is %s)", c.StateFile, c.state.System, system)
	}
	if imported, err = c.find(ctx, conn); err != nil {
		return "", false, err
	}
	s, err := lookAtSlot(ctx, conn, c.Slot)
	switch {
	case err != nil:
		return "", false, err
	case s.lost, !s.there && c.state.Imported:
		return "", false, fmt.Errorf("slot %s: %w", c.Slot, ErrSlotGone)
	case s.active:
		return "", false, fmt.Errorf("slot %s is in use by another connection", c.Slot)
	}
	if err := openPublication(ctx, conn, c.Slot, c.sources, s); err != nil {
		return "", false, err
	}
	if !s.there {
		c.Logger.Info("a slot is made; that waits for transactions that are open in the database", "slot", c.Slot)
		if snapshot, err = createSlot(ctx, replication, c.Slot); err != nil {
			return "", false, err
		}
	} else if !imported {
		c.Logger.Info("not all that is mapped is known to be imported; that is imported now, and counts once, as what came before does; of rows that became views within the service's --dedupe-horizon only", "slot", c.Slot)
	}
	c.state.Slot, c.state.System = c.Slot, system
	return snapshot, imported, c.state.write(c.StateFile)
}

// find finds the mapped tables, and reports whether all of them are imported.
func (c *Capture) find(ctx context.Context, conn *pgx.Conn) (imported bool, err error) {
	c.wanted = nil
	if c.sources, err = findSources(ctx, conn, c.Mapping); err != nil {
		if c.state.Imported && errors.Is(err, mapping.ErrMapping) {
			return false, changed(err)
		}
		return false, err
	}
	if !c.state.Imported {
		return false, nil
	}
	wanted, grown, err := c.compareSources()
	switch {
	case err != nil:
		return false, err
	case grown:
		c.wanted = wanted
	default:
		c.noteSources() // one may have been renamed
	}
	return !grown, nil
}

func (c *Capture) importFirst(ctx context.Context, conn *pgx.Conn, snapshot string) error {
	im := Import{Mapping: c.Mapping, Sink: c.Sink, Concurrency: c.Concurrency, Progress: c.Progress, Snapshot: snapshot, Now: c.Now, wanted: c.wanted}
	report, at, err := im.Run(ctx, conn)
	if err != nil {
		return fmt.Errorf("import before following: %w", err)
	}
	if c.Imported != nil {
		c.Imported(report)
	}
	c.state.Imported, c.state.Latest, c.state.Given = true, max(c.state.Latest, at), max(c.state.Given, at)
	c.noteSources()
	return c.state.write(c.StateFile)
}

// timeOf is the time that the events of a commit are given: its own, never before
// that of an earlier one, whatever clocks say, and never ahead of the clock here, since
// the service takes nothing of the future. A clock that was set back by more than the
// service would take is waited for: an unlike that seems older than its like would be lost.
func (c *Capture) timeOf(commit time.Time) (events.Time, error) {
	now := c.Now()
	c.state.Latest = max(c.state.Latest, events.TimeOf(commit))
	at := max(c.state.Given, min(c.state.Latest, events.TimeOf(now)))
	if at > events.TimeOf(now.Add(events.MaxAhead)) {
		return 0, fmt.Errorf("give a commit its time: the clock here says %s, and an earlier commit was given %s already; set the clock, or wait until it is there",
			now.UTC().Format(time.RFC3339), at.Std().UTC().Format(time.RFC3339))
	}
	c.state.Given = at
	return at, nil
}
