package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	// maxLetters is how many dead letters a command takes: two events each, and
	// one of the command's own, within a record batch.
	maxLetters     = 400
	defaultLetters = 100
	// letterPage is how many are read at once.
	letterPage = 500
	// maxLettersRefused bounds how many are named of those that cannot be redriven.
	maxLettersRefused = 20
	// letterRoom is what a record batch holds beside the events redriven.
	letterRoom = events.MaxBatchBytes - 64*maxLetters - 4*events.MaxReasonChars
)

// letterSelection says which dead letters a command is about.
type letterSelection struct {
	positions []events.Position
	kind      string // the event's type
	reason    string // what the dead letter's reason says somewhere
	from, to  events.Position
	all       bool
	limit     int

	why []byte // the reason of the command
}

// selected is a dead letter with all of its event's bytes.
type selected struct {
	at  events.Position
	raw []byte
}

// redriveDeadLetters appends the events of dead letters anew, each with its
// identity: in order of position, so in their order within each entity.
func (s *Service) redriveDeadLetters(c *api.Call) error {
	return s.onDeadLetters(c, events.RedriveDeadLetters, events.TypeDeadLetterRedriven, "redriven_count")
}

// dropDeadLetters gives dead letters up.
func (s *Service) dropDeadLetters(c *api.Call) error {
	return s.onDeadLetters(c, events.DropDeadLetters, events.TypeDeadLetterDropped, "dropped_count")
}

func (s *Service) onDeadLetters(c *api.Call, kind events.CommandKind, mark events.Type, counted string) error {
	selection, err := readLetterSelection(c)
	if err != nil {
		return err
	}
	redrive := kind == events.RedriveDeadLetters
	var letters []selected
	more := false
	v, err := s.run(c, plan{
		kind: kind, judged: true, privileged: true, reason: selection.why,
		check: func(state *readmodel.Snapshot) (err error) {
			if letters, more, err = s.selectLetters(c.Context(), state, &selection, redrive); err != nil {
				return err
			}
			return s.published(c.Context(), state.At, letters)
		},
		write: func(w *entryWriter) int {
			for _, letter := range letters {
				w.add(mark, events.DeadLetterMark{Letter: letter.at})
				w.frames = append(w.frames, letter.raw...)
			}
			w.add(events.TypeOperationRecorded, events.OperationRecorded{})
			return countFrames(letters) + 1
		},
	})
	if err != nil {
		return err
	}
	return s.answerLetters(c, &v, counted, more)
}

// published waits until the dead letters are in the dead-letter stream: what has
// left the state, as of a position, does not get there any more.
func (s *Service) published(ctx context.Context, at events.Position, letters []selected) error {
	if len(letters) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WaitLimit)
	defer cancel()
	if last := letters[len(letters)-1].at; last.Compare(at) < 0 {
		at = last
	}
	if err := s.cfg.Fold.PublishedLetters(ctx, at); err != nil {
		p := api.LogUnavailable.Because(err)
		p.Detail = "The dead-letter stream has not taken these yet, and they must not leave before it has. The command was rejected."
		return p
	}
	return nil
}

func countFrames(letters []selected) int {
	n := len(letters)
	for _, letter := range letters {
		if letter.raw != nil {
			n++
		}
	}
	return n
}

// selectLetters reads the dead letters that a command is about. More are left
// where there are more than it takes. What cannot be redriven is left out, unless
// it is named.
func (s *Service) selectLetters(ctx context.Context, state *readmodel.Snapshot, selection *letterSelection, redrive bool) (list []selected, more bool, err error) {
	if len(selection.positions) > 0 {
		list, err = s.namedLetters(ctx, state, selection.positions, redrive)
		return list, false, err
	}
	size, after := 0, before(selection.from)
	for {
		letters, err := state.DeadLetters(after, letterPage)
		if err != nil {
			return nil, false, err
		}
		for i := range letters {
			d := &letters[i]
			after = d.Position
			if selection.to != (events.Position{}) && after.Compare(selection.to) > 0 {
				return list, false, nil
			}
			if !selection.matches(d) {
				continue
			}
			letter, err := s.letter(ctx, d, redrive)
			if errors.Is(err, errNotRedrivable) {
				continue
			}
			if err != nil {
				return nil, false, err
			}
			if size += len(letter.raw); len(list) == selection.limit || size > letterRoom {
				return list, true, nil
			}
			list = append(list, letter)
		}
		if len(letters) < letterPage {
			return list, false, nil
		}
	}
}

// errNotRedrivable is why a dead letter can only be dropped.
var errNotRedrivable = errors.New("cannot be redriven")

// letter takes a dead letter for a command, which to redrive it needs its event.
// Every byte is looked at first: what is no event's frame would make the record
// batch that it is put into unreadable, and with it the log.
func (s *Service) letter(ctx context.Context, d *readmodel.DeadLetter, redrive bool) (letter selected, err error) {
	letter.at = d.Position
	if !redrive {
		return letter, nil
	}
	e, event := d.Event()
	switch {
	case !event:
		return letter, fmt.Errorf("%w: it is a whole message and no event", errNotRedrivable)
	case e.Type.Internal():
		return letter, fmt.Errorf("%w: events of type %v are the service's own notes", errNotRedrivable, e.Type)
	}
	if letter.raw, err = s.cfg.Fold.Original(ctx, d); errors.Is(err, projector.ErrCut) {
		return letter, fmt.Errorf("%w: its message cannot be read from the log any more, and the state holds its beginning only", errNotRedrivable)
	}
	return letter, err
}

// before returns the position before p, behind which a list begins with p.
func before(p events.Position) events.Position {
	if p == (events.Position{}) {
		return p
	}
	return events.UnpackPosition(p.Packed() - 1)
}

// namedLetters reads those of the positions given. One that is there no more is
// kept: the fold answers for it. If one cannot be redriven, none is.
func (s *Service) namedLetters(ctx context.Context, state *readmodel.Snapshot, positions []events.Position, redrive bool) (list []selected, err error) {
	size := 0
	var refused []api.FieldError
	for i, at := range positions {
		d, ok, err := state.DeadLetter(at)
		if err != nil {
			return nil, err
		}
		letter := selected{at: at}
		if ok {
			letter, err = s.letter(ctx, &d, redrive)
		}
		if errors.Is(err, errNotRedrivable) {
			refused = append(refused, api.FieldError{Pointer: "/positions/" + strconv.Itoa(i), Detail: fmt.Sprintf("%v %v.", at, err)})
			continue
		}
		if err != nil {
			return nil, err
		}
		if size += len(letter.raw); size > letterRoom {
			return nil, api.CommandTooLarge
		}
		list = append(list, letter)
	}
	return list, refuseLetters(refused)
}

// refuseLetters says why dead letters that were named are not redriven.
func refuseLetters(refused []api.FieldError) error {
	if len(refused) == 0 {
		return nil
	}
	p := api.Conflict.Withf("Not redriven: %d of the dead letters cannot be. Send what they should have said anew through POST /v1/events, and drop them.", len(refused))
	p.Errors = refused[:min(len(refused), maxLettersRefused)]
	return p
}

// matches reports whether a dead letter is one of the selection.
func (l *letterSelection) matches(d *readmodel.DeadLetter) bool {
	e, event := d.Event()
	return (l.kind == "" || event && e.Type.String() == l.kind) && strings.Contains(d.Reason, l.reason)
}

// answerLetters tells what became of each, as the fold wrote it into the audit:
// the same for the first request and its repeats.
func (s *Service) answerLetters(c *api.Call, v *verdict, counted string, more bool) error {
	if v.pending {
		return closeBatch(c, v)
	}
	var entry readmodel.AuditEntry
	err := s.cfg.Fold.Read(func(state *readmodel.Snapshot) (err error) {
		var ok bool
		if entry, ok, err = state.AuditEntryAt(v.outcome.Position); err == nil && !ok {
			err = fmt.Errorf("the audit has no entry at %v", v.outcome.Position)
		}
		return err
	})
	if err != nil {
		return err
	}
	done := 0
	results := []byte(`"results":{`)
	for i, target := range entry.Targets {
		if i > 0 {
			results = append(results, ',')
		}
		effect := entry.Effects[i]
		if effect != readmodel.Poisoned && effect != readmodel.Waiting && effect != readmodel.NotFound {
			done++
		}
		word := strings.ReplaceAll(effect.String(), " ", "_")
		results = fmt.Appendf(results, "%q:%q", readmodel.TargetLetter(target).String(), word)
	}
	c.Out = append(append(appendCounted(c.Out, counted, done), results...), `},"more":`...)
	c.Out = strconv.AppendBool(c.Out, more)
	return closeBatch(c, v)
}

// readLetterSelection reads the body of a command on dead letters.
func readLetterSelection(c *api.Call) (l letterSelection, err error) {
	l.limit = defaultLetters
	scan, err := readObject(c, func(j *strictjson.Scanner, name string) bool {
		switch name {
		case "reason":
			l.why = readReason(j)
		case "positions":
			l.positions = readPositions(j)
		case "type":
			l.kind = readKind(j)
		case "reason_contains":
			text, _ := j.String()
			l.reason = string(text)
		case "from":
			l.from = readPosition(j)
		case "to":
			l.to = readPosition(j)
		case "all":
			l.all, _ = j.Bool()
		case "limit":
			limit, _ := j.Int(1, maxLetters)
			l.limit = int(limit)
		default:
			return false
		}
		return true
	})
	if err != nil {
		return l, err
	}
	if l.why == nil {
		scan.Missing("reason")
	}
	narrowed := l.kind != "" || l.reason != "" || l.from != (events.Position{}) || l.to != (events.Position{})
	if named := len(l.positions) > 0; named && (narrowed || l.all) {
		scan.Fail("positions name the dead letters: give nothing else that selects them")
	} else if !named && !narrowed && !l.all {
		scan.Fail(`must say which dead letters: positions, type, reason_contains, from or to, or "all": true`)
	}
	return l, finish(c, scan)
}

func readKind(j *strictjson.Scanner) string {
	text, ok := j.String()
	if _, known := events.ParseType(text); ok && !known && !strings.HasPrefix(string(text), "type ") {
		j.Fail("is no event type of this service")
	}
	return string(text)
}

func readPosition(j *strictjson.Scanner) (at events.Position) {
	text, ok := j.String()
	if !ok {
		return at
	}
	at, err := events.ParsePosition(string(text))
	if err != nil || at.Seq == 0 {
		j.Fail("must be a position, such as 8112.17")
	}
	return at
}

// readPositions reads a list of positions, in their order and each once.
func readPositions(j *strictjson.Scanner) (list []events.Position) {
	if !j.Array() {
		return nil
	}
	sent := 0
	for j.Element() {
		if sent++; sent <= maxLetters {
			list = append(list, readPosition(j))
		}
	}
	if sent == 0 || sent > maxLetters {
		j.Fail("must have 1 to " + strconv.Itoa(maxLetters) + " positions")
	}
	slices.SortFunc(list, events.Position.Compare)
	return slices.Compact(list)
}
