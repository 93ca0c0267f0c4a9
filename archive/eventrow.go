package archive

import (
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
)

// place is where a row stands.
type place struct {
	seq    uint64
	index  uint16
	log    int16
	stored events.Time
}

// addEvent adds the present event, which could not be read where framing is
// set, and returns the changes that are left for those behind it.
func (c *chunk) addEvent(at place, j *projector.Judgement, changes []projector.Change, command *events.Command, framing error) []projector.Change {
	e, v := &c.event, j.Verdicts[at.index]
	if e.Arrival && !e.HasIdentity() {
		e.Time = min(e.Time, at.stored+events.Time(events.MaxAhead.Microseconds())) // as the fold does
	}
	var who columns
	var err error
	if framing == nil {
		who, err = columnsOf(e)
	}
	readable := framing == nil && err == nil
	c.appendEvent(at, v, &who, readable, command)
	c.addDeadLetter(at, j, e.Raw)
	if counter, ok := projector.CounterOf(e.Type); ok && readable && v.Delta != 0 {
		c.history.add(who.video, e.Time, counter, int64(v.Delta))
	}
	for len(changes) > 0 && changes[0].Index == at.index {
		c.addChange(at, &changes[0])
		changes = changes[1:]
	}
	return changes
}

// addChange adds a change that the present event's delta does not tell.
func (c *chunk) addChange(at place, change *projector.Change) {
	c.history.addCounts(change.Video, c.event.Time, &change.Counts)
	r := &c.changes
	r.row(5 + len(change.Counts))
	r.int2(at.log)
	r.int8(int64(at.seq))
	r.int2(int16(at.index))
	r.time(events.Time(hourOf(c.event.Time)) * hourMicros)
	r.key(change.Video)
	for _, n := range change.Counts {
		r.int8(n)
	}
}

func (c *chunk) appendEvent(at place, v projector.Verdict, who *columns, readable bool, command *events.Command) {
	e, r := &c.event, &c.events
	c.count++
	r.row(16)
	r.int8(int64(at.seq))
	r.time(at.stored)
	if e.Time.Valid() && e.Type != 0 {
		r.time(e.Time)
	} else {
		r.null()
	}
	r.int2(at.log)
	r.int2(int16(at.index))
	r.int2(int16(v.Delta))
	r.text(v.Effect.String())
	if e.Type.Known() {
		r.text(e.Type.String())
	} else {
		r.null()
	}
	r.uuid(who.video)
	r.uuid(who.user)
	r.uuid(who.other)
	r.uuid(who.item)
	r.uuid(who.job)
	if readable {
		r.optionalText(e.Source)
		r.optionalText(e.ID)
	} else {
		r.null()
		r.null()
	}
	c.appendData(who, readable, command)
}

// appendData appends the event's data where the columns do not hold it all.
func (c *chunk) appendData(who *columns, readable bool, command *events.Command) {
	if !readable || !who.more {
		c.events.null()
		return
	}
	var reason []byte
	if command != nil {
		reason = command.Reason
	}
	data, err := events.AppendData(c.data[:0], &c.event, reason)
	c.data = data
	if err != nil {
		c.events.null()
		return
	}
	c.events.bytes(data)
}

// addUnread adds the row of a message that is no record batch of this log.
func (c *chunk) addUnread(at place, j *projector.Judgement, raw []byte) {
	c.event = events.Event{}
	c.appendEvent(at, j.Verdicts[0], &columns{}, false, nil)
	c.addDeadLetter(at, j, raw)
}

// addDeadLetter adds what could not be folded, where that is so.
func (c *chunk) addDeadLetter(at place, j *projector.Judgement, raw []byte) {
	for _, why := range j.Reasons {
		if why.Index != at.index {
			continue
		}
		r := &c.dead
		r.row(6)
		r.int2(at.log)
		r.int8(int64(at.seq))
		r.int2(int16(at.index))
		r.time(at.stored)
		r.text(why.Reason)
		r.bytes(raw)
		return
	}
}
