package query

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// DeadLetter is one dead letter as the API tells of it.
type DeadLetter struct {
	Position events.Position `json:"position"`
	Reason   string          `json:"reason"`
	Subject  string          `json:"subject"`
	Bytes    int             `json:"bytes"`
	// Type is that of the event; null for a whole message.
	Type *string `json:"type"`
	// The rest is told of one dead letter only.
	Stored string          `json:"stored,omitempty"`
	Raw    []byte          `json:"raw,omitempty"`
	Event  json.RawMessage `json:"event,omitempty"`
	// Events are those of a whole message that can be redriven.
	Events []json.RawMessage `json:"events,omitempty"`
	// Refusal is why it cannot be redriven.
	Refusal string `json:"refusal,omitempty"`
}

func deadLetterOf(d *readmodel.DeadLetter) DeadLetter {
	told := DeadLetter{Position: d.Position, Reason: d.Reason, Subject: d.Subject, Bytes: d.Size}
	if e, ok := d.Event(); ok {
		name := e.Type.String()
		told.Type = &name
	}
	return told
}

// listDeadLetters answers GET /v1/admin/dead-letters: what could not be folded,
// oldest first.
func (s *Service) listDeadLetters(c *api.Call) error {
	var values [4]param
	if err := readParams(c, values[:], "limit", "cursor", "type", "reason"); err != nil {
		return err
	}
	filter := readmodel.DeadLetterFilter{Type: values[2].text, Reason: values[3].text}
	p, err := s.readPage(c, listOfDeadLetters, filter.Type+" "+filter.Reason, values[0], values[1])
	if err != nil {
		return err
	}
	snapshot, err := s.settled(c)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	list := []DeadLetter{}
	for d, err := range snapshot.FindDeadLetters(p.after.at, filter) {
		if err != nil {
			return err
		}
		if list = append(list, deadLetterOf(d)); len(list) > p.limit {
			break
		}
	}
	body, err := json.Marshal(list[:min(len(list), p.limit)])
	if err != nil {
		return err
	}
	c.Out = append(append(c.Out, `{"dead_letters":`...), body...)
	c.Out = append(s.appendNextCursor(c.Out, &p, len(list), func(i int) place { return place{at: list[i].Position} }), '}')
	return c.Answer(c.Out)
}

// getDeadLetter answers GET /v1/admin/dead-letters/{position}: one dead letter
// with its bytes and, where it can be decoded, its event.
func (s *Service) getDeadLetter(c *api.Call) error {
	if err := noParams(c); err != nil {
		return err
	}
	at, err := events.ParsePosition(c.Param("position"))
	if err != nil {
		return api.InvalidContent.With("The position in the path " + events.ErrBadPosition.Error() + ".")
	}
	snapshot, err := s.settled(c)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	d, ok, err := snapshot.DeadLetter(at)
	if err != nil {
		return err
	}
	if !ok {
		return api.NotFound.With("No dead letter lies there: it was never one, or is redriven or dropped.")
	}
	told, err := s.whole(c, &d)
	if err == nil {
		err = s.auditShown(c, at)
	}
	if err != nil {
		return err
	}
	return answerDocument(c, told)
}

// auditShown writes down that the caller is shown what a dead letter holds, before that is shown.
func (s *Service) auditShown(c *api.Call, at events.Position) error {
	if s.replay.Audit == nil {
		return nil
	}
	order := replay.Order{Actor: c.Caller.ID.String(), Targets: [][16]byte{readmodel.LetterTarget(at)}}
	if _, err := s.replay.Audit(c.Context(), replay.Action{Order: order, Kind: replay.KindShow}); err != nil {
		return api.LogUnavailable.Because(err)
	}
	return nil
}

// whole tells all of a dead letter, from the log where that still has it.
func (s *Service) whole(c *api.Call, d *readmodel.DeadLetter) (DeadLetter, error) {
	told := deadLetterOf(d)
	raw, _ := s.replay.Original(c.Context(), d) // its size says whether that is all
	told.Raw = raw
	if m, err := s.replay.Log.Message(c.Context(), d.Position.Seq); err == nil {
		told.Stored = m.Stored.UTC().Format(time.RFC3339Nano)
	}
	frames, err := s.replay.Redrivable(c.Context(), d)
	switch {
	case errors.Is(err, projector.ErrNotRedrivable):
		told.Refusal = err.Error()
	case err != nil:
		return told, err
	}
	if told.Type != nil {
		told.Event, err = cloudEvent(raw, d.Position)
		return told, err
	}
	at := d.Position
	for frame := range events.Frames(frames.Frames) {
		event, err := cloudEvent(frame, at)
		if err != nil {
			return told, err
		}
		told.Events = append(told.Events, event)
		at.Index++
	}
	return told, nil
}

// cloudEvent is the event of a frame, null where it cannot be decoded.
func cloudEvent(frame []byte, at events.Position) (json.RawMessage, error) {
	e, err := events.ReadEvent(frame)
	if err != nil {
		return nil, nil // what is wrong with it is its reason
	}
	event, err := events.AppendCloudEvent(nil, &e, events.CloudEventDefaults{Source: []byte("tidemark"), ID: []byte(at.String())})
	if errors.Is(err, events.ErrRule) {
		return nil, nil
	}
	return event, err
}
