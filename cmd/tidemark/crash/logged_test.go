package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// logged is an event as it stands in the log.
type logged struct {
	fact
	at       events.Position
	time     events.Time
	arrival  bool
	identity string // source and ID as an outside producer gave them; else ""
	author   id     // of comments, remixes and glitches
	readIDs  []id   // of notification.read; nil for all
	command  *loggedCommand
}

// loggedCommand is a command frame.
type loggedCommand struct {
	id         id
	kind       events.CommandKind
	keyed      bool
	privileged bool
	actor      id
	// first is false for a repeat of a keyed command that stands in the log
	// already, which is without effect.
	first bool
	at    events.Position // of its last event
}

// logbook is the whole event log.
type logbook struct {
	incarnation events.Incarnation
	tags        map[uint64]uint32 // the batch ID's tag, by sequence
	batches     map[uint64][]logged
	events      []logged
	keyed       map[id][]*loggedCommand
}

var errEnd = errors.New("the log's end")

// readLog reads the log of a site that does not run.
func readLog(ctx context.Context, dataDir string) (*logbook, error) {
	l, err := eventlog.Open(ctx, eventlog.Config{Dir: filepath.Join(dataDir, "jetstream")})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	_, last, err := l.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	b := &logbook{
		incarnation: l.Incarnation(), tags: map[uint64]uint32{},
		batches: map[uint64][]logged{}, keyed: map[id][]*loggedCommand{},
	}
	if last == 0 {
		return b, nil
	}
	err = l.Read(ctx, 1, func(m eventlog.Message) error {
		if err := b.add(m); err != nil {
			return fmt.Errorf("message %d: %w", m.Seq, err)
		}
		if m.Seq == last {
			return errEnd
		}
		return nil
	})
	if !errors.Is(err, errEnd) {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return b, nil
}

func (b *logbook) add(m eventlog.Message) error {
	batch, err := events.ReadBatch(m.Data)
	if err != nil {
		return err
	}
	if batch.Incarnation != b.incarnation {
		return fmt.Errorf("it was written for log %v", batch.Incarnation)
	}
	b.tags[m.Seq] = batch.ID.Tag()
	cursor := batch.Cursor()
	var open *loggedCommand
	for {
		var e events.Event
		step, err := cursor.Next(&e)
		switch {
		case err != nil:
			return err
		case step == events.StepEnd:
			return nil
		case step == events.StepCommand:
			open = b.begin(cursor.Command)
			continue
		case cursor.Command == nil:
			open = nil
		}
		l, err := read(&e)
		if err != nil {
			return err
		}
		l.at, l.command = events.Position{Seq: m.Seq, Index: e.Index}, open
		if open != nil {
			open.at = l.at
		}
		b.events = append(b.events, l)
		b.batches[m.Seq] = append(b.batches[m.Seq], l)
	}
}

func (b *logbook) begin(c *events.Command) *loggedCommand {
	l := &loggedCommand{id: id(c.ID), kind: c.Kind, keyed: c.Keyed, privileged: c.Privileged, actor: id(c.Actor), first: true}
	if l.keyed {
		l.first = len(b.keyed[l.id]) == 0
		b.keyed[l.id] = append(b.keyed[l.id], l)
	}
	return l
}

func read(e *events.Event) (l logged, err error) {
	l = logged{fact: fact{Type: e.Type}, time: e.Time, arrival: e.Arrival}
	if len(e.ID) > 0 {
		l.identity = fmt.Sprintf("%q %q %v %d", e.Source, e.ID, e.Type, e.Time)
	}
	switch e.Type {
	case events.TypeVideoPublished:
		d, err := events.Decode[events.VideoPublished](e)
		l.A = id(d.Video)
		return l, err
	case events.TypeVideoViewed:
		d, err := events.Decode[events.VideoViewed](e)
		l.A, l.B = id(d.Video), id(d.User)
		return l, err
	case events.TypeVideoLiked, events.TypeVideoUnliked:
		d, err := events.Decode[events.VideoLike](e)
		l.A, l.B = id(d.Video), id(d.User)
		return l, err
	case events.TypeCommentCreated, events.TypeCommentDeleted, events.TypeRemixCreated:
		d, err := events.Decode[events.VideoItem](e)
		l.A, l.B, l.author = id(d.Video), id(d.Item), id(d.Author)
		return l, err
	case events.TypeVideoDeleted, events.TypeVideoRestored:
		d, err := events.Decode[events.VideoVisibility](e)
		l.A, l.B = id(d.Video), id(d.Admin)
		return l, err
	case events.TypeJobCreated:
		d, err := events.Decode[events.JobCreated](e)
		l.A, l.B = id(d.Job), id(d.Owner)
		return l, err
	case events.TypeJobUpdated:
		d, err := events.Decode[events.JobUpdated](e)
		l.A = id(d.Job)
		return l, err
	case events.TypeNotificationSent:
		d, err := events.Decode[events.NotificationSent](e)
		l.A, l.B = id(d.Notification), id(d.User)
		return l, err
	case events.TypeNotificationRead:
		d, err := events.Decode[events.NotificationRead](e)
		l.A = id(d.User)
		for ids := bytes.NewReader(d.IDs); ids.Len() > 0; {
			var one id
			_, _ = ids.Read(one[:]) // IDs are whole
			l.readIDs = append(l.readIDs, one)
		}
		return l, err
	case events.TypeUserBlocked, events.TypeUserUnblocked:
		d, err := events.Decode[events.UserBlock](e)
		l.A, l.B = id(d.User), id(d.Blocked)
		return l, err
	}
	return l, fmt.Errorf("an event of type %v, which no worker makes", e.Type)
}
