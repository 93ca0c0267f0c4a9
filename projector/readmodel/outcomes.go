package readmodel

import (
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// Outcome is what the fold decided on a command: exact under concurrency, the
// same on every node, and kept for commands with an Idempotency-Key.
type Outcome struct {
	// Position is where the command's last event lies.
	Position events.Position
	// Tag is that of the record batch at Position.
	Tag     uint32
	Request events.RequestHash
	// Time is when the command was taken, and Privileged whether by a role.
	Time       events.Time
	Privileged bool
	// OtherRequest: the key was used before for another request; the command
	// was not folded.
	OtherRequest bool
	// Repeat: the same request was folded before; this is its outcome.
	Repeat bool
	// Effects holds what each of its events did, in order.
	Effects []Effect
	// Read is set for commands that mark notifications read.
	Read MarkedRead
}

// Count returns how many events had the effect.
func (o *Outcome) Count(e Effect) int {
	n := 0
	for _, effect := range o.Effects {
		if effect == e {
			n++
		}
	}
	return n
}

// Outcome returns what is remembered of a command with an Idempotency-Key.
func (s *Snapshot) Outcome(id events.CommandID) (o Outcome, ok bool, err error) {
	value, err := s.rows.get(keyOf(rowOutcome).id(id))
	if value == nil || err != nil {
		return o, false, err
	}
	return decodeOutcome(value), true, nil
}

// Outcome returns what the fold remembers of a command.
func (m *Model) Outcome(id events.CommandID) (o Outcome, ok bool) {
	value := m.rows.get(keyOf(rowOutcome).id(id))
	if value == nil {
		return o, false
	}
	return decodeOutcome(value), true
}

// Remember keeps the outcome of a command of which none is remembered, for the horizon.
func (m *Model) Remember(id events.CommandID, o *Outcome) {
	value := make(record, 0, 84+len(o.Effects)).id(o.Request).position(o.Position).uint32(o.Tag).
		time(o.Time).flag(o.Privileged).
		uint32(uint32(o.Read.Marked)).uint32(uint32(o.Read.AlreadyRead)).uint32(uint32(o.Read.NotFound)).
		uint64(uint64(o.Read.Unread)).uint32(uint32(len(o.Effects)))
	for _, e := range o.Effects {
		value = value.byte(byte(e))
	}
	m.rows.add(keyOf(rowOutcome).id(id), value)
	m.rows.add(keyOf(rowOutcomeExpiry).time(m.logTime).id(id), []byte{})
}

func decodeOutcome(value []byte) Outcome {
	f := fields(value)
	o := Outcome{Request: f.id(), Position: f.position(), Tag: f.uint32(), Time: f.time(), Privileged: f.byte() != 0}
	o.Read = MarkedRead{Marked: int(f.uint32()), AlreadyRead: int(f.uint32()), NotFound: int(f.uint32()), Unread: int64(f.uint64())}
	o.Effects = make([]Effect, f.uint32())
	for i := range o.Effects {
		o.Effects[i] = Effect(f.byte())
	}
	return o
}

// batchHorizon is how long batch IDs of outside producers are remembered, by
// log time: longer than any retry of a publish.
const batchHorizon = time.Hour

// SeenBatch reports whether an outside producer's record batch was folded
// before, and remembers it.
func (m *Model) SeenBatch(id events.BatchID) bool {
	key := keyOf(rowBatch).id(id)
	if m.rows.get(key) != nil {
		return true
	}
	m.rows.put(key, record(nil).position(m.at))
	m.rows.put(keyOf(rowBatchExpiry).time(m.logTime).id(id), []byte{})
	return false
}

// expireRows forgets outcomes and batch IDs whose horizon has passed. It runs
// once in a minute of log time, so it depends on the log alone.
func (m *Model) expireRows() {
	m.expireTable(rowOutcomeExpiry, rowOutcome, m.cfg.OutcomeHorizon)
	m.expireTable(rowBatchExpiry, rowBatch, batchHorizon)
}

func (m *Model) expireTable(expiry, table byte, horizon time.Duration) {
	prefix := keyOf(expiry)
	var old [][]byte
	m.rows.scan(prefix, nil, func(key, _ []byte) bool {
		f := fields(key[len(prefix):])
		if m.logTime-f.time() <= events.Time(horizon.Microseconds()) {
			return false
		}
		old = append(old, append([]byte{}, key...))
		return true
	})
	for _, key := range old {
		m.rows.put(key, nil)
		m.rows.put(keyOf(table).id([16]byte(key[len(key)-16:])), nil)
	}
}
