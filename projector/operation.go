package projector

import (
	"fmt"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// redrive is how far a command is that redrives dead letters: each stands there
// as its mark and, behind that, the event anew.
type redrive struct {
	// letter is where the event lies that comes next; zero where none does.
	letter events.Position
	// gone: it is a dead letter no more, since another command was first.
	gone bool
	// letters are the dead letters that each entity has, in order, as they were
	// when the command began.
	letters map[[16]byte][]events.Position
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
		f.command.redrive.letter, f.command.redrive.gone = d.Letter, gone
		if !gone {
			return effect, nil // its event says what becomes of it
		}
	case !gone:
		f.model.RemoveDeadLetter(d.Letter)
	}
	f.became(readmodel.LetterTarget(d.Letter), effect)
	return effect, nil
}

// redriven folds the present event anew, in place of the dead letter. What
// fails once more stays one, and what is later of its entity waits: the order
// within an entity is never turned round.
func (f *Fold) redriven(framing error) readmodel.Effect {
	r := &f.command.redrive
	letter, entity := r.letter, f.event.Entity()
	r.letter = events.Position{}
	if r.gone {
		f.observe(readmodel.NotFound, nil)
		return readmodel.NotFound
	}
	var err error
	effect := readmodel.Waiting
	if !r.waits(f.model, letter, entity) {
		if effect, err = f.judge(framing); err == nil {
			f.model.RemoveDeadLetter(letter)
		} else {
			effect = readmodel.Poisoned
			f.model.SetDeadLetterReason(letter, err.Error())
		}
	}
	f.observe(effect, err)
	f.became(readmodel.LetterTarget(letter), effect)
	return effect
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
