package query

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// etagVersion changes with the form of the answer.
const etagVersion = 1

// etag returns the strong tag of the answer, in quotes. It is a hash over what
// the answer is a function of: the spellings in their order, the state of each
// slot (a change of a visible one always moves its position), the log and the
// generation of the read model, and since. So it is the same on every node, and
// after a restart. It is a cryptographic hash: a client that finds a collision
// could otherwise make a shared cache serve one list for another.
func (q *metadataQuery) etag() string {
	b := append(q.words[:0], etagVersion)
	incarnation := q.snapshot.Incarnation()
	b = append(b, incarnation[:]...)
	b = binary.BigEndian.AppendUint32(b, q.snapshot.Generation())
	var since byte
	if q.polls {
		since |= 1
	}
	if q.reset {
		since |= 2
	}
	b = binary.BigEndian.AppendUint64(append(b, since), q.since.Floor.Packed())
	for i := range q.list.Entries {
		e := &q.list.Entries[i]
		b = append(b, e.Text[:]...)
		if !q.found[e.ID] {
			b = append(b, 0)
			continue
		}
		slot := &q.slots[e.ID]
		state := byte(1)
		if slot.Known() {
			state |= 2
		}
		if slot.Deleted() {
			state |= 4
		}
		b = binary.BigEndian.AppendUint64(append(b, state), slot.Changed().Packed())
	}
	q.words = b
	sum := sha256.Sum256(b)
	tag := append(make([]byte, 0, 24), '"')
	tag = base64.RawURLEncoding.AppendEncode(tag, sum[:16])
	return string(append(tag, '"'))
}
