package readmodel

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tidemark-io/tidemark/events"
)

// The entries of the audit form a chain: each has a number, and a hash over the
// one before it, its number and all that it says. Whoever changes an entry, takes
// one out or puts one in would have to make all hashes anew that follow; whoever
// has noted the newest hash elsewhere would notice that too, and that entries were
// cut off at the end.

// AuditHash is the SHA-256 of an entry and all before it.
type AuditHash [sha256.Size]byte

// auditEnd is the newest entry of a model.
type auditEnd struct {
	number uint64
	hash   AuditHash
}

func (r record) hash(h AuditHash) record { return append(r, h[:]...) }

// chained returns the hash of the entry behind the one with that hash.
func (e *AuditEntry) chained(before AuditHash) AuditHash {
	b := binary.BigEndian.AppendUint64(append([]byte("tidemark audit 1"), before[:]...), e.Number)
	return sha256.Sum256(append(b, e.said()...))
}

// lastAudit returns the newest entry; it is looked for once.
func (m *Model) lastAudit() auditEnd {
	if m.auditEnd == nil {
		m.auditEnd = &auditEnd{}
		m.rows.scan(keyOf(rowAudit), nil, func(_, value []byte) bool {
			e := decodeAudit(value)
			m.auditEnd = &auditEnd{e.Number, e.Hash}
			return false
		})
	}
	return *m.auditEnd
}

// DecodeAudit reads what Encode wrote. It fails for anything else.
func DecodeAudit(value []byte) (e AuditEntry, err error) {
	defer func() {
		if recover() != nil { // a field is cut short
			err = errAuditEntry
		}
	}()
	e = decodeAudit(value)
	if string(e.Encode()) != string(value) {
		return e, errAuditEntry
	}
	return e, nil
}

var errAuditEntry = errors.New("is not an entry of the audit")

// AuditFault says what is wrong with a chain of entries, and at which entry it
// begins.
type AuditFault struct {
	// Number is the entry's, and Position where it lies, if it is there.
	Number   uint64
	Position events.Position
	// What is wrong: changed, removed, cut off or added.
	What string
}

// What can be wrong with an entry.
const (
	AuditChanged = "changed"
	AuditRemoved = "removed"
	AuditCutOff  = "cut off"
)

func (f *AuditFault) Error() string {
	return fmt.Sprintf("audit entry %d was %s (position %v)", f.Number, f.What, f.Position)
}

// AuditChain checks entries, oldest first, against their hashes.
type AuditChain struct {
	Entries uint64
	Head    AuditHash
	// Fault is the first that was found; nil as long as all is well.
	Fault *AuditFault
}

// Add checks the next entry.
func (c *AuditChain) Add(e *AuditEntry) {
	if c.Fault == nil {
		switch {
		case e.Number != c.Entries+1:
			c.Fault = &AuditFault{Number: c.Entries + 1, Position: e.Position, What: AuditRemoved}
		case e.chained(c.Head) != e.Hash:
			c.Fault = &AuditFault{Number: e.Number, Position: e.Position, What: AuditChanged}
		}
	}
	c.Entries, c.Head = e.Number, e.Hash
}

// EachAudit calls fn for all entries, oldest first, until it returns false. They
// are held in memory meanwhile.
func (s *Snapshot) EachAudit(fn func(*AuditEntry) bool) error {
	var list [][]byte
	err := s.rows.scan(keyOf(rowAudit), nil, func(_, value []byte) bool {
		list = append(list, append([]byte{}, value...))
		return true
	})
	if err != nil {
		return err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if e := decodeAudit(list[i]); !fn(&e) {
			return nil
		}
	}
	return nil
}
