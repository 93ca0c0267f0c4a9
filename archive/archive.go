package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/internal/sleep"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Config is what an archive needs.
type Config struct {
	// URL of the database, as libpq has it: postgres://user:password@host/database.
	URL string
	// Schema that the archive has for itself. Default tidemark.
	Schema string
	Log    *eventlog.Log
	// Spool holds what the fold that serves makes of the messages.
	Spool *Spool
	// Fold begins a fold of everything of the archive's own, which is who asks; needed by Run.
	Fold func(who string, o projector.FoldOptions) (replay.Folding, error)
	// Linger is the pace of transactions while the archive is not behind: the
	// server's disk is spared what nobody waits for. Default 200 ms.
	Linger time.Duration
	// Judges names the fold that serves. Where it is another than the one that judged
	// what is archived, that is judged anew; nil leaves it as it is.
	Judges func() projector.FoldID
	// Heartbeat is how often the server is asked for the position while there is
	// nothing to archive. Default 2 s.
	Heartbeat time.Duration
	// ChunkBytes is about how much one transaction adds. Default 8 MiB.
	ChunkBytes int
	// WriteLimit bounds a transaction: one that waits longer for a lock or for a
	// server that says nothing is begun anew. Default 2 minutes.
	WriteLimit time.Duration
	// PageLimit bounds a page of messages, and every other question of those who read
	// many: a server that says nothing is not waited for. Default 1 minute.
	PageLimit time.Duration
	Logger    *slog.Logger
	Now       func() time.Time
}

const (
	defaultSchema     = "tidemark"
	defaultLinger     = 200 * time.Millisecond
	defaultHeartbeat  = 2 * time.Second
	defaultChunkBytes = 8 << 20
	defaultWriteLimit = 2 * time.Minute
	defaultPageLimit  = time.Minute
	// lagLimit is how long something may be behind before somebody should look.
	lagLimit = 10 * time.Second
	// readers bounds the connections of those who read the archive.
	readers = 4
)

// Archive is the event log in Postgres. New connects to nothing; Run archives.
type Archive struct {
	cfg  Config
	conf *pgxpool.Config
	pool *pgxpool.Pool // of readers
	// judging is what judges anew, from one session to the next; nil where nothing does.
	judging *rejudgement

	mu       sync.Mutex
	status   Status
	caughtUp time.Time // when nothing was behind last
}

// Status is how the archive is.
type Status struct {
	// Position that is archived, as far as this process knows.
	Position Position
	// Err is why it does not go on at present; nil while it does.
	Err error
	// Retries counts the sessions that failed.
	Retries int64
	// Rewinds counts how often the position was found to lie further back than
	// it was left: a backup of the database was restored.
	Rewinds int64
	// Rejudge is what is judged anew.
	Rejudge Rejudge
}

// Rejudge is how far the archive is judged anew, by the fold that serves now.
type Rejudge struct {
	// To is the last message that is; 0 where none are. Done is the last that was.
	To, Done uint64
	// Err is why it does not go on at present; nil while it does.
	Err error
}

// New reads the configuration. A wrong URL is refused without being repeated,
// since it may hold a password.
func New(cfg Config) (*Archive, error) {
	cfg.Schema = cmp.Or(cfg.Schema, defaultSchema)
	cfg.Linger = cmp.Or(cfg.Linger, defaultLinger)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, defaultHeartbeat)
	cfg.ChunkBytes = cmp.Or(cfg.ChunkBytes, defaultChunkBytes)
	cfg.WriteLimit = cmp.Or(cfg.WriteLimit, defaultWriteLimit)
	cfg.PageLimit = cmp.Or(cfg.PageLimit, defaultPageLimit)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Archive{cfg: cfg, caughtUp: cfg.Now()}
	var err error
	if a.conf, err = pgxpool.ParseConfig(cfg.URL); err != nil {
		return nil, errors.New("it is not the address of a database, of the form postgres://user:password@host:port/database")
	}
	a.conf.MaxConns = readers
	parameters := a.conf.ConnConfig.RuntimeParams
	if parameters["application_name"] == "" {
		parameters["application_name"] = "tidemark"
	}
	a.conf.ConnConfig.AfterConnect = settle(cfg.Schema)
	if a.pool, err = pgxpool.NewWithConfig(context.Background(), a.conf); err != nil {
		return nil, fmt.Errorf("prepare connections to Postgres: %w", err)
	}
	return a, nil
}

// Close closes the connections of those who read; call it when Run has returned.
func (a *Archive) Close() { a.pool.Close() }

// Where says where the archive is, for people: without the password.
func (a *Archive) Where() string {
	c := a.conf.ConnConfig
	u := url.URL{Scheme: "postgres", Host: c.Host, Path: "/" + c.Database, RawQuery: "schema=" + a.cfg.Schema}
	return u.String()
}

// Status returns how the archive is.
func (a *Archive) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// Lag is how many messages of the log are not archived. The log's end is as of
// its last contact.
func (a *Archive) Lag() uint64 {
	if at, last := a.Status().Position.Seq, a.end(); at < last {
		return last - at
	}
	return 0
}

// end is the last message of the log, as of its last contact.
func (a *Archive) end() uint64 {
	_, last := a.cfg.Log.Contact()
	return last
}

// Lagging reports whether the archive is behind for longer than it ever should be.
func (a *Archive) Lagging() bool {
	if a.Lag() == 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cfg.Now().Sub(a.caughtUp) > lagLimit
}

// watch notes, once a second, that nothing is behind.
func (a *Archive) watch(ctx context.Context) {
	for sleep.For(ctx, time.Second) {
		if a.Lag() > 0 {
			continue
		}
		a.mu.Lock()
		a.caughtUp = a.cfg.Now()
		a.mu.Unlock()
	}
}

// Run archives until the context ends. Whatever goes wrong with the server or
// the log, it tries again; what no retry mends it says once, in the log and in
// Status, and tries all the same, ever more rarely: somebody may have mended it.
func (a *Archive) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { a.watch(ctx) })
	defer a.leaveFold()
	var retry pauses
	for {
		before := a.Status().Position.Seq
		err := a.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if a.Status().Position.Seq > before {
			retry.reset()
		}
		a.failed(err)
		if errors.Is(err, ErrBusy) || errors.Is(err, ErrForeign) || errors.Is(err, ErrDamaged) {
			a.leaveFold() // its memory may be wanted for long
		}
		if !retry.wait(ctx) {
			return nil
		}
	}
}

// failed notes that a session has ended, and tells each reason once.
func (a *Archive) failed(err error) {
	a.mu.Lock()
	old := a.status.Err
	a.status.Err = err
	a.status.Retries++
	a.mu.Unlock()
	level := slog.LevelWarn
	switch {
	case old != nil && sameReason(old, err):
		level = slog.LevelDebug
	case errors.Is(err, ErrForeign), errors.Is(err, ErrDamaged):
		level = slog.LevelError
	}
	a.cfg.Logger.Log(context.Background(), level, "the archive does not go on; it tries again", "archive", a.Where(), "error", err)
}

func sameReason(a, b error) bool {
	for _, kind := range []error{ErrUnavailable, ErrBusy, ErrForeign, ErrDamaged} {
		if errors.Is(a, kind) && errors.Is(b, kind) {
			return true
		}
	}
	return a.Error() == b.Error()
}

// note notes how far the archive has come.
func (a *Archive) note(p Position) {
	a.mu.Lock()
	before, failed := a.status.Position, a.status.Err != nil
	a.status.Position, a.status.Err = p, nil
	if a.status.Rejudge.To, a.status.Rejudge.Done = 0, 0; p.rejudge.to != nil {
		a.status.Rejudge.To, a.status.Rejudge.Done = *p.rejudge.to, p.rejudge.done
	}
	if p.Seq < before.Seq {
		a.status.Rewinds++
	}
	if now := a.cfg.Now(); now.Sub(p.Stored) < lagLimit {
		a.caughtUp = now
	}
	a.mu.Unlock()
	if p.Seq < before.Seq {
		a.cfg.Logger.Warn("the archive lies further back than it was left: a backup was restored; it goes on from there",
			"position", p.Seq, "was", before.Seq)
	}
	if failed {
		a.cfg.Logger.Info("the archive goes on", "position", p.Seq)
	}
}
