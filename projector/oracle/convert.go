package oracle

import (
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// Read takes a message of the log apart. incarnation is the log's, subject is
// where record batches are published and at is where this one was.
func Read(incarnation events.Incarnation, subject, at string, seq uint64, stored time.Time, data []byte) Message {
	return ReadAdopted(incarnation, nil, subject, at, seq, stored, data)
}

// ReadAdopted is Read for a log that had other incarnations earlier.
func ReadAdopted(incarnation events.Incarnation, earlier events.Lineage, subject, at string, seq uint64, stored time.Time, data []byte) Message {
	m := Message{Seq: seq, Stored: stored.UnixMicro(), Raw: data}
	b, err := events.ReadBatch(data)
	none := events.Incarnation{}
	ours := b.Incarnation == none || b.Incarnation == incarnation
	for _, a := range earlier {
		ours = ours || a.Incarnation == b.Incarnation && seq <= a.Last
	}
	if err != nil || subject != at || !ours {
		m.Unreadable = true
		return m
	}
	m.Outside, m.BatchID = b.Incarnation == none, ID(b.ID)
	var (
		cursor = b.Cursor()
		event  events.Event
	)
	for {
		step, err := cursor.Next(&event)
		switch {
		case step == events.StepEnd:
			return m
		case step == events.StepCommand:
			m.Entries = append(m.Entries, Entry{Command: readCommand(cursor.Command)})
			continue
		case cursor.Command == nil:
			m.Entries = append(m.Entries, Entry{})
		}
		last := &m.Entries[len(m.Entries)-1]
		last.Events = append(last.Events, readEvent(&event, err))
	}
}

func readCommand(c *events.Command) *Command {
	return &Command{
		ID: ID(c.ID), Request: ID(c.Request), Kind: c.Kind.String(), Keyed: c.Keyed, Privileged: c.Privileged,
		Actor: ID(c.Actor), Time: int64(c.Time), Reason: string(c.Reason),
	}
}

func readEvent(e *events.Event, framing error) Event {
	p := Event{
		Type: e.Type.String(), Time: int64(e.Time), Arrival: e.Arrival,
		Source: string(e.Source), ID: string(e.ID), Raw: e.Raw, Entity: ID(e.Entity()),
	}
	if framing != nil {
		p.Bad = true
		return p
	}
	p.Bad = p.fill(e) != nil
	return p
}

// fill reads the data of the event's type.
func (p *Event) fill(e *events.Event) (err error) {
	switch p.Type {
	case "video.published":
		var d events.VideoPublished
		d, err = events.Decode[events.VideoPublished](e)
		p.Video, p.Author = ID(d.Video), ID(d.Author)
	case "video.viewed":
		var d events.VideoViewed
		d, err = events.Decode[events.VideoViewed](e)
		p.Video, p.User = ID(d.Video), ID(d.User)
	case "video.liked", "video.unliked":
		var d events.VideoLike
		d, err = events.Decode[events.VideoLike](e)
		p.Video, p.User = ID(d.Video), ID(d.User)
	case "comment.created", "comment.deleted", "remix.created", "remix.deleted", "glitch.created", "glitch.deleted":
		var d events.VideoItem
		d, err = events.Decode[events.VideoItem](e)
		p.Video, p.Item, p.Author = ID(d.Video), ID(d.Item), ID(d.Author)
	case "video.deleted", "video.restored":
		var d events.VideoVisibility
		d, err = events.Decode[events.VideoVisibility](e)
		p.Video, p.Admin, p.Reason = ID(d.Video), ID(d.Admin), string(d.Reason)
	case "account.blocked", "account.unblocked":
		var d events.AccountBlock
		d, err = events.Decode[events.AccountBlock](e)
		p.User, p.Admin, p.Reason, p.Retract = ID(d.User), ID(d.Admin), string(d.Reason), d.Retract
	case "user.blocked", "user.unblocked":
		var d events.UserBlock
		d, err = events.Decode[events.UserBlock](e)
		p.User, p.Blocked = ID(d.User), ID(d.Blocked)
	case "counter.baseline":
		var d events.CounterBaseline
		d, err = events.Decode[events.CounterBaseline](e)
		p.Video, p.Baseline, p.Values = ID(d.Video), string(d.Source), d.Values
	default:
		return p.fillRest(e)
	}
	return err
}

func (p *Event) fillRest(e *events.Event) (err error) {
	switch p.Type {
	case "job.created":
		var d events.JobCreated
		d, err = events.Decode[events.JobCreated](e)
		p.Job, p.User = ID(d.Job), ID(d.Owner)
	case "job.cancelled":
		var d events.JobCancelled
		d, err = events.Decode[events.JobCancelled](e)
		p.Job = ID(d.Job)
	case "job.updated":
		var d events.JobUpdated
		d, err = events.Decode[events.JobUpdated](e)
		p.fillJob(&d)
	case "notification.sent":
		var d events.NotificationSent
		d, err = events.Decode[events.NotificationSent](e)
		p.Notification, p.User, p.Actor = ID(d.Notification), ID(d.User), ID(d.Actor)
		p.Category, p.Payload = string(d.Category), string(d.Payload)
	case "notification.read":
		var d events.NotificationRead
		d, err = events.Decode[events.NotificationRead](e)
		p.fillRead(&d)
	case "dead-letter.redriven", "dead-letter.dropped":
		var d events.DeadLetterMark
		d, err = events.Decode[events.DeadLetterMark](e)
		p.Letter = Pos{d.Letter.Seq, int(d.Letter.Index)}
	case "dead-letter.opened":
		var d events.DeadLetterOpened
		d, err = events.Decode[events.DeadLetterOpened](e)
		p.Letter, p.Batch = Pos{d.Letter.Seq, int(d.Letter.Index)}, ID(d.Batch)
	case "operation.recorded":
		var d events.OperationRecorded
		d, err = events.Decode[events.OperationRecorded](e)
		p.Outcome = string(d.Outcome)
		for i := range d.TargetCount() {
			p.IDs = append(p.IDs, ID(d.Target(i)))
		}
	default:
		return events.ErrRule
	}
	return err
}

func (p *Event) fillJob(d *events.JobUpdated) {
	p.Job, p.Attempt = ID(d.Job), int64(d.Attempt)
	if d.Has&events.JobHasStatus != 0 {
		p.Status = d.Status.String()
	}
	if d.Has&events.JobHasProgress != 0 {
		progress := int(d.Progress)
		p.Progress = &progress
	}
	if d.Has&events.JobHasResultURL != 0 {
		url := string(d.ResultURL)
		p.ResultURL = &url
	}
	if d.Has&events.JobHasError != 0 {
		text := string(d.Error)
		p.Error = &text
	}
}

func (p *Event) fillRead(d *events.NotificationRead) {
	p.User, p.ReadAll, p.Category = ID(d.User), d.Scope != events.ReadByID, string(d.Category)
	for i := range d.IDCount() {
		p.IDs = append(p.IDs, ID(d.ID(i)))
	}
	if d.HasBefore {
		before := int64(d.Before)
		p.Before = &before
	}
}
