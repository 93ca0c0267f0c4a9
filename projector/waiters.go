package projector

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// waiters are the requests that wait for a position to be folded, or for the
// outcome of a command. The fold wakes them after it has published.
type waiters struct {
	mu        sync.Mutex
	positions positionHeap
	outcomes  map[events.CommandID]*Expectation
	// waiting spares the fold the lock when nobody waits.
	waiting atomic.Int64
}

type positionWaiter struct {
	at   events.Position
	done chan struct{}
	// place is where it stands in the heap; -1 once it is woken or gone.
	place int
}

// positionHeap has the waiter of the lowest position first, so that who waits
// for what is far ahead costs the fold nothing.
type positionHeap []*positionWaiter

func (h positionHeap) Len() int           { return len(h) }
func (h positionHeap) Less(i, j int) bool { return h[i].at.Compare(h[j].at) < 0 }
func (h positionHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push and Pop are for container/heap.
func (h *positionHeap) Push(x any) {
	w := x.(*positionWaiter)
	w.place = len(*h)
	*h = append(*h, w)
}

func (h *positionHeap) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	w.place = -1
	return w
}

func newWaiters() *waiters {
	return &waiters{outcomes: map[events.CommandID]*Expectation{}}
}

// wake serves who waits, after the fold has published up to at.
func (w *waiters) wake(at events.Position, decided []Decided) {
	if w.waiting.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.positions) > 0 && w.positions[0].at.Compare(at) <= 0 {
		close(w.positions[0].done)
		w.remove(w.positions[0])
	}
	for i := range decided {
		if e := w.outcomes[decided[i].Command]; e != nil {
			e.decided <- decided[i].Outcome
			delete(w.outcomes, decided[i].Command)
			w.waiting.Add(-1)
		}
	}
}

func (w *waiters) remove(p *positionWaiter) {
	if p.place >= 0 {
		heap.Remove(&w.positions, p.place)
		w.waiting.Add(-1)
	}
}

func (w *waiters) add(at events.Position) *positionWaiter {
	p := &positionWaiter{at: at, done: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	heap.Push(&w.positions, p)
	w.waiting.Add(1)
	return p
}

// Expectation waits for the outcome of one command.
type Expectation struct {
	id      events.CommandID
	decided chan readmodel.Outcome
	waiters *waiters
}

// Expect announces that somebody will wait for the outcome of a command. It
// must be called before the command is committed, and Forget after. Only one
// may expect an ID at a time.
func (p *Projector) Expect(id events.CommandID) *Expectation {
	w := p.waiters
	e := &Expectation{id: id, decided: make(chan readmodel.Outcome, 1), waiters: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes[id] = e
	w.waiting.Add(1)
	return e
}

// Wait returns the outcome once the command is folded, or the context's error.
func (e *Expectation) Wait(ctx context.Context) (readmodel.Outcome, error) {
	select {
	case o := <-e.decided:
		return o, nil
	case <-ctx.Done():
		return readmodel.Outcome{}, ctx.Err()
	}
}

// Forget ends the wait, whether or not the outcome came.
func (e *Expectation) Forget() {
	e.waiters.mu.Lock()
	defer e.waiters.mu.Unlock()
	if e.waiters.outcomes[e.id] == e {
		delete(e.waiters.outcomes, e.id)
		e.waiters.waiting.Add(-1)
	}
}

// WaitFor returns once the position is folded, or with the context's error.
func (p *Projector) WaitFor(ctx context.Context, at events.Position) error {
	if p.Snapshot().At.Compare(at) >= 0 {
		return nil
	}
	w := p.waiters.add(at)
	defer func() {
		p.waiters.mu.Lock()
		p.waiters.remove(w)
		p.waiters.mu.Unlock()
	}()
	// The fold may have passed the position before it could see the waiter.
	if p.Snapshot().At.Compare(at) >= 0 {
		return nil
	}
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
