package replay

import (
	"sync"
	"time"
)

// Progress is how far something has come that reads a source.
type Progress struct {
	// Phase says in a word or two what is being done.
	Phase string `json:"phase,omitempty"`
	// Waits says what it waits for at present.
	Waits string `json:"waits_for,omitempty"`
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

// Meter takes down the progress of one who reads a source, for others to look at.
// A nil one takes nothing down.
type Meter struct {
	now func() time.Time
	run RunID // whose progress it is; empty where it is none's

	mu    sync.Mutex
	p     Progress
	first uint64 // of the messages being read, where what they hold is guessed
	from  mark   // where the rate is counted from
	next  mark   // where it will be counted from, once it is old enough
}

// mark is how many events had been read at a moment.
type mark struct {
	at     time.Time
	events int64
}

// rateSpan is how long a rate is looked at: between one and two of it.
const rateSpan = 3 * time.Second

// NewMeter returns one that has read nothing.
func NewMeter(now func() time.Time) *Meter {
	m := &Meter{now: now}
	m.from = mark{at: now()}
	m.next = m.from
	return m
}

// metered is one that has come so far and reads no more.
func metered(p Progress, now func() time.Time) *Meter {
	m := NewMeter(now)
	m.p = p
	m.from.events, m.next.events = p.Events, p.Events
	return m
}

// Phase begins a phase. What was read so far stays.
func (m *Meter) Phase(name string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Phase = name
}

// paused says why nothing is read now, or that it goes on, in a phase that stays.
func (m *Meter) paused(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.p.Waits = ""; why != nil {
		m.p.Waits = "disk space: " + why.Error()
	}
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
	m.p.End, m.p.Total, m.first = end, events, 0
}

// Reset begins to count events anew, from those that were read before and cost nothing.
func (m *Meter) Reset(seq uint64, events int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Seq, m.p.Events, m.p.Rate, m.p.SecondsLeft = seq, events, 0, 0
	m.from = mark{m.now(), events}
	m.next = m.from
}

// Pass begins to read messages of which nobody knows how many events they hold:
// as many as those read so far, it is guessed.
func (m *Meter) Pass(name string, first, last uint64) {
	if m == nil {
		return
	}
	m.Reset(first-1, 0)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Phase, m.p.End, m.p.Total, m.first = name, last, 0, first
}

// Read notes that a message was read, with so many events.
func (m *Meter) Read(seq uint64, events int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Seq = seq
	m.p.Events += int64(events)
}

// Progress returns the present progress.
func (m *Meter) Progress() Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if now.Sub(m.next.at) >= rateSpan {
		m.from, m.next = m.next, mark{now, m.p.Events}
	}
	p := m.p
	if p.Total == 0 && m.first > 0 && p.Seq >= m.first {
		p.Total = int64(float64(p.Events) / float64(p.Seq-m.first+1) * float64(p.End-m.first+1))
	}
	if span := now.Sub(m.from.at).Seconds(); span > 0 {
		p.Rate = float64(p.Events-m.from.events) / span
	}
	if p.Rate > 0 && p.Total > p.Events {
		p.SecondsLeft = float64(p.Total-p.Events) / p.Rate
	}
	return p
}
