package projector

import (
	"context"
	"errors"
	"testing"

	"github.com/tidemark-io/tidemark/events"
)

// A shadow on a disk that is short of space waits, with no more changes in memory than
// may wait for a checkpoint, while the serving model goes on; and it goes on itself when
// there is space again. No shadow is begun meanwhile.
func TestShadowWaitsWhileTheDiskIsShort(t *testing.T) {
	for name, memory := range map[string]int{"in memory": 0, "on disk": little} {
		t.Run(name, func(t *testing.T) {
			w := startWorld(t)
			w.commits(0, 150)
			s := w.begun(w.p.NewShadow(testContext(t), nil, ShadowOptions{Read: w.read, OnDisk: memory}))
			s.e.saver.bytes = 2 << 10
			short := errors.New("12 bytes are free")
			w.forbid(short)
			_, refused := w.p.ComparedShadow(testContext(t), ShadowOptions{Read: w.read, OnDisk: memory})
			_, noScratch := w.p.NewScratch(little, FoldOptions{})
			for _, err := range []error{refused, noScratch} {
				if !errors.Is(err, ErrDiskShort) || !errors.Is(err, short) {
					t.Errorf("begun: %v", err)
				}
			}
			said := make(chan error)
			s.WhenPaused(func(why error) { said <- why })
			ended, most := make(chan error), 0
			go func() {
				ended <- s.CatchUp(testContext(t), w.read, w.end(), func(uint64, int) error {
					most = max(most, s.e.model.DirtyBytes())
					return nil
				})
			}()
			if why := <-said; !errors.Is(why, short) {
				t.Errorf("it waits for %v", why)
			}
			w.commits(150, 5)
			w.must(w.p.WaitFor(testContext(t), events.Position{Seq: w.end()}))
			w.forbid(nil)
			if why := <-said; why != nil {
				t.Errorf("it waits on for %v", why)
			}
			w.must(<-ended)
			if s.e.version < 3 || most > 16<<10 {
				t.Errorf("%d checkpoints, %d bytes in memory", s.e.version, most)
			}
			s.WhenPaused(func(error) {})
			if !w.compare(s) {
				t.Error("it differs from the serving model")
			}
			w.forbid(short)
			ctx, cancel := context.WithCancel(testContext(t))
			s.WhenPaused(func(error) { cancel() })
			if err := s.AwaitDisk(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("it waits no more: %v", err)
			}
			w.must(s.Close())
			w.forbid(nil)
			w.equal("in the end")
		})
	}
}

// Whoever waits for a checkpoint of the serving model need not wait for the next try of
// one that was put off for want of disk: a rebuild would fail for it once there is space.
func TestACheckpointThatWasPutOffIsWrittenOnceThereIsSpace(t *testing.T) {
	w := newWorld(t)
	w.openLog("log")
	w.start()
	w.commits(0, 5)
	w.equal("before")
	w.forbid(errors.New("12 bytes are free"))
	if _, err := w.p.Checkpoint(testContext(t), w.end()); err == nil {
		t.Fatal("a checkpoint was written without space")
	}
	w.forbid(nil)
	if d, err := w.p.Checkpoint(testContext(t), w.end()); err != nil || d.At.Seq != w.end() {
		t.Errorf("%v, %v", d, err)
	}
}
