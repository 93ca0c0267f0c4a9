package replay_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

var incarnation = events.Incarnation{'t', 'e', 's', 't'}

// modelConfig remembers for longer than the logs of most tests last.
func modelConfig() readmodel.Config {
	return readmodel.Config{Incarnation: incarnation, DedupeHorizon: 400 * 24 * time.Hour, OutcomeHorizon: 400 * 24 * time.Hour}
}

// history makes up a log from few names, so that everything meets everything:
// repeats of events, commands and record batches, taps out of order, poison.
type history struct {
	*rand.Rand
	log      kept
	stored   time.Time
	said     []said         // events with an identity
	commands []events.Entry // with a key
	outside  []eventlog.Message
	// stride is the most that passes between two messages.
	stride time.Duration
	// wild, where set, is what the log adds up to so far: its dead letters are
	// redriven and dropped, and the clock is set back now and then.
	wild    *oracle.State
	strides int
}

type said struct {
	meta events.Meta
	data events.Data
}

func newHistory(seed uint64, stride time.Duration) *history {
	return &history{Rand: rand.New(rand.NewPCG(seed, 0)), stored: testTime, stride: stride}
}

func (h *history) chance(percent int) bool { return h.IntN(100) < percent }

func (h *history) video() events.VideoID { return numbered[events.VideoID]('v', h.IntN(4)) }
func (h *history) user() events.UserID   { return numbered[events.UserID]('u', h.IntN(5)) }
func (h *history) job() events.JobID     { return numbered[events.JobID]('j', h.IntN(3)) }

func (h *history) maybeUser() (u events.UserID) {
	if h.chance(70) {
		u = h.user()
	}
	return u
}

// grow adds messages to the log.
func (h *history) grow(messages int) kept {
	for range messages {
		h.clock()
		seq := uint64(len(h.log) + 1)
		switch p := h.IntN(100); {
		case p < 5:
			h.append(eventlog.Message{Subject: eventlog.BatchSubject, Data: []byte("no record batch")})
		case p < 12 && len(h.outside) > 0:
			h.append(h.outside[h.IntN(len(h.outside))])
		case p < 16 && h.wild != nil:
			m := h.batch(events.BatchHeader{ID: batchID(seq)}, false)
			m.Subject = "tidemark.events.7.batch" // a dead letter as a whole
			h.append(m)
		case p < 25:
			m := h.batch(events.BatchHeader{ID: batchID(seq)}, false)
			h.outside = append(h.outside, m)
			h.append(m)
		default:
			m := h.batch(events.BatchHeader{Incarnation: incarnation, ID: batchID(seq)}, true)
			m.BatchID = batchID(seq).String()
			h.append(m)
		}
	}
	return h.log
}

// clock moves on. In a wild history it goes in strides, so that no batch ID is as old as
// the fold remembers one, give or take a minute, and now and then it is set back.
func (h *history) clock() {
	if h.wild == nil {
		h.stored = h.stored.Add(time.Duration(h.Int64N(int64(h.stride))))
		return
	}
	if h.strides += h.IntN(3); h.chance(5) {
		h.strides -= 3
	}
	h.stored = testTime.Add(time.Duration(h.strides)*h.stride + time.Duration(h.IntN(1000))*time.Millisecond)
}

func (h *history) append(m eventlog.Message) {
	m.Seq, m.Stored = uint64(len(h.log)+1), h.stored
	if h.log = append(h.log, m); h.wild != nil {
		h.wild.Fold(oracle.Read(incarnation, eventlog.BatchSubject, m.Subject, m.Seq, m.Stored, m.Data))
	}
}

func batchID(n uint64) (id events.BatchID) {
	binary.BigEndian.PutUint64(id[:], n)
	id[15] = 1
	return id
}

func (h *history) batch(header events.BatchHeader, own bool) eventlog.Message {
	var entries []events.Entry
	for range 1 + h.IntN(6) {
		switch {
		case own && h.wild != nil && len(h.wild.DeadLetters) > 0 && h.chance(25):
			entries = append(entries, h.letters())
		case own && h.chance(10) && len(h.commands) > 0:
			entries = append(entries, h.commands[h.IntN(len(h.commands))])
		case own && h.chance(40):
			entries = append(entries, h.command())
		default:
			entries = append(entries, events.Entry{Bytes: h.event(), Events: 1})
		}
	}
	return eventlog.Message{Subject: eventlog.BatchSubject, Data: events.AppendBatch(nil, header, entries)}
}

// command is one of a few kinds, some with a key.
func (h *history) command() events.Entry {
	kinds := []events.CommandKind{events.DeleteItem, events.CancelJob, events.LikeVideo, events.BlockAccounts, events.MarkRead}
	c := events.Command{
		Kind: kinds[h.IntN(len(kinds))], ID: numbered[events.CommandID]('k', h.IntN(1<<30)), Keyed: h.chance(60),
		Actor: h.user(), Privileged: h.chance(30), Time: events.TimeOf(h.stored), Events: 1 + h.IntN(3),
	}
	if c.Kind.Audited() {
		c.Reason = []byte("because")
	}
	e := events.Entry{Bytes: events.AppendCommand(nil, c), Events: c.Events}
	for range c.Events {
		e.Bytes = append(e.Bytes, h.event()...)
	}
	if c.Keyed {
		h.commands = append(h.commands, e)
	}
	return e
}

// letters is a command that redrives or drops some dead letters.
func (h *history) letters() events.Entry {
	c := events.Command{
		Kind: events.RedriveDeadLetters, ID: numbered[events.CommandID]('k', h.IntN(1<<30)), Actor: h.user(), Privileged: true,
		Time: events.TimeOf(h.stored), Reason: []byte("mended"),
	}
	mark := events.TypeDeadLetterRedriven
	if h.chance(20) {
		c.Kind, mark = events.DropDeadLetters, events.TypeDeadLetterDropped
	}
	var frames []byte
	add := func(t events.Type, d events.Data) {
		frames, c.Events = events.AppendEvent(frames, events.Meta{Type: t, Time: c.Time}, d), c.Events+1
	}
	for range 1 + h.IntN(3) {
		d := h.wild.DeadLetters[h.IntN(len(h.wild.DeadLetters))]
		if b, err := events.ReadBatch(d.Raw); err == nil && c.Kind == events.RedriveDeadLetters {
			add(events.TypeDeadLetterOpened, events.DeadLetterOpened{Letter: events.Position{Seq: d.At.Seq}, Batch: b.ID})
			var e events.Event
			for cursor := b.Cursor(); ; {
				step, _ := cursor.Next(&e)
				if step == events.StepEnd {
					break
				}
				if step == events.StepEvent {
					frames, c.Events = append(frames, e.Raw...), c.Events+1
				}
			}
			continue
		}
		add(mark, events.DeadLetterMark{Letter: events.Position{Seq: d.At.Seq, Index: uint16(d.At.Index)}})
		if c.Kind == events.RedriveDeadLetters && events.IsEventFrame(d.Raw, len(d.Raw)) {
			frames, c.Events = append(frames, d.Raw...), c.Events+1
		}
	}
	add(events.TypeOperationRecorded, events.OperationRecorded{})
	return events.Entry{Bytes: append(events.AppendCommand(nil, c), frames...), Events: c.Events}
}

// event is the frame of an event; now and then of one that was said before, as
// it was or about something else.
func (h *history) event() []byte {
	kind, data := h.data()
	meta := events.Meta{Type: kind, Time: events.TimeOf(h.stored.Add(-time.Duration(h.IntN(100)) * time.Second)), Arrival: h.chance(20)}
	switch p := h.IntN(100); {
	case p < 3:
		meta.Time, meta.Arrival = events.TimeOf(h.stored.Add(time.Hour)), false // poison
	case p < 18 && len(h.said) > 0:
		before := h.said[h.IntN(len(h.said))]
		if meta = before.meta; h.chance(60) || meta.Type != kind {
			data = before.data
		}
	case p < 60:
		meta.Arrival, meta.Source, meta.ID = false, []byte("gateway"), fmt.Append(nil, h.IntN(1<<30))
		h.said = append(h.said, said{meta, data})
	}
	return events.AppendEvent(nil, meta, data)
}

func (h *history) data() (events.Type, events.Data) {
	pick := func(types ...events.Type) events.Type { return types[h.IntN(len(types))] }
	switch p := h.IntN(100); {
	case p < 25:
		return events.TypeVideoViewed, events.VideoViewed{Video: h.video(), User: h.maybeUser()}
	case p < 45:
		return pick(events.TypeVideoLiked, events.TypeVideoLiked, events.TypeVideoUnliked), events.VideoLike{Video: h.video(), User: h.user()}
	case p < 63:
		kind := pick(events.TypeCommentCreated, events.TypeCommentCreated, events.TypeCommentDeleted, events.TypeRemixCreated,
			events.TypeRemixDeleted, events.TypeGlitchCreated)
		return kind, events.VideoItem{Video: h.video(), Item: numbered[events.ItemID]('c', h.IntN(6)), Author: h.maybeUser()}
	case p < 67:
		return events.TypeVideoPublished, events.VideoPublished{Video: h.video(), Author: h.maybeUser()}
	case p < 71:
		return pick(events.TypeVideoDeleted, events.TypeVideoRestored), events.VideoVisibility{Video: h.video(), Admin: h.user(), Reason: []byte("rules")}
	case p < 76:
		return pick(events.TypeAccountBlocked, events.TypeAccountUnblocked), events.AccountBlock{User: h.user(), Admin: h.user(), Retract: h.chance(70), Reason: []byte("spam")}
	case p < 80:
		d := events.CounterBaseline{Video: h.video(), Source: fmt.Append(nil, h.IntN(2)), Set: 3}
		if d.Values[events.Views], d.Values[events.Likes] = int64(h.IntN(50)), int64(h.IntN(3)); h.chance(10) {
			d.Values[events.Views] = events.MaxBaseline // poison where there is a view already
		}
		return events.TypeCounterBaseline, d
	}
	return h.otherData(pick)
}

func (h *history) otherData(pick func(...events.Type) events.Type) (events.Type, events.Data) {
	switch p := h.IntN(4); p {
	case 0:
		a, b := h.user(), numbered[events.UserID]('w', h.IntN(2))
		return pick(events.TypeUserBlocked, events.TypeUserUnblocked), events.UserBlock{User: a, Blocked: b}
	case 1:
		return events.TypeNotificationSent, events.NotificationSent{
			Notification: numbered[events.NotificationID]('n', h.IntN(6)), User: h.user(),
			Actor: numbered[events.UserID]('w', h.IntN(2)), Category: []byte("likes"),
		}
	case 2:
		return events.TypeJobCreated, events.JobCreated{Job: h.job(), Owner: h.user()}
	}
	if h.chance(10) {
		return events.TypeJobCancelled, events.JobCancelled{Job: h.job()}
	}
	d := events.JobUpdated{Job: h.job(), Attempt: uint32(1 + h.IntN(3)), Has: events.JobHasProgress, Progress: uint8(h.IntN(101))}
	if h.chance(20) {
		d.Has, d.Status = d.Has|events.JobHasStatus, events.JobCompleted
	}
	return events.TypeJobUpdated, d
}

// recount folds messages by the oracle, and calls at after each.
func recount(log kept, at func(*oracle.State)) *oracle.State {
	s := oracle.New()
	for i := range log {
		m := &log[i]
		s.Fold(oracle.Read(incarnation, eventlog.BatchSubject, m.Subject, m.Seq, m.Stored, m.Data))
		if at != nil {
			at(s)
		}
	}
	return s
}
