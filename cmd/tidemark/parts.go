package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// parts runs the parts of a service, each in a goroutine of its own. When one
// fails or the context ends, they are stopped one by one in the opposite order
// of their start, and each is waited for before the next.
type parts struct {
	list   []*part
	failed chan *part
}

type part struct {
	name string
	stop context.CancelFunc
	done chan struct{}
	err  error
}

func newParts() *parts { return &parts{failed: make(chan *part, 16)} }

// start runs fn until its context ends, as the part that is stopped first.
func (g *parts) start(name string, fn func(context.Context) error) {
	g.add(g.launch(name, fn))
}

// add makes a part that runs already the one that is stopped first.
func (g *parts) add(p *part) { g.list = append(g.list, p) }

// launch runs fn and leaves it to the caller where in the order it is stopped.
func (g *parts) launch(name string, fn func(context.Context) error) *part {
	ctx, stop := context.WithCancel(context.Background())
	p := &part{name: name, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = fn(ctx)
		if ctx.Err() == nil {
			if p.err == nil {
				p.err = errors.New("ended by itself")
			}
			g.failed <- p
		}
	}()
	return p
}

// end stops a part and waits for it.
func (p *part) end() {
	p.stop()
	<-p.done
}

// failLimit bounds the stop after a part has failed: what is broken (a disk
// that takes no more writes) can keep the others from ending, and nothing that
// was acknowledged depends on them.
const failLimit = time.Second

// wait returns when everything has stopped, with what went wrong first. After
// a failure it waits for failLimit at most.
func (g *parts) wait(ctx context.Context) error {
	var failed *part
	var expired <-chan time.Time
	select {
	case <-ctx.Done():
	case failed = <-g.failed:
		expired = time.After(failLimit)
	}
	var errs []error
	if failed != nil {
		errs = append(errs, fmt.Errorf("%s: %w", failed.name, failed.err))
	}
	for i := len(g.list) - 1; i >= 0; i-- {
		p := g.list[i]
		p.stop()
		select {
		case <-p.done:
		case <-expired:
			return errors.Join(append(errs, fmt.Errorf("%s did not stop within %v", p.name, failLimit))...)
		}
		if p != failed && p.err != nil && !errors.Is(p.err, context.Canceled) {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, p.err))
		}
	}
	return errors.Join(errs...)
}
