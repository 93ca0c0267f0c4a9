package replay

import (
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// message is the message being folded, taken apart once somebody asks.
type message struct {
	*eventlog.Message
	opened   bool
	batch    events.BatchID
	outside  bool
	commands []*commandOf // by the index of the event
}

// commandOf is the command that an event came by.
type commandOf struct {
	id     events.CommandID
	kind   events.CommandKind
	actor  events.UserID
	keyed  bool
	reason string
	entry  int // among the commands of the record batch
}

// command returns the command of the event with that index, nil for a bare one.
func (m *message) command(index uint16) *commandOf {
	if !m.opened {
		m.open()
	}
	if int(index) >= len(m.commands) {
		return nil
	}
	return m.commands[index]
}

func (m *message) open() {
	m.opened = true
	b, err := events.ReadBatch(m.Data)
	if err != nil {
		return
	}
	m.batch, m.outside = b.ID, b.Incarnation == events.Incarnation{}
	var (
		cursor  = b.Cursor()
		e       events.Event
		current *commandOf
	)
	for entry := 0; ; {
		step, _ := cursor.Next(&e) // what is wrong with an event is the fold's to say
		switch {
		case step == events.StepEnd:
			return
		case step == events.StepCommand:
			c := cursor.Command
			current = &commandOf{id: c.ID, kind: c.Kind, actor: c.Actor, keyed: c.Keyed, reason: string(c.Reason), entry: entry}
			entry++
		case cursor.Command == nil:
			m.commands = append(m.commands, nil)
		default:
			m.commands = append(m.commands, current)
		}
	}
}

// repeats remembers commands with keys, and record batches of outside
// producers, that were folded.
type repeats struct {
	commands map[events.CommandID]firstCommand
	batches  map[events.BatchID]events.Position
}

type firstCommand struct {
	seq   uint64
	entry int
	first events.Position
}

func newRepeats() repeats {
	return repeats{map[events.CommandID]firstCommand{}, map[events.BatchID]events.Position{}}
}

// of returns where the first event lies of the command or of the record batch that an
// event without effect repeats; false if it is no repeat.
func (p *repeats) of(m *message, index uint16, effect readmodel.Effect, r *record) (first events.Position, repeat bool) {
	c := m.command(index)
	idle := effect == readmodel.Duplicate || effect == readmodel.Conflict
	if m.outside {
		if first, known := p.batches[m.batch]; !known {
			p.batches[m.batch] = r.Position
		} else if first.Seq != m.Seq && idle {
			return first, true
		}
	}
	if c == nil || !c.keyed {
		return first, false
	}
	before, known := p.commands[c.id]
	if !known || !idle && before.seq != m.Seq {
		p.commands[c.id] = firstCommand{m.Seq, c.entry, r.Position}
		return first, false
	}
	return before.first, idle && (before.seq != m.Seq || before.entry != c.entry)
}

// kept is about how many bytes they take.
func (p *repeats) kept() uint64 { return 2 * entryBytes * uint64(len(p.commands)+len(p.batches)) }
