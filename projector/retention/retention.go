package retention

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/internal/sleep"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Config is what retention needs. Without Archive and Snapshots nothing is trimmed.
type Config struct {
	Log *eventlog.Log
	// Keep is how long the log keeps a message at least.
	Keep time.Duration
	// Needs returns who may want which messages again.
	Needs func() ([]projector.Need, error)
	// Archive holds the messages that were archived; nil if there is none.
	Archive replay.Source
	// Snapshots are those that are taken now and then; nil if none are.
	Snapshots *replay.Snapshots
	// Renew has a snapshot taken for one that was found damaged.
	Renew func()
	// Trim is the log's, unless a test puts itself between.
	Trim   func(ctx context.Context, upTo uint64) error
	Logger *slog.Logger
	Now    func() time.Time
}

// Retention lets the log forget. New trims nothing; Run does.
type Retention struct {
	cfg Config

	told projector.Need // who keeps the log from being trimmed, as it was last said
	read time.Duration  // how long the last cycle read snapshots

	mu     sync.Mutex
	status Status
}

// Status is what retention came to in its last cycle.
type Status struct {
	// Trimmed counts the messages that this process had the log forget.
	Trimmed uint64
	// Held is who keeps the log from forgetting more.
	Held projector.Need
	// Err is why the cycle came to no end.
	Err error
}

const (
	// trimEvery is the pace of retention; nothing waits for it.
	trimEvery = time.Minute
	// trimMessages bounds what is compared and trimmed in one go.
	trimMessages = 20_000
	// restFactor is how much longer retention rests than it read snapshots: that takes one
	// processor and the disk, which others need more.
	restFactor = 50
)

// New returns retention for this configuration.
func New(cfg Config) *Retention {
	if cfg.Trim == nil {
		cfg.Trim = cfg.Log.Trim
	}
	return &Retention{cfg: cfg}
}

// Status returns how the last cycle went.
func (r *Retention) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Run trims now and then until the context ends. What keeps it from trimming it
// says once, and tries again.
func (r *Retention) Run(ctx context.Context) error {
	var last string
	for {
		trimmed, err := r.Cycle(ctx)
		if ctx.Err() != nil {
			return nil
		}
		said := ""
		if err != nil {
			said = err.Error()
		}
		if said != "" && said != last {
			r.cfg.Logger.Warn("the log is not trimmed; it keeps what it has", "error", err)
		}
		if last = said; trimmed > 0 {
			r.cfg.Logger.Info("the log was trimmed", "messages", trimmed)
		}
		if !sleep.For(ctx, max(trimEvery, restFactor*r.read)) {
			return nil
		}
	}
}

// Cycle lets the log forget what it may, and returns how many messages those were.
func (r *Retention) Cycle(ctx context.Context) (trimmed uint64, err error) {
	c := cycle{Retention: r}
	r.read = 0
	more := true
	for more && err == nil {
		var n uint64
		n, err = c.trim(ctx)
		trimmed, more = trimmed+n, n > 0
	}
	if err == nil {
		r.tell(c.held)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = Status{Trimmed: r.status.Trimmed + trimmed, Held: c.held, Err: err}
	return trimmed, err
}

// cycle is one cycle under way.
type cycle struct {
	*Retention
	held projector.Need
	// standby is the snapshot that was read in this cycle, and holds.
	standby *replay.Standby
}

// trim trims trimMessages at most. Reading takes its time, so read models and the snapshot
// are looked at once more before the log forgets anything: one may be rebuilt since, the
// other be distrusted.
func (c *cycle) trim(ctx context.Context) (trimmed uint64, err error) {
	first, last, err := c.cfg.Log.Bounds(ctx)
	if err != nil {
		return 0, err
	}
	for _, look := range []func(context.Context, uint64) (projector.Need, error){c.claimed, c.verified} {
		if c.held, err = look(ctx, first); err != nil || c.held.Seq <= first || last <= first {
			return 0, err
		}
	}
	upTo := min(c.held.Seq-1, last-1, first+trimMessages-1)
	if c.cfg.Archive != nil {
		if err := c.compare(ctx, first, upTo); err != nil {
			return 0, fmt.Errorf("messages %d to %d are not archived as they are: %w", first, upTo, err)
		}
	}
	needed, err := c.needed()
	if err != nil {
		return 0, err
	}
	if needed.Seq <= upTo {
		if c.held, upTo = needed, needed.Seq-1; upTo < first {
			return 0, nil
		}
	}
	// In this order: a run that distrusts the snapshot is among those who need the log until it has.
	if stands, err := c.stands(first); err != nil || !stands {
		return 0, err
	}
	if err := c.cfg.Trim(ctx, upTo); err != nil {
		return 0, err
	}
	return upTo - first + 1, nil
}

// tell says once who keeps messages that are old enough to be trimmed, and should not for
// long: checkpoints, snapshots and the archive get further by themselves.
func (r *Retention) tell(held projector.Need) {
	switch held.By {
	case ByAge, ByArchive, projector.NeededByCheckpoint:
		held = projector.Need{}
	case BySnapshot:
		if held.Seq > 0 {
			held = projector.Need{}
		}
	}
	switch {
	case held == r.told:
	case held.By != "":
		r.cfg.Logger.Warn("the log keeps messages that are old enough to be trimmed", "from", max(held.Seq, 1), "needed_by", string(held.By), "reason", held.Why)
	default:
		r.cfg.Logger.Info("the log is trimmed again", "was_needed_by", r.told.Why)
	}
	r.told = held
}
