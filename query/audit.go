package query

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/api/idlist"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// listAudit answers GET /v1/admin/audit: what administrators did, newest first.
func (s *Service) listAudit(c *api.Call) error {
	var values [7]param
	if err := readParams(c, values[:], "limit", "cursor", "actor", "action", "target", "from", "to"); err != nil {
		return err
	}
	filter, name, err := readAuditFilter(values[2], values[3])
	if err == nil {
		err = readAuditScope(&filter, values[4], values[5], values[6])
	}
	if err != nil {
		return err
	}
	name += " " + values[4].text + " " + values[5].text + " " + values[6].text
	p, err := s.readPage(c, listOfAudit, name, values[0], values[1])
	if err != nil {
		return err
	}
	snapshot, err := s.settled(c)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	entries, err := snapshot.AuditLog(filter, p.after.at, p.limit+1)
	if err != nil {
		return err
	}
	out := appendPage(append(c.Out, '{'), "entries", entries, p.limit, func(dst []byte, e *readmodel.AuditEntry) []byte {
		return appendAuditEntry(dst, snapshot, e)
	})
	out = s.appendNextCursor(out, &p, len(entries), func(i int) place {
		return place{at: entries[i].Position}
	})
	c.Out = append(out, '}')
	return c.Answer(c.Out)
}

// readAuditFilter reads actor, a UUID, and action, the name of a command such
// as video.delete. The actions that are audited are named in the refusal.
func readAuditFilter(actor, action param) (filter readmodel.AuditFilter, name string, err error) {
	if filter.HasActor = actor.given; actor.given {
		if !events.ParseUUID((*[16]byte)(&filter.Actor), actor.text) {
			return filter, "", badParam("actor", idlist.NotUUID)
		}
		name = filter.Actor.String()
	}
	if action.given {
		kind, _ := events.ParseCommandKind(action.text)
		if !kind.Audited() {
			return filter, "", badParam("action", "must be one of "+auditedActions())
		}
		filter.Action = kind
		name += " " + action.text
	}
	return filter, name, nil
}

// auditedActions names the commands that are kept for the audit.
func auditedActions() string {
	var names []string
	for k := events.CommandKind(1); k.Known(); k++ {
		if k.Audited() {
			names = append(names, k.String())
		}
	}
	return strings.Join(names, ", ")
}

// appendAuditEntry appends one entry. Its outcome counts the targets by what
// was done to them, such as {"applied":3,"none":1}: by the names of
// readmodel.Effect, in their order, those that occur. An operation on the read
// model or the log says itself what became of it.
func appendAuditEntry(dst []byte, s *readmodel.Snapshot, e *readmodel.AuditEntry) []byte {
	dst = e.At.AppendTo(append(dst, `{"at":"`...))
	dst = e.Actor.AppendTo(append(dst, `","actor":"`...))
	dst = append(append(append(dst, `","action":"`...), e.Action.String()...), `","targets":[`...)
	for i, target := range e.Targets {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTarget(dst, e.Action, target)
	}
	dst = appendString(append(dst, `],"reason":`...), e.Reason)
	dst = appendOutcome(append(dst, `,"outcome":`...), e)
	dst = positionToken(s, e.Position).AppendTo(append(dst, `,"position":"`...))
	dst = strconv.AppendUint(append(dst, `","number":`...), e.Number, 10)
	dst = hex.AppendEncode(append(dst, `,"hash":"`...), e.Hash[:])
	return append(dst, `"}`...)
}

// appendTarget appends a video, a user or a job, which all print alike, or the
// position of a dead letter.
func appendTarget(dst []byte, action events.CommandKind, target [16]byte) []byte {
	if action == events.RedriveDeadLetters || action == events.DropDeadLetters || action == events.ShowDeadLetter {
		return appendString(dst, readmodel.TargetLetter(target).String())
	}
	return append(events.VideoID(target).AppendTo(append(dst, '"')), '"')
}

func appendOutcome(dst []byte, e *readmodel.AuditEntry) []byte {
	more := string(e.Outcome) == readmodel.MoreLetters
	if len(e.Outcome) > 0 && !more {
		return append(dst, e.Outcome...)
	}
	dst = append(dst, '{')
	var counts [256]int
	for _, effect := range e.Effects {
		counts[effect]++
	}
	comma := false
	for effect, n := range counts {
		if n == 0 {
			continue
		}
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = appendString(dst, readmodel.Effect(effect).String())
		dst = strconv.AppendInt(append(dst, ':'), int64(n), 10)
	}
	if e.Retract {
		if comma {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `"retracted":`...), int64(len(e.Targets)), 10)
	}
	if more {
		if comma {
			dst = append(dst, ',')
		}
		dst = append(dst, `"more":true`...)
	}
	return append(dst, '}')
}
