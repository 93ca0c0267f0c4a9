package mapping

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/events"
)

// maker makes the events of one row.
type maker struct {
	plan *Plan
	row  Row
	at   Moment
	made []Made
}

// text returns a member's text; ok is false where the row has none.
func (m *maker) text(member string) (text string, ok bool) {
	e := m.plan.Entry
	if constant, fixed := e.Constants[member]; fixed {
		return constant, true
	}
	place, mapped := m.plan.columns[member]
	if !mapped || m.row[place].Null || m.row[place].Unknown {
		return "", false
	}
	text = string(m.row[place].Text)
	if other, translated := e.Translate[member][text]; translated {
		return other, true
	}
	return text, true
}

// need is text for a member that must be there.
func (m *maker) need(member string) (string, error) {
	text, ok := m.text(member)
	if !ok {
		return "", &Unfit{member, "is null"}
	}
	return text, nil
}

// id returns the ID in a member that must be there.
func (m *maker) id(member string) (id [16]byte, err error) {
	text, err := m.need(member)
	if err != nil {
		return id, err
	}
	return m.plan.mapping.id(member, text)
}

// optionalID returns the ID in a member, zero where there is none.
func (m *maker) optionalID(member string) (id [16]byte, err error) {
	text, ok := m.text(member)
	if !ok {
		return id, nil
	}
	return m.plan.mapping.id(member, text)
}

func (m *Mapping) id(member, text string) (id [16]byte, err error) {
	kind := kindOfID[member]
	if m.derived(kind) {
		return uuid.NewSHA1(m.namespace, []byte(kind+":"+text)), nil
	}
	if !events.ParseUUID(&id, text) {
		return id, &Unfit{member, "is no UUID; if its keys are something else, say so: ids: {" + kind + ": derived}"}
	}
	return id, nil
}

// number returns the number in a member; ok is false where there is none.
func (m *maker) number(member string, from, to int64) (v int64, ok bool, err error) {
	text, ok := m.text(member)
	if !ok {
		return 0, false, nil
	}
	v, err = strconv.ParseInt(text, 10, 64)
	if err != nil || v < from || v > to {
		return 0, false, &Unfit{member, "is no integer from " + strconv.FormatInt(from, 10) + " to " + strconv.FormatInt(to, 10)}
	}
	return v, true, nil
}

// timeForms are the forms in which Postgres writes moments (DateStyle ISO).
var timeForms = []string{"2006-01-02 15:04:05.999999Z07:00", "2006-01-02 15:04:05.999999Z07", "2006-01-02 15:04:05.999999", "2006-01-02", time.RFC3339Nano}

// rowTime is when the row says that it came to be, at the latest when it was read.
func (m *maker) rowTime() (events.Time, error) {
	if _, ok := m.text(timeMember); !ok {
		return m.at.At, nil
	}
	t, err := m.parseTime()
	return min(t, m.at.At), err
}

// statedTime is the row's time as it stands, for what a repeat must say alike.
func (m *maker) statedTime() (events.Time, error) {
	t, err := m.parseTime()
	if err == nil && t > m.at.At+events.Time(events.MaxAhead.Microseconds()) {
		return t, &Unfit{timeMember, "lies ahead of the time when the row was read"}
	}
	return t, err
}

func (m *maker) parseTime() (events.Time, error) {
	text, err := m.need(timeMember)
	if err != nil {
		return 0, err
	}
	if t, beyond := beyondCalendar(text); beyond {
		return t, nil
	}
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, text, m.plan.mapping.location); err == nil {
			return events.TimeOf(t), nil
		}
	}
	return 0, &Unfit{timeMember, "is no date or time"}
}

// beyondCalendar reads what Postgres writes of moments that lie before the year 1
// or after 9999, as the first or the last moment there is.
func beyondCalendar(text string) (t events.Time, beyond bool) {
	switch year := strings.IndexByte(text, '-'); {
	case text == "-infinity", strings.HasSuffix(text, " BC"):
		return events.MinTime, true
	case text == "infinity", year > len("9999") && strings.Trim(text[:year], "0123456789") == "":
		return events.MaxTime, true
	}
	return 0, false
}

// version is the time of a pair.
func (m *maker) version() (events.Time, error) {
	if m.at.Change {
		return m.at.At, nil
	}
	return m.rowTime()
}

// add adds an event. Its identity is the moment's; where one row makes several
// events, suffix tells them apart.
func (m *maker) add(t events.Type, at events.Time, suffix string, d events.Data) {
	m.made = append(m.made, Made{
		Meta: events.Meta{Type: t, Time: at, Source: []byte(m.plan.mapping.EventSource()), ID: []byte(m.at.Name + suffix)},
		Data: d,
	})
}

// EventSource is the source of all events that follow from the mapping.
func (m *Mapping) EventSource() string { return "postgres:" + m.Source }

// truth reads a member as yes or no: a boolean, or a time, which says since when.
func truth(text string) bool {
	switch strings.ToLower(text) {
	case "", "f", "false", "0", "no":
		return false
	}
	return true
}
