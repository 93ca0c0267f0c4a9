package readmodel

import (
	"encoding/binary"

	"github.com/tidemark-io/tidemark/events"
)

// AuditEntry says who did what to which targets, when and why.
type AuditEntry struct {
	At       events.Time
	Actor    events.UserID
	Action   events.CommandKind
	Position events.Position
	Reason   []byte
	// Targets are the videos, users or jobs, in the order of the command; of
	// dead letters the LetterTarget.
	Targets [][16]byte
	// Effects holds the outcome for each target.
	Effects []Effect
	// Retract: the block of accounts took their contributions out of the counters.
	Retract bool
	// Outcome is the JSON object in which an operation says what became of it;
	// empty where the effects say it all.
	Outcome []byte
}

// LetterTarget is how a dead letter stands among the targets: by its position.
func LetterTarget(at events.Position) (target [16]byte) {
	binary.BigEndian.PutUint64(target[8:], at.Packed())
	return target
}

// TargetLetter is the inverse of LetterTarget.
func TargetLetter(target [16]byte) events.Position {
	return events.UnpackPosition(binary.BigEndian.Uint64(target[8:]))
}

// Audit appends an entry. One command is one entry, at its last position.
func (m *Model) Audit(e *AuditEntry) {
	value := make(record, 0, 64+len(e.Reason)+17*len(e.Targets)).
		time(e.At).id(e.Actor).byte(byte(e.Action)).position(e.Position).text(e.Reason).flag(e.Retract).uint32(uint32(len(e.Targets)))
	for i, target := range e.Targets {
		value = value.id(target).byte(byte(e.Effects[i]))
	}
	if len(e.Outcome) > 0 {
		value = value.text(e.Outcome)
	}
	m.rows.put(keyOf(rowAudit).descending(e.Position), value)
}

// AuditFilter narrows the audit; zero fields match everything.
type AuditFilter struct {
	Actor  events.UserID
	Action events.CommandKind
}

// AuditLog lists audit entries, newest first, those before the position only
// unless that is zero, at most limit of them.
func (s *Snapshot) AuditLog(filter AuditFilter, before events.Position, limit int) ([]AuditEntry, error) {
	prefix := keyOf(rowAudit)
	from := prefix
	if before != (events.Position{}) {
		from = append(keyOf(rowAudit).descending(before), 0)
	}
	var list []AuditEntry
	err := s.rows.scan(prefix, from, func(_, value []byte) bool {
		e := decodeAudit(value)
		if (filter.Actor.IsZero() || e.Actor == filter.Actor) && (filter.Action == 0 || e.Action == filter.Action) {
			list = append(list, e)
		}
		return len(list) < limit
	})
	return list, err
}

func decodeAudit(value []byte) AuditEntry {
	f := fields(append([]byte{}, value...))
	e := AuditEntry{At: f.time(), Actor: f.id(), Action: events.CommandKind(f.byte()), Position: f.position(), Reason: f.text(), Retract: f.byte() != 0}
	n := int(f.uint32())
	e.Targets, e.Effects = make([][16]byte, n), make([]Effect, n)
	for i := range n {
		e.Targets[i], e.Effects[i] = f.id(), Effect(f.byte())
	}
	if len(f) > 0 {
		e.Outcome = f.text()
	}
	return e
}
