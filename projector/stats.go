package projector

import (
	"sync/atomic"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// stats are counted by the fold and read by whoever observes it.
type stats struct {
	messages, events, commands, poisoned atomic.Int64
	checkpoints, failed, postponed       atomic.Int64
	rebuilds                             atomic.Int64
	saved                                atomic.Uint64
	checkpointNanos, checkpointKeys      atomic.Int64
}

func (s *stats) note(msg *decodedMessage, f *Fold) {
	s.messages.Add(1)
	s.events.Add(int64(msg.batch.Events))
	s.commands.Add(int64(len(f.decided)))
	s.poisoned.Store(int64(f.poisoned))
}

func (s *stats) noteCheckpoint(i *readmodel.Image, took time.Duration) {
	s.checkpoints.Add(1)
	s.checkpointNanos.Store(int64(took))
	s.checkpointKeys.Store(int64(i.Len()))
}

// Stats is a look at the projector from outside.
type Stats struct {
	Messages, Events, Commands int64 // folded by this process
	DeadLetters                int64 // recorded by this process
	Checkpoints                int64
	CheckpointsFailed          int64
	CheckpointsPostponed       int64
	CheckpointSeconds          float64 // the last one
	CheckpointKeys             int64   // the last one
	Rebuilds                   int64
	Folded, Saved              events.Position
	Sizes                      readmodel.Sizes
}

// Stats returns the present figures.
func (p *Projector) Stats() Stats {
	s := &p.stats
	return Stats{
		Messages: s.messages.Load(), Events: s.events.Load(), Commands: s.commands.Load(),
		DeadLetters: s.poisoned.Load(),
		Checkpoints: s.checkpoints.Load(), CheckpointsFailed: s.failed.Load(), CheckpointsPostponed: s.postponed.Load(),
		CheckpointSeconds: time.Duration(s.checkpointNanos.Load()).Seconds(), CheckpointKeys: s.checkpointKeys.Load(),
		Rebuilds: s.rebuilds.Load(),
		Folded:   p.Snapshot().At, Saved: events.UnpackPosition(s.saved.Load()),
		Sizes: p.Snapshot().Sizes,
	}
}

// Lag is how far the read model is behind the log.
type Lag struct {
	// End is the log's last message known; its index is that of the last event
	// folded where that is the last message, else 0.
	End, Folded events.Position
	// Events is exact when nothing is behind; what has not been read yet is
	// counted at the average of events per message so far.
	Events int64
	// Seconds is the age of what is folded: 0 when nothing is behind.
	Seconds float64
}

// Lag returns how far the read model is behind the log, as of the last contact.
func (p *Projector) Lag() Lag {
	s := p.Snapshot()
	_, last := p.cfg.Log.Contact()
	lag := Lag{End: s.At, Folded: s.At}
	if last <= s.At.Seq {
		return lag
	}
	behind := last - s.At.Seq
	lag.End = events.Position{Seq: last}
	perMessage := 1.0
	if s.At.Seq > 0 {
		perMessage = max(1, float64(s.Folded)/float64(s.At.Seq))
	}
	lag.Events = int64(float64(behind) * perMessage)
	if s.LogTime != 0 {
		lag.Seconds = max(0, p.cfg.Now().Sub(s.LogTime.Std()).Seconds())
	}
	return lag
}
