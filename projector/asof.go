package projector

import (
	"sync/atomic"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// asOf keeps the time that answers are declared to be of: that of the newest
// event folded or, when everything is folded, of the last contact with the log.
// It is kept as a header's value, so that answering does not format times.
type asOf struct {
	p      *Projector
	header atomic.Pointer[asOfHeader]
}

type asOfHeader struct {
	at     time.Time
	header []string
}

func (a *asOf) init(p *Projector) {
	a.p = p
	a.store(time.Time{})
}

func (a *asOf) store(at time.Time) {
	a.header.Store(&asOfHeader{at: at, header: []string{at.UTC().Format("2006-01-02T15:04:05.000Z07:00")}})
}

// folded notes the log time of what was just folded.
func (a *asOf) folded(t events.Time) {
	if at := t.Std(); at.After(a.header.Load().at) {
		a.store(at)
	}
}

// AsOf returns the time of the read model as the value of a header. It is
// shared and must not be changed.
func (p *Projector) AsOf() []string {
	h := p.asOf.header.Load()
	contact, last := p.cfg.Log.Contact()
	if contact.Sub(h.at) >= time.Second && last <= p.Snapshot().At.Seq {
		p.asOf.store(contact)
		h = p.asOf.header.Load()
	}
	return h.header
}
