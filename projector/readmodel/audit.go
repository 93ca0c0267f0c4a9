package readmodel

import (
	"encoding/binary"
	"slices"

	"github.com/tidemark-io/tidemark/events"
)

// MoreLetters is the outcome of a command on dead letters that left some of those it
// was about for another: its repeat is told so as well.
const MoreLetters = `{"more":true}`

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

	// Number counts the entries from 1, and Hash chains them; see auditchain.go.
	// Both are zero in a read model of fold version 1.
	Number uint64
	Hash   AuditHash
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

// Audit appends an entry, whose number and hash it sets. One command is one
// entry, at its last position.
func (m *Model) Audit(e *AuditEntry) {
	last := m.lastAudit()
	e.Number = last.number + 1
	e.Hash = e.chained(last.hash)
	m.auditEnd = &auditEnd{e.Number, e.Hash}
	m.rows.put(keyOf(rowAudit).descending(e.Position), e.Encode())
}

// Encode returns the entry in its binary form, which is what its hash is of and
// therefore never changes.
func (e *AuditEntry) Encode() []byte {
	return record(e.said()).uint64(e.Number).hash(e.Hash)
}

// said is all that the entry says of what was done.
func (e *AuditEntry) said() record {
	value := make(record, 0, 64+len(e.Reason)+17*len(e.Targets)).
		time(e.At).id(e.Actor).byte(byte(e.Action)).position(e.Position).text(e.Reason).flag(e.Retract).uint32(uint32(len(e.Targets)))
	for i, target := range e.Targets {
		value = value.id(target).byte(byte(e.Effects[i]))
	}
	return value.text(e.Outcome)
}

// AuditFilter narrows the audit; zero fields match everything, IDs unless they are said to
// be asked for: there may be one of zeros.
type AuditFilter struct {
	Actor    events.UserID
	HasActor bool
	Action   events.CommandKind
	// Target is one of the entry's targets.
	Target    [16]byte
	HasTarget bool
	// From and To bound the time: from the one on, before the other.
	From, To events.Time
	HasTo    bool
	HasFrom  bool
}

func (f *AuditFilter) matches(e *AuditEntry) bool {
	return (f.Actor.IsZero() && !f.HasActor || e.Actor == f.Actor) && (f.Action == 0 || e.Action == f.Action) &&
		(!f.HasFrom || e.At >= f.From) && (!f.HasTo || e.At < f.To) &&
		(f.Target == [16]byte{} && !f.HasTarget || slices.Contains(e.Targets, f.Target))
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
		if e := decodeAudit(value); filter.matches(&e) {
			list = append(list, e)
		}
		return len(list) < limit
	})
	return list, err
}

// AuditEntryAt returns the entry of the command whose last event lies there, if
// it has one.
func (s *Snapshot) AuditEntryAt(at events.Position) (e AuditEntry, ok bool, err error) {
	value, err := s.rows.get(keyOf(rowAudit).descending(at))
	if value == nil || err != nil {
		return e, false, err
	}
	return decodeAudit(value), true, nil
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
	if len(f) > 0 {
		e.Number, e.Hash = f.uint64(), AuditHash(f.take(len(e.Hash)))
	}
	return e
}
