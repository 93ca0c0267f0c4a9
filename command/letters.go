package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	// maxLettersRefused bounds how many are named of those that cannot be redriven.
	maxLettersRefused = 20
	// letterRoom is what a record batch holds beside the notes on each dead letter
	// and the reason, and letterEvents how many events.
	letterRoom   = events.MaxBatchBytes - 64*maxLetters - 4*events.MaxReasonChars
	letterEvents = events.MaxBatchEvents - 1
)

// selected is a dead letter that a command is about.
type selected struct {
	at events.Position
	// redrive: it is not dropped, but this is folded anew. Nothing where it is a
	// dead letter no more.
	redrive bool
	projector.Redrivable
}

// write appends what a command says of the dead letter, and returns how many
// events that is.
func (l *selected) write(w *entryWriter) int {
	switch {
	case l.Message:
		w.add(events.TypeDeadLetterOpened, events.DeadLetterOpened{Letter: l.at, Batch: l.Batch})
	case l.redrive:
		w.add(events.TypeDeadLetterRedriven, events.DeadLetterMark{Letter: l.at})
	default:
		w.add(events.TypeDeadLetterDropped, events.DeadLetterMark{Letter: l.at})
	}
	w.frames = append(w.frames, l.Frames...)
	return 1 + l.Events
}

// letters collects the dead letters of a command.
type letters struct {
	list          []selected
	bytes, events int
}

// fits reports whether the dead letter goes into the command, and puts it there.
func (l *letters) fits(one selected, limit int) bool {
	bytes, n := l.bytes+len(one.Frames), l.events+1+one.Events
	if len(l.list) == limit || len(l.list) > 0 && bytes > letterRoom || n > letterEvents {
		return false
	}
	l.list, l.bytes, l.events = append(l.list, one), bytes, n
	return true
}

// letter takes a dead letter for a command.
func (s *Service) letter(ctx context.Context, d *readmodel.DeadLetter, redrive bool) (l selected, err error) {
	l.at, l.redrive = d.Position, redrive
	if redrive {
		l.Redrivable, err = s.cfg.Fold.Redrivable(ctx, d)
	}
	return l, err
}

// selectLetters reads the dead letters that a command is about. More are left
// where there are more than it takes. What cannot be redriven is left out, unless
// it is named.
func (s *Service) selectLetters(ctx context.Context, state *readmodel.Snapshot, selection *letterSelection, redrive bool) (l letters, more bool, err error) {
	if len(selection.positions) > 0 {
		return s.namedLetters(ctx, state, selection.positions, redrive)
	}
	for d, err := range state.FindDeadLetters(before(selection.from), selection.filter) {
		var one selected
		if err == nil {
			one, err = s.letter(ctx, d, redrive)
		}
		switch {
		case errors.Is(err, projector.ErrNotRedrivable):
		case err != nil:
			return l, false, err
		case !l.fits(one, selection.limit):
			return l, true, nil
		}
	}
	return l, false, nil
}

// before returns the position before p, behind which a list begins with p.
func before(p events.Position) events.Position {
	if p == (events.Position{}) {
		return p
	}
	return events.UnpackPosition(p.Packed() - 1)
}

// namedLetters reads those of the positions given. One that is there no more is
// kept: the fold answers for it. If one cannot be redriven, none is. More are left
// where they do not fit into one command.
func (s *Service) namedLetters(ctx context.Context, state *readmodel.Snapshot, positions []events.Position, redrive bool) (l letters, more bool, err error) {
	var refused []api.FieldError
	for i, at := range positions {
		d, there, err := state.DeadLetter(at)
		if err != nil {
			return l, false, err
		}
		one := selected{at: at, redrive: redrive}
		if there {
			one, err = s.letter(ctx, &d, redrive)
		}
		switch {
		case errors.Is(err, projector.ErrNotRedrivable):
			refused = append(refused, api.FieldError{Pointer: "/positions/" + strconv.Itoa(i), Detail: fmt.Sprintf("%v: %v", at, err)})
		case err != nil:
			return l, false, err
		default:
			more = more || !l.fits(one, maxLetters)
		}
	}
	return l, more, refuseLetters(refused)
}

// refuseLetters says why dead letters that were named are not redriven.
func refuseLetters(refused []api.FieldError) error {
	if len(refused) == 0 {
		return nil
	}
	p := api.Conflict.Withf("Nothing was redriven, since %d of the dead letters cannot be. Drop those, and send what they should have said through POST /v1/events.", len(refused))
	p.Errors = refused[:min(len(refused), maxLettersRefused)]
	return p
}

// published waits until the dead letters are in the dead-letter stream: what has
// left the state, as of a position, does not get there any more.
func (s *Service) published(ctx context.Context, at events.Position, l letters) error {
	if len(l.list) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WaitLimit)
	defer cancel()
	if last := l.list[len(l.list)-1].at; last.Compare(at) < 0 {
		at = last
	}
	if err := s.cfg.Fold.PublishedLetters(ctx, at); err != nil {
		p := api.LogUnavailable.Because(err)
		p.Detail = "The dead-letter stream has not taken these yet, and they must not leave before it has. The command was rejected."
		return p
	}
	return nil
}
