package events

import "encoding/binary"

// Outline walks the events of a record batch at first sight, for who looks ahead
// of the fold: it takes them as they stand there and checks no rule.
type Outline struct {
	rest  []byte
	index uint16
}

// Outline returns a walk from the first event on.
func (b *Batch) Outline() Outline { return Outline{rest: b.entries} }

// Glimpse is what an Outline tells of an event. Its slices alias the record batch.
type Glimpse struct {
	Index uint16
	// Type is 0 where not even the parts below can be told apart.
	Type       Type
	Time       Time
	Source, ID []byte
	data       []byte
}

// Next moves on to the next event, in a command or not. It returns false at the end.
func (o *Outline) Next(g *Glimpse) bool {
	for {
		size := frameSize(o.rest)
		if size == 0 {
			return false
		}
		frame := o.rest[:size]
		o.rest = o.rest[size:]
		if frame[0] != frameCommand {
			g.Index = o.index
			o.index++
			g.read(frame)
			return true
		}
	}
}

func (g *Glimpse) read(frame []byte) {
	g.Type, g.Source, g.ID, g.data = 0, nil, nil, nil
	rest := frame[frameHeaderSize:]
	if len(rest) < 8 {
		return
	}
	g.Time, rest = Time(binary.BigEndian.Uint64(rest)), rest[8:]
	if frame[2]&flagIdentity != 0 {
		if g.Source, rest = cutText(rest); g.Source == nil {
			return
		}
		if g.ID, rest = cutText(rest); g.ID == nil {
			return
		}
	}
	g.Type, g.data = Type(frame[0]), rest
}

// cutText takes a text of an identity off; nil where it is cut short.
func cutText(b []byte) (text, rest []byte) {
	if len(b) == 0 || len(b) < 2+int(b[0]) {
		return nil, nil
	}
	return b[1 : 2+int(b[0])], b[2+int(b[0]):]
}

// Video returns the bytes of the video that the event is about, nil where it is
// about none.
func (g *Glimpse) Video() []byte {
	if g.Type == 0 || g.Type > TypeVideoRestored && g.Type != TypeCounterBaseline || len(g.data) < 16 {
		return nil
	}
	return g.data[:16]
}

// Liker returns the bytes of who likes or does not like a video any more, nil of
// other events.
func (g *Glimpse) Liker() []byte {
	if g.Type != TypeVideoLiked && g.Type != TypeVideoUnliked || len(g.data) < 32 {
		return nil
	}
	return g.data[16:32]
}

// Item returns the bytes of the comment, remix or glitch that the event creates or
// deletes, nil of other events. Video says of which video it is.
func (g *Glimpse) Item() []byte {
	if g.Type < TypeCommentCreated || g.Type > TypeGlitchDeleted || len(g.data) < 32 {
		return nil
	}
	return g.data[16:32]
}
