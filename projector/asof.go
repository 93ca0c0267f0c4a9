package projector

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// asOf keeps the time that answers are declared to be of: that of the newest
// event folded or, when everything is folded, of the last contact with the log.
// It is kept as a header's value, so that answering does not format times.
type asOf struct {
	header atomic.Pointer[asOfHeader]
}

type asOfHeader struct {
	at     time.Time
	header []string
}

// raise sets the time, which never goes back.
func (a *asOf) raise(at time.Time) {
	next := &asOfHeader{at: at, header: []string{at.UTC().Format("2006-01-02T15:04:05.000Z07:00")}}
	for {
		old := a.header.Load()
		if old != nil && !at.After(old.at) || a.header.CompareAndSwap(old, next) {
			return
		}
	}
}

// folded notes the log time of what was just folded.
func (a *asOf) folded(t events.Time) { a.raise(t.Std()) }

// AsOf returns the time of the read model as the value of a header. It is
// shared and must not be changed.
func (p *Projector) AsOf() []string { return p.asOf.header.Load().header }

// contactPoll is how often the time of a quiet log moves on.
const contactPoll = 500 * time.Millisecond

// watchContact looks whether the fold goes on, and moves the time on while the log
// is quiet: when everything is folded, answers are of the moment in which the log
// last said so.
func (p *Projector) watchContact(ctx context.Context) {
	ticker := time.NewTicker(contactPoll)
	defer ticker.Stop()
	for {
		contact, last := p.cfg.Log.Contact()
		folded := p.Snapshot().At.Seq
		if last <= folded {
			p.asOf.raise(contact)
		}
		now := p.cfg.Now()
		if now.Sub(contact) > silenceLimit {
			last = folded // what a silent log holds is not to be had: the fold waits for it
		}
		p.standstill.look(folded, last, now)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
