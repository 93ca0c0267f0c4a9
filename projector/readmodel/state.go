package readmodel

import "github.com/tidemark-io/tidemark/events"

// stateHead is what a model is beside its tables, as of a freeze.
type stateHead struct {
	head   record
	digest Digest // the videos' without what is in the capture
}

const stateVersion = 3

// freezeState notes the state of a frozen model.
func (m *Model) freezeState() stateHead {
	capture := m.Videos.capture
	m.Videos.capture = nil // it is summed up when it is complete
	d := m.Digest()
	m.Videos.capture = capture
	s := record{stateVersion}
	s = s.id(m.cfg.Incarnation).uint32(m.generation).position(m.at).time(m.logTime).uint64(m.folded)
	return stateHead{s.uint32(m.Videos.count).uint32(m.Users.count), d}
}

// encode writes the state, whose digest is complete now.
func (h stateHead) encode(d Digest) []byte {
	s := append(record{}, h.head...)
	for _, t := range d.Tables {
		s = s.uint64(t)
	}
	return s
}

// StateOf reads of an Image's State what position and log time it is of.
func StateOf(state []byte) (at events.Position, logTime events.Time, err error) {
	m := Model{Videos: &Videos{}, Users: &Users{}}
	_, err = m.decodeState(state)
	return m.at, m.logTime, err
}

func (m *Model) decodeState(state []byte) (d Digest, err error) {
	if len(state) != 1+16+4+8+8+8+4+4+8*len(d.Tables) || state[0] != stateVersion {
		return d, ErrState
	}
	f := fields(state[1:])
	m.cfg.Incarnation = f.id()
	m.generation, m.at, m.logTime, m.folded = f.uint32(), f.position(), f.time(), f.uint64()
	d.At, d.LogTime, d.Folded = m.at, m.logTime, m.folded
	m.Videos.saved, m.Users.saved = f.uint32(), f.uint32()
	for t := range d.Tables {
		d.Tables[t] = f.uint64()
	}
	return d, nil
}
