package strictjson

import (
	"bytes"
	"hash/maphash"
)

const (
	// inlineNames are kept within the Scanner itself; a CloudEvent with its
	// data has about half as many.
	inlineNames = 32
	// maxLinear is up to how many members an object's names are compared one by
	// one. Beyond, they are indexed: 20,000 members must not cost 20,000².
	maxLinear = 16
)

// nameSeed keeps a client from choosing names that collide in the index.
var nameSeed = maphash.MakeSeed()

// name is where a member's unescaped name stands: in the document, or in the
// scanner's text where it had escapes.
type name struct {
	start, end uint32
	hash       uint32
	inText     bool
}

// nameStack holds the names of all open objects, the innermost object's on
// top, and an index (open addressing, linear probing) over those of objects
// with many members. Names enter and leave both in stack order, and undoing
// the latest insertion gives the table as it was before, so that removal needs
// no tombstones.
type nameStack struct {
	inline  [inlineNames]name
	spill   []name
	count   int32
	index   []int32 // a place in the stack, plus one; 0 is a free slot
	indexed int32
}

// reset empties the stack, and gives back what a very large object took.
func (n *nameStack) reset() {
	if cap(n.spill) > keptNames {
		n.spill, n.index = nil, nil
	}
	if n.indexed > 0 { // the walk before stopped inside a large object
		clear(n.index)
	}
	n.count, n.indexed = 0, 0
}

func (n *nameStack) at(i int32) *name {
	if i < inlineNames {
		return &n.inline[i]
	}
	return &n.spill[i-inlineNames]
}

func (n *nameStack) push(m name) {
	if n.count < inlineNames {
		n.inline[n.count] = m
	} else {
		n.spill = append(n.spill[:n.count-inlineNames], m)
	}
	n.count++
}

// nameText returns the unescaped bytes of a name.
func (s *Scanner) nameText(m *name) []byte {
	if m.inText {
		return s.text[m.start:m.end:m.end]
	}
	return s.data[m.start:m.end:m.end]
}

// declare adds a member to the innermost object, f, given its name's literal
// and the offset of that, and reports whether the name is new there.
func (s *Scanner) declare(f *frame, start int, raw []byte, escaped bool) bool {
	m := name{start: uint32(start), end: uint32(start + len(raw)), inText: escaped}
	text := raw
	if escaped {
		text = s.unescape(raw)
		m.start, m.end = uint32(len(s.text)-len(text)), uint32(len(s.text))
	}
	m.hash = uint32(maphash.Bytes(nameSeed, text))
	if s.declared(f, text, m.hash) {
		return false
	}
	s.names.push(m)
	switch {
	case f.indexed:
		s.addToIndex(s.names.count - 1)
	case s.names.count-f.first > maxLinear:
		f.indexed = true
		for i := f.first; i < s.names.count; i++ {
			s.addToIndex(i)
		}
	}
	return true
}

// declared reports whether the object f has a member of this name.
func (s *Scanner) declared(f *frame, text []byte, hash uint32) bool {
	n := &s.names
	if !f.indexed {
		for i := f.first; i < n.count; i++ {
			if m := n.at(i); m.hash == hash && bytes.Equal(s.nameText(m), text) {
				return true
			}
		}
		return false
	}
	mask := uint32(len(n.index) - 1)
	for slot := hash & mask; n.index[slot] != 0; slot = (slot + 1) & mask {
		i := n.index[slot] - 1
		if i < f.first { // an enclosing object's
			continue
		}
		if m := n.at(i); m.hash == hash && bytes.Equal(s.nameText(m), text) {
			return true
		}
	}
	return false
}

// addToIndex indexes the i-th name of the stack; the index stays at most half full.
func (s *Scanner) addToIndex(i int32) {
	n := &s.names
	if int(n.indexed+1)*2 > len(n.index) {
		n.index = make([]int32, max(8*maxLinear, 2*len(n.index)))
		for d := range s.depth { // in stack order, as they came
			if f := &s.frames[d]; f.indexed {
				for j := f.first; j < min(f.first+f.count, i); j++ {
					n.place(j)
				}
			}
		}
	}
	n.place(i)
	n.indexed++
}

// place puts the i-th name into its slot.
func (n *nameStack) place(i int32) {
	mask := uint32(len(n.index) - 1)
	slot := n.at(i).hash & mask
	for n.index[slot] != 0 {
		slot = (slot + 1) & mask
	}
	n.index[slot] = i + 1
}

// release takes the names of the innermost frame, f, off the stack, the latest first.
func (s *Scanner) release(f *frame) {
	n := &s.names
	if f.indexed {
		mask := uint32(len(n.index) - 1)
		for i := n.count - 1; i >= f.first; i-- {
			slot := n.at(i).hash & mask
			for n.index[slot] != i+1 {
				slot = (slot + 1) & mask
			}
			n.index[slot] = 0
		}
		n.indexed -= n.count - f.first
	}
	n.count = f.first
}
