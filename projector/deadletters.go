package projector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	// deadLetterPoll is how often the state is looked at for new dead letters
	// where nobody says that there are any, to try again what failed.
	deadLetterPoll = time.Second
	deadLetterPage = 100
)

// ErrCut is returned for a dead letter of which the state holds the beginning
// only, and the log does not hold the rest any more.
var ErrCut = errors.New("the dead letter is not there whole: its message cannot be read from the log any more")

// letterbox is how far the dead letters of the state are in their stream.
type letterbox struct {
	wake chan struct{} // of the publisher, when there is something to publish

	mu    sync.Mutex
	at    events.Position // all that were there up to it are published
	moved chan struct{}   // closed when at moves on
}

func newLetterbox() *letterbox {
	return &letterbox{wake: make(chan struct{}, 1), moved: make(chan struct{})}
}

// knock wakes the publisher.
func (b *letterbox) knock() {
	select {
	case b.wake <- struct{}{}:
	default: // it will look anyway
	}
}

func (b *letterbox) published(at events.Position) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at.Compare(b.at) > 0 {
		b.at = at
		close(b.moved)
		b.moved = make(chan struct{})
	}
}

func (b *letterbox) look() (at events.Position, moved <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at, b.moved
}

// PublishedLetters waits until the dead letters up to a position are in the
// dead-letter stream. Only then may they leave the state, which is where the
// stream has them from.
func (p *Projector) PublishedLetters(ctx context.Context, upTo events.Position) error {
	for {
		at, moved := p.letters.look()
		if at.Compare(upTo) >= 0 {
			return nil
		}
		p.letters.knock()
		select {
		case <-moved:
		case <-p.stopped:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// publishDeadLetters copies the dead letters of the state to the dead-letter
// stream, in order. The stream knows what it has, so a restart repeats none.
func (p *Projector) publishDeadLetters(ctx context.Context) {
	ticker := time.NewTicker(deadLetterPoll)
	defer ticker.Stop()
	for {
		if err := p.publishNewLetters(ctx); err != nil && ctx.Err() == nil {
			p.cfg.Logger.Error("dead letters could not be published, they will be tried again", "error", err)
		}
		select {
		case <-p.letters.wake:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// publishNewLetters publishes what came since it was called last.
func (p *Projector) publishNewLetters(ctx context.Context) error {
	for {
		var letters []readmodel.DeadLetter
		var at events.Position
		after, _ := p.letters.look()
		err := p.Read(func(s *readmodel.Snapshot) (err error) {
			at = s.At
			letters, err = s.DeadLetters(after, deadLetterPage)
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range letters {
			data, err := p.Original(ctx, &d)
			if err != nil && ctx.Err() != nil {
				return err // it would be published cut for a stop's sake
			}
			letter := eventlog.DeadLetter{Position: d.Position, Reason: d.Reason, Subject: d.Subject, Data: data}
			if err := p.cfg.Log.DeadLetter(ctx, letter); err != nil {
				return err
			}
			p.letters.published(d.Position)
		}
		if len(letters) < deadLetterPage {
			p.letters.published(at)
			return nil
		}
	}
}

// Original returns all of a dead letter's bytes: from the log, or what came
// before it, where the state holds the beginning only. Where that is all there is,
// it fails with ErrCut beside it.
func (p *Projector) Original(ctx context.Context, d *readmodel.DeadLetter) ([]byte, error) {
	if len(d.Raw) == d.Size {
		return d.Raw, nil
	}
	data, err := p.logged(ctx, d.Position.Seq)
	if err != nil {
		return d.Raw, fmt.Errorf("%w: %w", ErrCut, err)
	}
	if len(data) == d.Size {
		return data, nil
	}
	if batch, err := events.ReadBatch(data); err == nil {
		var e events.Event
		for cursor := batch.Cursor(); ; {
			step, _ := cursor.Next(&e) // what is wrong with it is known
			if step == events.StepEnd {
				break
			}
			if step == events.StepEvent && e.Index == d.Position.Index && len(e.Raw) == d.Size {
				return e.Raw, nil
			}
		}
	}
	return d.Raw, fmt.Errorf("%w: the message there is another", ErrCut)
}

// logged returns the bytes of a message.
func (p *Projector) logged(ctx context.Context, seq uint64) (data []byte, err error) {
	m, err := p.cfg.Log.Message(ctx, seq)
	if err == nil || p.cfg.Earlier == nil {
		return m.Data, err
	}
	err = p.cfg.Earlier(ctx, seq, seq, func(m eventlog.Message) error {
		data = m.Data
		return nil
	})
	return data, err
}
