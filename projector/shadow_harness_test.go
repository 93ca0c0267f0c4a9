package projector

import (
	"context"
	"errors"

	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// read reads the log as a shadow's source.
func (w *world) read(ctx context.Context, from, to uint64, fn func(eventlog.Message) error) error {
	enough := errors.New("enough")
	err := w.log.Read(ctx, from, func(m eventlog.Message) error {
		err := fn(m)
		if err == nil && m.Seq == to {
			err = enough
		}
		return err
	})
	if errors.Is(err, enough) {
		return nil
	}
	return err
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// begun returns a shadow that was begun or gone on with.
func (w *world) begun(s *Shadow, err error) *Shadow {
	w.t.Helper()
	w.must(err)
	return s
}

// catchUp brings a shadow to a sequence.
func (w *world) catchUp(s *Shadow, to uint64) {
	w.t.Helper()
	w.must(s.CatchUp(testContext(w.t), w.read, to, func(uint64, int) error { return nil }))
}

// compare brings the shadow to a checkpoint of the serving model, and reports
// whether both have one digest there.
func (w *world) compare(s *Shadow) bool {
	w.t.Helper()
	live, err := w.p.Checkpoint(testContext(w.t), s.At().Seq)
	w.must(err)
	w.catchUp(s, live.At.Seq)
	own, err := s.SaveToServe()
	w.must(err)
	return own == live
}

// switchTo brings the shadow up and lets it serve.
func (w *world) switchTo(s *Shadow) Switched {
	w.t.Helper()
	unfollow := w.p.Follow()
	defer unfollow()
	w.catchUp(s, w.p.Snapshot().At.Seq)
	done, err := w.p.Switch(testContext(w.t), s)
	w.must(err)
	w.must(s.Close())
	return done
}

func (w *world) named() ModelNames {
	w.t.Helper()
	r, err := w.p.Names()
	w.must(err)
	return r
}
