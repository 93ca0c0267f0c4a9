package retention

import (
	"context"
	"errors"
	"fmt"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// ErrDiffers: the archive holds another message than the log.
var ErrDiffers = errors.New("archive and log differ")

// compare reads messages from log and archive side by side.
func (r *Retention) compare(ctx context.Context, first, upTo uint64) error {
	kept := make(chan eventlog.Message)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer close(kept)
		done <- r.cfg.Archive.Read(ctx, first, upTo, func(m eventlog.Message) error {
			select {
			case kept <- m:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	err := replay.FromLog(r.cfg.Log).Read(ctx, first, upTo, func(m eventlog.Message) error {
		copied, ok := <-kept
		switch {
		case !ok:
			return <-done
		case copied.Seq != m.Seq, !copied.Stored.Equal(m.Stored), copied.BatchID != m.BatchID, copied.Subject != m.Subject, string(copied.Data) != string(m.Data):
			return fmt.Errorf("%w: message %d", ErrDiffers, m.Seq)
		}
		return nil
	})
	cancel()
	for range kept { // until the reader has ended
	}
	return err
}
