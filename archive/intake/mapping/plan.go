package mapping

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidemark-io/tidemark/events"
)

// Value is the value of one column in Postgres' text form.
type Value struct {
	Text []byte
	Null bool
	// Unknown: a change did not say the value, because it is large and did not
	// change, or because it is no part of what a deletion tells.
	Unknown bool
	// Large: it is unknown because it is large and did not change, so it is neither
	// null nor short.
	Large bool
}

// Row is a row's values, in the order of the columns that the plan was made for.
type Row []Value

// Plan is an entry of a mapping for rows with certain columns.
type Plan struct {
	Entry   *Entry
	mapping *Mapping
	names   []string // of the columns
	// columns holds the place of each member's column.
	columns map[string]int
	where   []condition
}

// condition is what one column must be for a row to be there.
type condition struct {
	column int
	accepted
}

// accepted is the values that a condition takes.
type accepted struct {
	null   bool
	values []string
}

// shortBytes is what Postgres never stores apart from its row, and so tells always.
const shortBytes = 20

// takesLarge reports whether a large value may be among those that are taken.
func (a accepted) takesLarge() bool {
	return slices.ContainsFunc(a.values, func(v string) bool { return len(v) > shortBytes })
}

// Plan makes the plan of an entry for rows with those columns. It fails with
// ErrMapping where one is missing.
func (m *Mapping) Plan(e *Entry, columns []string) (*Plan, error) {
	p := &Plan{Entry: e, mapping: m, names: columns, columns: map[string]int{}}
	for member, column := range e.Columns {
		place := placeOf(column, columns)
		if place < 0 {
			return nil, wrong("%s: there is no column %q for %s; there are %s", e.place(), column, member, strings.Join(columns, ", "))
		}
		p.columns[member] = place
	}
	for _, column := range slices.Sorted(maps.Keys(e.Where)) {
		place := placeOf(column, columns)
		if place < 0 {
			return nil, wrong("%s: there is no column %q for where; there are %s", e.place(), column, strings.Join(columns, ", "))
		}
		a, err := acceptedOf(e.Where[column])
		if err != nil {
			return nil, wrong("%s: where: %s %w", e.place(), column, err)
		}
		p.where = append(p.where, condition{place, a})
	}
	return p, nil
}

// placeOf finds a column by its name, or the first of several that is there:
// "fan_id|user_id" is one that was renamed, and that changes from before still
// call as they did.
func placeOf(name string, columns []string) int {
	if place := slices.Index(columns, name); place >= 0 {
		return place // its name has a "|"
	}
	for one := range strings.SplitSeq(name, "|") {
		if place := slices.Index(columns, one); place >= 0 {
			return place
		}
	}
	return -1
}

// acceptedOf reads what a condition says of its column.
func acceptedOf(want any) (a accepted, err error) {
	list, ok := want.([]any)
	if !ok {
		list = []any{want}
	}
	if len(list) == 0 {
		return a, fmt.Errorf("has no value; give null, a value or a list of values")
	}
	for _, one := range list {
		switch v := one.(type) {
		case nil:
			a.null = true
		case bool: // as Postgres writes it
			a.values = append(a.values, map[bool]string{true: "t", false: "f"}[v])
		case string, int, int64, uint64, float64:
			a.values = append(a.values, fmt.Sprint(v))
		default:
			return a, fmt.Errorf("has a value that is none of null, text, number or boolean")
		}
	}
	return a, nil
}

// Needed names the columns that the plan reads, each once, in order.
func (p *Plan) Needed() []string {
	names := make([]string, 0, len(p.columns)+len(p.where))
	for _, place := range p.columns {
		names = append(names, p.names[place])
	}
	for _, c := range p.where {
		names = append(names, p.names[c.column])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// NeededOld names the columns whose old values a change must tell, so that what
// was there before can be taken back: those of the key first.
func (p *Plan) NeededOld() []string {
	kind := p.Entry.kind
	var names []string
	for _, member := range kind.key {
		if place, ok := p.columns[member]; ok && kind.absent != nil {
			names = append(names, p.names[place])
		}
	}
	if kind.exact {
		for _, c := range p.where {
			names = append(names, p.names[c.column])
		}
	}
	once := names[:0]
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// There reports whether a row fulfils the entry's conditions. known is false
// where a value that decides is unknown.
func (p *Plan) There(row Row) (there, known bool) {
	known = true
	for _, c := range p.where {
		v := row[c.column]
		switch {
		case v.Large && !c.takesLarge():
			return false, true
		case v.Unknown:
			known = false
		case v.Null && !c.null:
			return false, true
		case !v.Null && !slices.Contains(c.values, string(v.Text)):
			return false, true
		}
	}
	return true, known
}

// Moment is when, and as what, a row was read or changed.
type Moment struct {
	// Name tells it from all others of the mapping's source: it is the part of an
	// event's identity that differs. Up to 120 bytes.
	Name string
	// At is the time of the snapshot, or of the commit.
	At events.Time
	// Change: it is a commit. Then At is the version of pairs, otherwise the row's
	// time is, if it lies before At.
	Change bool
	// Back: the row was known to be gone before the change.
	Back bool
}

// Made is an event that follows from a row.
type Made struct {
	Meta events.Meta
	Data events.Data
}

// Unfit says why a row cannot become an event.
type Unfit struct{ Member, Why string }

// Error says what is wrong with which member.
func (u *Unfit) Error() string { return u.Member + " " + u.Why }

// Present appends the events of a row that is there. It fails with an Unfit.
func (p *Plan) Present(dst []Made, row Row, at Moment) ([]Made, error) {
	return p.make(p.Entry.kind.present, dst, row, at)
}

// Absent appends the events of a row that is there no more; there are none for
// kinds that stay. It fails with an Unfit.
func (p *Plan) Absent(dst []Made, row Row, at Moment) ([]Made, error) {
	return p.make(p.Entry.kind.absent, dst, row, at)
}

// Hidden appends the events of a row that an import finds, and that is not
// there: a hidden video must be so here too, since its likes may make it known.
// Other kinds need none. It fails with an Unfit.
func (p *Plan) Hidden(dst []Made, row Row, at Moment) ([]Made, error) {
	return p.make(p.Entry.kind.hidden, dst, row, at)
}

func (p *Plan) make(fn func(*maker) error, dst []Made, row Row, at Moment) ([]Made, error) {
	if fn == nil {
		return dst, nil
	}
	m := maker{plan: p, row: row, at: at, made: dst}
	if err := fn(&m); err != nil {
		return dst, err
	}
	return m.made, nil
}

// Key is the row's key as text, for names and reports.
func (p *Plan) Key(row Row) string {
	parts := make([]string, 0, 2)
	for _, member := range p.Entry.kind.key {
		if place, ok := p.columns[member]; ok && !row[place].Null && !row[place].Unknown {
			parts = append(parts, string(row[place].Text))
		}
	}
	return strings.Join(parts, "/")
}

// SameKey reports whether two versions of a row have one key.
func (p *Plan) SameKey(a, b Row) bool {
	for _, member := range p.Entry.kind.key {
		if place, ok := p.columns[member]; ok && (a[place].Null != b[place].Null || !bytes.Equal(a[place].Text, b[place].Text)) {
			return false
		}
	}
	return true
}

// Before tells of a row that changes without its old values whether it was there: an
// insert that comes, or an update of a table that tells old values only where they are
// needed and changed. known is false where it may have been either.
func (p *Plan) Before(inserted bool, now Row) (was, known bool) {
	kind := p.Entry.kind
	switch {
	case !kind.exact || inserted && kind.hidden != nil:
		return true, false // to tell that it is gone does no harm, and may be needed
	case inserted:
		return false, true
	}
	return p.There(now)
}

// StartValuesOf names the column of the videos of an entry of start values, of which each
// may have one row; "" for all others, and where conditions choose among several.
func (p *Plan) StartValuesOf() string {
	place, ok := p.columns[videoID]
	if !ok || !p.Entry.kind.needsOne() || len(p.where) > 0 {
		return ""
	}
	return p.names[place]
}

// Retold reports whether a row that was there before is told again as it is now.
func (p *Plan) Retold() bool { return p.Entry.kind.absent != nil || !p.Entry.kind.exact }
