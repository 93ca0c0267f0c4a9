package replay

import (
	"sync"
	"time"
)

// RunProgress is how far a run has come.
type RunProgress struct {
	// Phase says in a word or two what is being done.
	Phase string `json:"phase,omitempty"`
	// Base is what a fold beside the serving model begins with, once that is known.
	Base *Base `json:"base,omitempty"`
	// Events have been read, of about Total; 0 where that is not known.
	Events int64 `json:"events"`
	Total  int64 `json:"total_events,omitempty"`
	// Seq is the last message read, of those up to End.
	Seq uint64 `json:"sequence,omitempty"`
	End uint64 `json:"end_sequence,omitempty"`
	// Rate is in events a second, over the last seconds.
	Rate float64 `json:"events_per_second,omitempty"`
	// SecondsLeft is what is left at that rate; 0 where that is not known.
	SecondsLeft float64 `json:"seconds_left,omitempty"`
}

// Meter takes down the progress of a run, by one goroutine, for others to read.
type Meter struct {
	now func() time.Time

	mu   sync.Mutex
	p    RunProgress
	from mark // where the rate is counted from
	next mark // where it will be counted from, once it is old enough
}

// mark is how many events had been read at a moment.
type mark struct {
	at     time.Time
	events int64
}

// rateSpan is how long a rate is looked at: between one and two of it.
const rateSpan = 3 * time.Second

func newMeter(now func() time.Time) *Meter {
	m := &Meter{now: now}
	m.from = mark{at: now()}
	m.next = m.from
	return m
}

// Phase begins a phase. What was read so far stays.
func (m *Meter) Phase(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Phase = name
}

// Begin says with what it begins.
func (m *Meter) Begin(b *Base) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Base = b
}

// Expect says what there is to read: messages up to the sequence end, with
// about so many events in all.
func (m *Meter) Expect(end uint64, events int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.End, m.p.Total = end, events
}

// Reset begins to count events anew, from those that were read before and cost nothing.
func (m *Meter) Reset(seq uint64, events int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Seq, m.p.Events, m.p.Rate, m.p.SecondsLeft = seq, events, 0, 0
	m.from = mark{m.now(), events}
	m.next = m.from
}

// Read notes that a message was read, with so many events.
func (m *Meter) Read(seq uint64, events int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Seq = seq
	m.p.Events += int64(events)
}

// Note takes over what something says of itself that reads a source.
func (m *Meter) Note(p Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Seq, m.p.End, m.p.Events = p.At, p.To, int64(p.Events)
	if read := p.At - p.From + 1; p.At >= p.From && p.At > 0 {
		m.p.Total = int64(float64(p.Events) / float64(read) * float64(p.To-p.From+1))
	}
}

// Progress returns the present progress.
func (m *Meter) Progress() RunProgress {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if now.Sub(m.next.at) >= rateSpan {
		m.from, m.next = m.next, mark{now, m.p.Events}
	}
	p := m.p
	if span := now.Sub(m.from.at).Seconds(); span > 0 {
		p.Rate = float64(p.Events-m.from.events) / span
	}
	if p.Rate > 0 && p.Total > p.Events {
		p.SecondsLeft = float64(p.Total-p.Events) / p.Rate
	}
	return p
}
