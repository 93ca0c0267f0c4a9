package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/events/strictjson"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

const (
	// maxLetters is how many dead letters a command takes: two events each, and
	// one of the command's own, within a record batch.
	maxLetters     = 400
	defaultLetters = 100
)

// letterSelection says which dead letters a command is about.
type letterSelection struct {
	positions []events.Position
	from      events.Position
	filter    readmodel.DeadLetterFilter
	all       bool
	limit     int

	why []byte // the reason of the command
}

// redriveDeadLetters appends the events of dead letters anew, each with its
// identity: in order of position, so in their order within each entity.
func (s *Service) redriveDeadLetters(c *api.Call) error {
	return s.onDeadLetters(c, events.RedriveDeadLetters, "redriven_count")
}

// dropDeadLetters gives dead letters up.
func (s *Service) dropDeadLetters(c *api.Call) error {
	return s.onDeadLetters(c, events.DropDeadLetters, "dropped_count")
}

func (s *Service) onDeadLetters(c *api.Call, kind events.CommandKind, counted string) error {
	selection, err := readLetterSelection(c)
	if err != nil {
		return err
	}
	redrive := kind == events.RedriveDeadLetters
	var l letters
	more := false
	v, err := s.run(c, plan{
		kind: kind, judged: true, privileged: true, reason: selection.why,
		check: func(state *readmodel.Snapshot) (err error) {
			if l, more, err = s.selectLetters(c.Context(), state, &selection, redrive); err != nil {
				return err
			}
			return s.published(c.Context(), state.At, l)
		},
		write: func(w *entryWriter) int {
			n := 1
			for i := range l.list {
				n += l.list[i].write(w)
			}
			var d events.OperationRecorded
			if more {
				d.Outcome = []byte(readmodel.MoreLetters)
			}
			w.add(events.TypeOperationRecorded, d)
			return n
		},
	})
	if err != nil {
		return err
	}
	return s.answerLetters(c, &v, counted)
}

// answerLetters tells what became of each, as the fold wrote it into the audit:
// the same for the first request and its repeats.
func (s *Service) answerLetters(c *api.Call, v *verdict, counted string) error {
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
	c.Out = strconv.AppendBool(c.Out, string(entry.Outcome) == readmodel.MoreLetters)
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
			l.filter.Type = readKind(j)
		case "reason_contains":
			text, _ := j.String()
			l.filter.Reason = string(text)
		case "from":
			l.from = readPosition(j)
		case "to":
			l.filter.UpTo = readPosition(j)
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
	narrowed := l.from != (events.Position{}) || l.filter != (readmodel.DeadLetterFilter{})
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
