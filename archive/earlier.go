package archive

import (
	"context"
	"errors"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// Earlier reads messages that the log has forgotten. A database that is away is
// waited for: without these messages there is no read model.
func (a *Archive) Earlier(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	var retry pauses
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
		if !retry.wait(ctx) {
			return ctx.Err()
		}
	}
}
