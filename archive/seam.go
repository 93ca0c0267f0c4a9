package archive

import (
	"context"
	"errors"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// Whole returns the log with what it has forgotten: read from the log as far as it
// reaches back, and from the archive before that, compared at the seam. The log may
// be trimmed meanwhile: what it forgets under a reader the archive has.
func (a *Archive) Whole() replay.Source { return join(a.Source(), replay.FromLog(a.cfg.Log)) }

func join(archived, log replay.Source) whole {
	return whole{log: log, joined: replay.Join(archived, log)}
}

type whole struct{ log, joined replay.Source }

// reaching calls fn with the log where that holds the message, or else with both. A
// gap that comes of a trim in between is none: fn is called anew, with the message
// that comes next then. So it is tried once more for each trim, and no further.
func (w whole) reaching(ctx context.Context, next *uint64, fn func(replay.Source) error) error {
	first, _, err := w.log.Bounds(ctx)
	for err == nil {
		source := w.log
		if *next < first {
			source = w.joined
		}
		if err = fn(source); !errors.Is(err, replay.ErrGap) {
			return err
		}
		gap, began := err, first
		if first, _, err = w.log.Bounds(ctx); err == nil && first == began {
			return gap
		}
	}
	return err
}

func (w whole) Bounds(ctx context.Context) (first, last uint64, err error) {
	begin := uint64(1)
	err = w.reaching(ctx, &begin, func(s replay.Source) (err error) {
		if first, last, err = s.Bounds(ctx); err == nil && first > begin && s == w.log {
			return &replay.GapError{Need: begin, First: first, Last: last} // trimmed just now
		}
		return err
	})
	return first, last, err
}

func (w whole) Read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	next := max(from, 1)
	var failed error // of fn, which is returned as it is
	err := w.reaching(ctx, &next, func(s replay.Source) error {
		return s.Read(ctx, next, to, func(m eventlog.Message) error {
			if failed = fn(m); failed != nil {
				return errFailed
			}
			next = m.Seq + 1
			return nil
		})
	})
	if errors.Is(err, errFailed) {
		return failed
	}
	return err
}

// errFailed: fn has failed, and what it said is none of the source's errors.
var errFailed = errors.New("the reader has failed")
