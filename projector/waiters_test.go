package projector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

func TestWaitersSeeWhatTheyWaitFor(t *testing.T) {
	w := newWorld(t)
	w.openLog("log")
	w.interval = 5 * time.Millisecond
	w.start()
	const clients, commands = 8, 25
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() { w.client(client, commands) })
	}
	group.Wait()
	w.equal("at the end")
	if got := show(t, w.p.Model(), "v1"); got != fmt.Sprintf("v1: %d views", clients*commands) {
		t.Error(got)
	}
	w.p.waiters.mu.Lock()
	defer w.p.waiters.mu.Unlock()
	if n := w.p.waiters.waiting.Load(); n != 0 || len(w.p.waiters.positions)+len(w.p.waiters.outcomes) != 0 {
		t.Errorf("%d still wait", n)
	}
}

// client sends commands and waits for their outcomes and positions.
func (w *world) client(client, commands int) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i := range commands {
		id := commandID(1000*client + i)
		e := w.p.Expect(id)
		r, err := w.writer.Commit(ctx, command(w.t, events.Command{ID: id}, time.Now(), "video.viewed v1"))
		if err != nil {
			w.t.Error(err)
			return
		}
		if i%2 == 0 {
			o, err := e.Wait(ctx)
			if err != nil || o.Position != r.Position || o.Count(readmodel.Applied) != 1 {
				w.t.Errorf("outcome %+v, %v, committed at %v", o, err, r.Position)
			}
		}
		e.Forget()
		if err := w.p.WaitFor(ctx, r.Position); err != nil || w.p.Snapshot().At.Compare(r.Position) < 0 {
			w.t.Errorf("waited for %v: %v, at %v", r.Position, err, w.p.Snapshot().At)
		}
		if i%5 == 0 {
			var at events.Position
			err := w.p.Inspect(ctx, func(m *readmodel.Model) { at = m.At() })
			if err != nil || at.Compare(r.Position) < 0 {
				w.t.Errorf("inspected at %v: %v", at, err)
			}
		}
	}
}

func TestWaitsEndWithTheirContext(t *testing.T) {
	w := startWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	e := w.p.Expect(commandID(1))
	cancel()
	if _, err := e.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("outcome: %v", err)
	}
	e.Forget()
	e.Forget()
	if err := w.p.WaitFor(ctx, events.Position{Seq: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("position: %v", err)
	}
	if n := w.p.waiters.waiting.Load(); n != 0 {
		t.Errorf("%d still wait", n)
	}
	p := w.p
	w.stop()
	if err := p.Inspect(context.Background(), func(*readmodel.Model) {}); !errors.Is(err, ErrStopped) {
		t.Errorf("inspect a stopped fold: %v", err)
	}
}
