package events

import "encoding/binary"

// View is a view that nobody named and whose outcome nobody asked for: what
// most of a log consists of.
type View struct {
	Video VideoID
	Time  Time
	// Index is the view's place among the events of its record batch.
	Index uint16
}

// plainViewData is the size of such a view's frame behind its header: time,
// video, user.
const plainViewData = 8 + 16 + 16

// Views takes views from the record batch as long as they stand side by side,
// up to len(dst), and returns how many. Each is as Next and Decode would read
// it, in a fraction of the time. It stops before everything else: other events,
// commands and their events, and views that carry an identity, break a rule, or
// claim to have happened after latest. What merely arrived after it gets latest
// for its time.
func (c *Cursor) Views(dst []View, latest Time) int {
	if c.open > 0 {
		return 0
	}
	rest, n := c.rest, 0
	for n < len(dst) && len(rest) >= frameHeaderSize+plainViewData {
		frame := rest[:frameHeaderSize+plainViewData]
		if Type(frame[0]) != TypeVideoViewed || frame[1] != dataVersion || frame[2]&^flagArrival != 0 ||
			frame[3] != 0 || frame[4] != plainViewData {
			break
		}
		at := Time(binary.BigEndian.Uint64(frame[frameHeaderSize:]))
		if !at.Valid() || at > latest && frame[2] == 0 {
			break
		}
		v := &dst[n]
		v.Video, v.Time, v.Index = VideoID(frame[13:29]), min(at, latest), c.index
		c.index++
		n++
		rest = rest[len(frame):]
	}
	if n > 0 {
		c.rest, c.Command = rest, nil
	}
	return n
}
