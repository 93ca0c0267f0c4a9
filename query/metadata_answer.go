package query

import (
	"slices"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// read reads the slots of the listed videos. The snapshot comes first: its
// position is the floor of the answer.
func (q *metadataQuery) read(m *readmodel.Model) {
	q.begin(m)
	q.readSlots(m)
}

// readSlots finds the slots, and the ceiling among them. Hidden videos count
// too: that they are not in the answer is part of it.
func (q *metadataQuery) readSlots(m *readmodel.Model) {
	q.ceiling = m.Videos.Lookup(q.list.IDs, q.slots, q.found)
}

// readChanges is read for an answer without an ETag. Where nothing was folded
// since the poll before, no slot is looked at: whatever the fold may be writing
// lies after the position that the answer is given.
func (q *metadataQuery) readChanges(m *readmodel.Model) {
	q.begin(m)
	if q.polls && !q.reset && q.since.Floor.Compare(q.snapshot.At) >= 0 {
		clear(q.found)
		return
	}
	q.readSlots(m)
}

// begin takes the snapshot and makes room for what is read.
func (q *metadataQuery) begin(m *readmodel.Model) {
	n := len(q.list.IDs)
	q.slots = slices.Grow(q.slots[:0], n)[:n]
	q.found = slices.Grow(q.found[:0], n)[:n]
	q.snapshot = m.Snapshot()
	q.reset = q.polls && !q.covers(q.since)
}

// covers reports whether the read model can tell what changed since the token.
// One that is merely ahead of this node is covered: nothing is newer.
func (q *metadataQuery) covers(t events.Token) bool {
	s := q.snapshot
	if t.Incarnation != s.Incarnation() || t.Generation != s.Generation() || lost(t, s) {
		return false
	}
	// The fold ends a record batch at the same place on every node, so a place
	// behind the end of this one was never in this log.
	return t.Floor.Seq != s.At.Seq || t.Floor.Index <= s.At.Index
}

// appendAnswer appends the answer's body.
func (q *metadataQuery) appendAnswer(dst []byte) []byte {
	delta := q.polls && !q.reset
	dst = append(dst, `{"videos":`...)
	first, removed := len(dst), false
	for i := range q.list.Entries {
		e := &q.list.Entries[i]
		slot := &q.slots[e.ID]
		if !q.found[e.ID] || delta && slot.Changed().Compare(q.since.Floor) <= 0 {
			continue
		}
		if !slot.Visible() {
			removed = removed || delta && slot.Deleted()
			continue
		}
		if cap(dst)-len(dst) < roomSize {
			// For all that is left, by one growth.
			dst = slices.Grow(dst, (len(q.list.Entries)-i)*entrySize+roomSize)
		}
		dst = appendEntry(dst, &e.Text, &slot.Counts)
	}
	if len(dst) == first {
		dst = append(dst, '{')
	}
	dst[first] = '{' // in place of the first comma
	dst = append(dst, '}')
	if removed {
		dst = q.appendRemoved(dst)
	}
	if q.reset {
		dst = append(dst, `,"reset":true`...)
	}
	return append(dst, '}')
}

// appendRemoved names the videos that were deleted since.
func (q *metadataQuery) appendRemoved(dst []byte) []byte {
	dst = append(dst, `,"removed":[`...)
	for i := range q.list.Entries {
		e := &q.list.Entries[i]
		slot := &q.slots[e.ID]
		if q.found[e.ID] && slot.Deleted() && slot.Changed().Compare(q.since.Floor) > 0 {
			dst = append(append(append(dst, '"'), e.Text[:]...), '"', ',')
		}
	}
	dst[len(dst)-1] = ']' // in place of the last comma: there is one at least
	return dst
}
