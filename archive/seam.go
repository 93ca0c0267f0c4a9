package archive

import (
	"context"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Whole returns the log with what it has forgotten: read from the log as far as it
// reaches back, and from the archive before that, compared at the seam.
func (a *Archive) Whole() replay.Source {
	log := replay.FromLog(a.cfg.Log)
	return whole{log: log, joined: replay.Join(a.Source(), log)}
}

type whole struct{ log, joined replay.Source }

// reaching returns the log where it holds the message, or else both.
func (w whole) reaching(ctx context.Context, seq uint64) (replay.Source, error) {
	first, _, err := w.log.Bounds(ctx)
	if err != nil || seq >= first {
		return w.log, err
	}
	return w.joined, nil
}

func (w whole) Bounds(ctx context.Context) (first, last uint64, err error) {
	s, err := w.reaching(ctx, 1)
	if err != nil {
		return 0, 0, err
	}
	return s.Bounds(ctx)
}

func (w whole) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	s, err := w.reaching(ctx, max(from, 1))
	if err != nil {
		return err
	}
	return s.Read(ctx, from, to, fn)
}
