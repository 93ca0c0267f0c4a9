package main

import (
	"context"
	"errors"
	"fmt"
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

// start runs fn until its context ends.
func (g *parts) start(name string, fn func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	p := &part{name: name, stop: stop, done: make(chan struct{})}
	g.list = append(g.list, p)
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
}

// wait returns when everything has stopped, with what went wrong.
func (g *parts) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-g.failed:
	}
	var errs []error
	for i := len(g.list) - 1; i >= 0; i-- {
		p := g.list[i]
		p.stop()
		<-p.done
		if p.err != nil && !errors.Is(p.err, context.Canceled) {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, p.err))
		}
	}
	return errors.Join(errs...)
}
