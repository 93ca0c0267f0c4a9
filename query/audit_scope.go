package query

import (
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// readAuditScope reads target (a UUID, or the position of a dead letter) and the
// bounds of the time: from the one on, before the other.
func readAuditScope(filter *readmodel.AuditFilter, target, from, to param) error {
	filter.HasTarget = target.given
	if target.given && !events.ParseUUID(&filter.Target, target.text) {
		at, err := events.ParsePosition(target.text)
		if err != nil || at.String() != target.text {
			return badParam("target", "must be the ID of a video, a user or a job, or the position of a dead letter, such as 17.0")
		}
		filter.Target = readmodel.LetterTarget(at)
	}
	var err error
	if filter.From, filter.HasFrom, err = readTime("from", from); err != nil {
		return err
	}
	if filter.To, filter.HasTo, err = readTime("to", to); err != nil {
		return err
	}
	if filter.HasFrom && filter.HasTo && filter.From >= filter.To {
		return badParam("to", "must be later than from")
	}
	return nil
}

func readTime(name string, p param) (t events.Time, given bool, err error) {
	if !p.given {
		return 0, false, nil
	}
	t, ok := events.ParseTime(p.text)
	if !ok {
		return 0, false, badParam(name, "must be a time as RFC 3339 has it, such as 2026-11-22T12:00:00Z")
	}
	return t, true, nil
}
