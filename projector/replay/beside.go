package replay

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/internal/sleep"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// beside folds a source into a shadow beside the serving model.
type beside struct {
	runs   *Runs
	p      *projector.Projector
	source Source
	shadow *projector.Shadow
	room   *Room
	meter  *Meter
	pace   pace
	begun  time.Time
	folded int64 // events that the shadow held when it began
	peak   uint64
	// unfollow lets go of the messages kept for the shadow.
	unfollow func()
	// behind is the message behind which the shadow owes nothing to what served.
	behind events.Position
	// waits: the model has waited to be accepted, and goes on to if it is not.
	waits bool
}

// foldBeside begins with a shadow, which it closes in the end (close).
func (r *Runs) foldBeside(shadow *projector.Shadow, s Source, room *Room, m *Meter, eventsPerSecond int) *beside {
	room.holds(shadow.Model())
	now := shadow.Model().Snapshot()
	m.Reset(now.At.Seq, int64(now.Folded))
	shadow.WhenPaused(m.paused)
	return &beside{
		runs: r, p: r.cfg.Projector, source: s, shadow: shadow, room: room, meter: m,
		pace: pace{rate: eventsPerSecond}, begun: r.cfg.Now(), folded: int64(now.Folded), unfollow: func() {},
	}
}

// close lets go of the shadow. A rebuild can be gone on with, unless it was
// cancelled; what waited to be accepted before waits on.
func (b *beside) close(ctx context.Context) error {
	b.unfollow()
	if abandoned(ctx) && !b.waits {
		return b.shadow.Discard()
	}
	return b.shadow.Close()
}

// events is how many were folded, and seconds since when.
func (b *beside) events() int64    { return int64(b.shadow.Model().Snapshot().Folded) - b.folded }
func (b *beside) seconds() float64 { return b.runs.cfg.Now().Sub(b.begun).Seconds() }

// almost is how many messages behind counts as caught up: they are folded in
// no time, and others come meanwhile.
const almost = 16

// catchUp folds until the shadow is at the heels of the serving model, whose
// messages are kept for it from then on.
func (b *beside) catchUp(ctx context.Context) error {
	b.meter.Phase("folding")
	for {
		live := b.p.Snapshot()
		b.meter.Expect(live.At.Seq, int64(live.Folded))
		if live.At.Seq <= b.shadow.At().Seq+almost {
			break
		}
		if err := b.foldTo(ctx, live.At.Seq); err != nil {
			return err
		}
	}
	b.unfollow()
	b.unfollow = b.p.Follow()
	return b.foldTo(ctx, b.p.Snapshot().At.Seq)
}

// foldTo folds from the source up to a message.
func (b *beside) foldTo(ctx context.Context, to uint64) error {
	messages := 0
	return b.shadow.CatchUp(ctx, b.source.Read, to, func(seq uint64, events int) error {
		b.meter.Read(seq, events)
		if messages++; messages%fitsEvery == 0 {
			b.notePeak()
			if err := b.room.fits(); err != nil {
				return err
			}
		}
		return b.pace.after(ctx, events)
	})
}

func (b *beside) notePeak() {
	tables, _ := b.shadow.OnDisk()
	b.peak = max(b.peak, usedMemory()+uint64(tables))
}

// atHeels does what a shadow must be at the heels of the serving fold for: one that has
// fallen behind catches up first.
func (b *beside) atHeels(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !errors.Is(err, projector.ErrBehind) {
			return err
		}
		if err := b.catchUp(ctx); err != nil {
			return err
		}
	}
}

// lockstep runs fn in the serving fold while the shadow is at its position.
func (b *beside) lockstep(ctx context.Context, fn func(live, shadow *readmodel.Model)) error {
	return b.atHeels(ctx, func() error { return b.p.Lockstep(ctx, b.shadow, fn) })
}

// pace holds a fold to a rate: it rests after every message, so that who reads
// waits for one message at most. Without a rate it lets others run in between.
type pace struct {
	rate   int // events a second; 0 for as fast as it goes
	begun  time.Time
	events int
}

func (p *pace) after(ctx context.Context, events int) error {
	runtime.Gosched()
	if p.rate <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.begun.IsZero() {
		p.begun = now
	}
	p.events += events
	ahead := time.Duration(float64(p.events)/float64(p.rate)*float64(time.Second)) - now.Sub(p.begun)
	switch {
	case ahead < -time.Second: // it cannot keep up: what it missed is gone
		p.begun, p.events = now, 0
	case ahead > 0:
		sleep.For(ctx, ahead)
	}
	return ctx.Err()
}
