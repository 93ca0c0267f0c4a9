package oracle

import (
	"encoding/binary"
	"time"
)

// State is what a log adds up to.
type State struct {
	// At is the last message folded.
	At uint64
	// LogTime is the greatest append time so far, in microseconds.
	LogTime int64

	Videos        map[ID]*Video
	Accounts      map[ID]Account
	Jobs          map[ID]*Job
	Notifications map[ID]map[ID]*Notification // by recipient
	Blocks        map[ID]map[ID]*Block        // by who blocks
	Outcomes      map[ID]Outcome              // of commands with a key
	Audit         []Audit                     // oldest first
	DeadLetters   []DeadLetter                // oldest first

	// Decided holds the outcomes of the last message's commands, in order.
	Decided []Decided

	identities map[identity]bool
	batches    map[ID]int64 // log time at which it was folded
	tag        uint32       // of the present record batch
}

// Account is what the platform did to one.
type Account struct{ Blocked, Retracted bool }

// DeadLetter is what could not be folded.
type DeadLetter struct {
	At     Pos
	Raw    []byte
	Entity ID   // whom its event is about
	Whole  bool // it is a message
}

// Audit is one administrative act.
type Audit struct {
	At             int64
	Position       Pos
	Actor          ID
	Action, Reason string
	Targets        []ID
	Effects        []string
	Outcome        string
}

// identity makes an event of the outside the same as another.
type identity struct {
	source, id, kind string
	time             int64
}

// What an event did, in the words of the answers' outcomes.
const (
	none       = "none"
	applied    = "applied"
	updated    = "updated"
	duplicate  = "duplicate"
	superseded = "superseded"
	conflict   = "conflict"
	notFound   = "not found"
	forbidden  = "forbidden"
	suppressed = "suppressed"
	poisoned   = "poisoned"
	waiting    = "waiting"
)

// New returns the state before the first event.
func New() *State {
	return &State{
		Videos: map[ID]*Video{}, Accounts: map[ID]Account{}, Jobs: map[ID]*Job{},
		Notifications: map[ID]map[ID]*Notification{}, Blocks: map[ID]map[ID]*Block{},
		Outcomes: map[ID]Outcome{}, identities: map[identity]bool{}, batches: map[ID]int64{},
	}
}

// batchMemory is how long the batch ID of an outside producer is remembered.
const batchMemory = int64(time.Hour / time.Microsecond)

// Fold adds the next message.
func (s *State) Fold(m Message) {
	s.At, s.LogTime, s.Decided = m.Seq, max(s.LogTime, m.Stored), nil
	s.tag = binary.BigEndian.Uint32(m.BatchID[:])
	if m.Unreadable {
		s.DeadLetters = append(s.DeadLetters, DeadLetter{At: Pos{m.Seq, 0}, Raw: m.Raw, Whole: true})
		return
	}
	if m.Outside {
		if at, was := s.batches[m.BatchID]; was && s.LogTime-at <= batchMemory {
			return
		}
		s.batches[m.BatchID] = s.LogTime
	}
	at := Pos{m.Seq, 0}
	next := at
	for _, entry := range m.Entries {
		run := s.open(entry.Command, m.Outside)
		for _, e := range entry.Events {
			at = next
			next.Index++
			s.event(run, &e, at, m.Stored)
		}
		s.close(run, at)
	}
}

// maxAhead is how far an event's time may lie after it was stored.
const maxAhead = int64(5 * time.Minute / time.Microsecond)

// event folds one event of a command, or a bare one.
func (s *State) event(r *run, e *Event, at Pos, stored int64) {
	if e.Out {
		s.passOver(r)
		return
	}
	if r.skip {
		if r.outside {
			s.DeadLetters = append(s.DeadLetters, DeadLetter{At: at, Raw: e.Raw, Entity: e.Entity})
		}
		return
	}
	if r.redriving != nil && !internal(e.Type) {
		s.redriven(r, e, at, stored)
	} else {
		effect := s.judge(r, e, at, stored)
		if effect == poisoned {
			s.DeadLetters = append(s.DeadLetters, DeadLetter{At: at, Raw: e.Raw, Entity: e.Entity})
		}
		r.outcome.Effects = append(r.outcome.Effects, effect)
	}
	s.noteChanges(e, at)
}

// passOver leaves out an event: what is to be redriven next is what stands behind it.
func (s *State) passOver(r *run) {
	if letter := r.redriving; letter != nil && r.opened {
		r.redriving = &Pos{letter.Seq, letter.Index + 1}
	} else {
		r.redriving = nil
	}
}

// judge applies an event unless it is poison.
func (s *State) judge(r *run, e *Event, at Pos, stored int64) string {
	if e.Arrival && e.ID == "" && e.Time > stored+maxAhead {
		// The time is that of arrival, by a clock that runs ahead.
		clamped := *e
		clamped.Time = stored + maxAhead
		e = &clamped
	}
	if e.Bad || e.Time > stored+maxAhead {
		return poisoned
	}
	return s.apply(r, e, at)
}

// apply folds an event and says what it did. What has no natural key is
// counted once by its identity.
func (s *State) apply(r *run, e *Event, at Pos) string {
	key := identity{e.Source, e.ID, e.Type, e.Time}
	switch e.Type {
	case "video.viewed", "video.deleted", "video.restored", "counter.baseline",
		"account.blocked", "account.unblocked", "job.updated", "notification.read":
		if e.ID != "" && s.identities[key] {
			return duplicate
		}
	}
	effect := s.byType(r, e, at)
	if effect != poisoned && e.ID != "" {
		s.identities[key] = true
	}
	return effect
}

func (s *State) byType(r *run, e *Event, at Pos) string {
	switch e.Type {
	case "video.published":
		return s.publish(e)
	case "video.viewed":
		v := s.video(e.Video)
		v.Known, v.views = true, append(v.views, e.Time)
		return applied
	case "video.liked", "video.unliked":
		return s.like(e)
	case "comment.created", "remix.created", "glitch.created":
		return s.createItem(e)
	case "comment.deleted", "remix.deleted", "glitch.deleted":
		return s.deleteItem(r, e)
	case "video.deleted", "video.restored":
		return s.hide(r, e, at)
	case "counter.baseline":
		return s.baseline(e)
	case "account.blocked", "account.unblocked":
		return s.account(r, e, at)
	case "user.blocked", "user.unblocked":
		return s.block(e, at)
	case "job.created":
		return s.createJob(e, at)
	case "job.updated":
		return s.updateJob(e)
	case "job.cancelled":
		return s.cancelJob(r, e)
	case "notification.sent":
		return s.send(e, at)
	case "notification.read":
		return s.read(r, e)
	case "dead-letter.redriven", "dead-letter.dropped":
		return s.mark(r, e)
	case "dead-letter.opened":
		return s.openLetter(r, e)
	case "operation.recorded":
		return s.operation(r, e)
	}
	return poisoned
}
