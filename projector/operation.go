package projector

import (
	"fmt"
	"slices"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// redrive is how far a command is that redrives dead letters. An event stands there
// as its mark and, behind that, the event anew; a whole message as the note that it
// is opened and, behind that, the events that it holds.
type redrive struct {
	// letter is where the event lies that comes next; zero where none does.
	letter events.Position
	// gone: it is a dead letter no more, since another command was first.
	gone bool
	// opened: the events that come next are those of a message, with letters one
	// after the other. It was published to that subject.
	opened  bool
	subject string
	// repeat: the message's record batch was folded by itself meanwhile.
	repeat bool
	// letters are the dead letters that each entity has, in order, as they were
	// when the command began, and those that it has opened since.
	letters map[[16]byte][]events.Position
}

// next moves on behind the present event.
func (r *redrive) next() {
	if r.opened {
		r.letter.Index++
	} else {
		r.letter = events.Position{}
	}
}

// waits reports whether an earlier dead letter of the entity is there still.
func (r *redrive) waits(m *readmodel.Model, letter events.Position, entity [16]byte) bool {
	if entity == ([16]byte{}) {
		return false
	}
	if r.letters == nil {
		r.letters = map[[16]byte][]events.Position{}
		m.EachDeadLetter(func(d *readmodel.DeadLetter) {
			if e, ok := d.Event(); ok {
				r.letters[e.Entity()] = append(r.letters[e.Entity()], d.Position)
			}
		})
	}
	for _, at := range r.letters[entity] {
		if at.Compare(letter) >= 0 {
			return false
		}
		if m.HasDeadLetter(at) {
			return true
		}
	}
	return false
}

// came notes a dead letter that the command itself has made of an event it opened.
func (r *redrive) came(letter events.Position, entity [16]byte) {
	if r.letters == nil {
		return // waits finds it in the state
	}
	list := r.letters[entity]
	i, _ := slices.BinarySearchFunc(list, letter, events.Position.Compare)
	r.letters[entity] = slices.Insert(list, i, letter)
}

// foldMark folds the mark of a dead letter that is redriven or dropped.
func (f *Fold) foldMark(e *events.Event, d events.DeadLetterMark) (readmodel.Effect, error) {
	kind := events.DropDeadLetters
	if e.Type == events.TypeDeadLetterRedriven {
		kind = events.RedriveDeadLetters
	}
	if c := f.command.Command; c == nil || c.Kind != kind {
		return readmodel.Poisoned, errOwn(e)
	}
	effect := readmodel.NotFound
	if f.model.HasDeadLetter(d.Letter) {
		effect = readmodel.Applied
	}
	switch gone := effect == readmodel.NotFound; {
	case kind == events.RedriveDeadLetters:
		r := &f.command.redrive
		r.letter, r.gone, r.opened = d.Letter, gone, false
		if !gone {
			return effect, nil // its event says what becomes of it
		}
	case !gone:
		f.model.RemoveDeadLetter(d.Letter)
	}
	f.became(readmodel.LetterTarget(d.Letter), effect)
	return effect, nil
}

// foldOpened folds the note that a whole message is redriven. It is a dead letter
// no more: its events are judged one by one, and those that fail or wait become
// dead letters of their own, each at its place in the message.
func (f *Fold) foldOpened(e *events.Event, d events.DeadLetterOpened) (readmodel.Effect, error) {
	if c := f.command.Command; c == nil || c.Kind != events.RedriveDeadLetters {
		return readmodel.Poisoned, errOwn(e)
	}
	r := &f.command.redrive
	message, there := f.model.DeadLetter(d.Letter)
	// Another command may have opened it, and left the first of its events there.
	_, event := message.Event()
	r.letter, r.gone, r.opened, r.subject = d.Letter, !there || event, true, message.Subject
	if r.gone {
		f.became(readmodel.LetterTarget(d.Letter), readmodel.NotFound)
		return readmodel.NotFound, nil
	}
	f.model.RemoveDeadLetter(d.Letter)
	r.repeat = f.model.SeenBatch(d.Batch)
	return readmodel.Applied, nil
}

// errWaits is the reason of a dead letter that was opened and waits.
var errWaits = fmt.Errorf("%w: an earlier dead letter of the same entity waits to be redriven", events.ErrRule)

// redriven folds the present event anew, in place of the dead letter. What
// fails once more stays one, and what is later of its entity waits: the order
// within an entity is never turned round.
func (f *Fold) redriven(framing error) readmodel.Effect {
	r := &f.command.redrive
	letter := r.letter
	defer r.next()
	if r.gone {
		f.observe(readmodel.NotFound, nil)
		return readmodel.NotFound
	}
	effect, err := readmodel.Waiting, error(nil)
	switch {
	case r.opened && r.repeat:
		effect = readmodel.Duplicate
	case !r.waits(f.model, letter, f.event.Entity()):
		effect, err = f.judge(framing)
	}
	f.settleLetter(letter, effect, err)
	f.observe(effect, err)
	f.became(readmodel.LetterTarget(letter), effect)
	return effect
}

// settleLetter leaves in the state what an event that was redriven is now: nothing,
// or a dead letter with the reason of now.
func (f *Fold) settleLetter(letter events.Position, effect readmodel.Effect, err error) {
	r := &f.command.redrive
	switch {
	case r.opened && effect == readmodel.Waiting:
		err = errWaits
		fallthrough
	case r.opened && err != nil:
		f.model.AddDeadLetter(readmodel.DeadLetter{Position: letter, Reason: err.Error(), Subject: r.subject, Raw: f.event.Raw})
		r.came(letter, f.event.Entity())
	case err != nil:
		f.model.SetDeadLetterReason(letter, err.Error())
	case !r.opened && effect != readmodel.Waiting:
		f.model.RemoveDeadLetter(letter)
	}
}

// foldOperation notes what became of an operation, for its audit entry.
func (f *Fold) foldOperation(e *events.Event, d events.OperationRecorded) (readmodel.Effect, error) {
	if c := f.command.Command; c == nil || !c.Kind.Operates() {
		return readmodel.Poisoned, errOwn(e)
	}
	f.command.note = d.Outcome
	for i := range d.TargetCount() {
		f.became(d.Target(i), readmodel.Applied)
	}
	return readmodel.Applied, nil
}

// became notes what became of one target of the present command.
func (f *Fold) became(target [16]byte, effect readmodel.Effect) {
	f.command.targets, f.command.effects = append(f.command.targets, target), append(f.command.effects, effect)
}

func errOwn(e *events.Event) error {
	return fmt.Errorf("%w: %v stands in commands of the service alone", events.ErrRule, e.Type)
}
