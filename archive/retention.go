package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Retention lets the log forget what is older than a time, once nobody needs it:
// it is archived, was read back from the archive and found to be the same, and
// lies before the checkpoint of every read model. In doubt the log keeps it.
type Retention struct {
	Archive *Archive
	Log     *eventlog.Log
	// Keep is how long the log keeps a message at least.
	Keep time.Duration
	// Needs returns which messages read models may want again, the first ones first.
	Needs  func() ([]projector.Need, error)
	Logger *slog.Logger
	Now    func() time.Time

	held string // who keeps the log from being trimmed, as it was last said
}

const (
	// trimEvery is the pace of retention; nothing waits for it.
	trimEvery = time.Minute
	// trimMessages bounds what is compared and trimmed in one go.
	trimMessages = 20_000
)

// Run trims now and then until the context ends. What keeps it from trimming it
// says once, and tries again.
func (r *Retention) Run(ctx context.Context) error {
	var last string
	for {
		trimmed, err := r.Trim(ctx)
		if ctx.Err() != nil {
			return nil
		}
		said := ""
		if err != nil {
			said = err.Error()
		}
		if said != "" && said != last {
			r.Logger.Warn("the log is not trimmed; it keeps what it has", "error", err)
		}
		if last = said; trimmed > 0 {
			r.Logger.Info("the log was trimmed", "messages", trimmed)
		}
		if trimmed == trimMessages {
			continue // there is more
		}
		if !sleep(ctx, trimEvery) {
			return nil
		}
	}
}

// Trim lets the log forget what it may, trimMessages at most, and returns how many
// messages those were.
func (r *Retention) Trim(ctx context.Context) (trimmed uint64, err error) {
	first, _, err := r.Log.Bounds(ctx)
	if err != nil {
		return 0, err
	}
	upTo, err := r.limit(ctx, first)
	if err != nil || upTo < first {
		return 0, err
	}
	if err := r.compare(ctx, first, upTo); err != nil {
		return 0, fmt.Errorf("messages %d to %d are not archived as they are: %w", first, upTo, err)
	}
	if err := r.Log.Trim(ctx, upTo); err != nil {
		return 0, err
	}
	return upTo - first + 1, nil
}

// limit returns the last message that the log may forget.
func (r *Retention) limit(ctx context.Context, first uint64) (upTo uint64, err error) {
	needs, err := r.Needs()
	if err != nil {
		return 0, err
	}
	needed := needs[0].Seq // the serving model's checkpoint is among them
	_, archived, err := r.Archive.Source().Bounds(ctx)
	if err != nil {
		return 0, err
	}
	old, err := replay.Point{Time: r.Now().Add(-r.Keep)}.Find(ctx, replay.FromLog(r.Log))
	if err != nil {
		return 0, err
	}
	r.tell(needs[0], min(old, archived))
	return min(old, needed-1, archived, first+trimMessages-1), nil
}

// tell says once who keeps messages that could be trimmed otherwise. That the serving
// model's checkpoint does is how it should be: the next one lies further on.
func (r *Retention) tell(need projector.Need, otherwise uint64) {
	held := ""
	if need.Seq <= otherwise && need.By != projector.NeededByCheckpoint {
		held = need.Why
	}
	if held != r.held && held != "" {
		r.Logger.Warn("the log keeps messages that are old enough to be trimmed", "from", need.Seq, "needed_by", string(need.By), "reason", need.Why)
	} else if held != r.held {
		r.Logger.Info("the log is trimmed again", "was_needed_by", r.held)
	}
	r.held = held
}

// errDiffers: the archive holds another message than the log.
var errDiffers = errors.New("archive and log differ")

// compare reads messages from log and archive side by side.
func (r *Retention) compare(ctx context.Context, first, upTo uint64) error {
	kept := make(chan eventlog.Message)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer close(kept)
		done <- r.Archive.Source().Read(ctx, first, upTo, func(m eventlog.Message) error {
			select {
			case kept <- m:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	err := replay.FromLog(r.Log).Read(ctx, first, upTo, func(m eventlog.Message) error {
		copied, ok := <-kept
		switch {
		case !ok:
			return <-done
		case copied.Seq != m.Seq, !copied.Stored.Equal(m.Stored), copied.BatchID != m.BatchID, copied.Subject != m.Subject, string(copied.Data) != string(m.Data):
			return fmt.Errorf("%w: message %d", errDiffers, m.Seq)
		}
		return nil
	})
	cancel()
	for range kept { // until the reader has ended
	}
	return err
}

// Earlier reads messages that the log has forgotten. A database that is away is
// waited for: without these messages there is no read model.
func (a *Archive) Earlier(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	pause := retryLeast
	for {
		var failed error // of fn
		err := a.Source().Read(ctx, from, to, func(m eventlog.Message) error {
			if failed = fn(m); failed == nil {
				from = m.Seq + 1
			}
			return failed
		})
		if failed != nil || !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		a.cfg.Logger.Warn("messages that the log has forgotten cannot be read from the archive; it is tried again", "from", from, "error", err)
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
		pause = min(2*pause, retryMost)
	}
}
