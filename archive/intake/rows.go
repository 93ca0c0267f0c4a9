package intake

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
	"github.com/tidemark-io/tidemark/archive/intake/pgoutput"
)

// relation plans what the changes of a table mean from here on.
func (f *follower) relation(r pgoutput.Relation) error {
	t := &table{relation: r}
	columns := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		columns[i] = c.Name
	}
	for i := range f.c.Mapping.Entries {
		e := &f.c.Mapping.Entries[i]
		if !f.c.sources[i].tells(&r) {
			continue
		}
		plan, err := f.c.Mapping.Plan(e, columns)
		if err != nil {
			return changed(err)
		}
		t.blind = cmp.Or(t.blind, blind(&r, plan))
		t.needed = append(t.needed, plan.NeededOld()...)
		t.noteNeverNull(f.c.sources[i].neverNull)
		t.plans, t.entries = append(t.plans, plan), append(t.entries, i)
	}
	f.tables[r.ID] = t
	return nil
}

// blind names a column that changes do not tell of rows that were there before:
// the table's identity was changed since it was checked. "" if there is none.
func blind(r *pgoutput.Relation, plan *mapping.Plan) string {
	for _, name := range plan.NeededOld() {
		told := func(c pgoutput.Column) bool { return c.Name == name && c.Key }
		if r.Identity != 'f' && !slices.ContainsFunc(r.Columns, told) {
			return name
		}
	}
	return ""
}

// noteNeverNull notes columns of a partitioned table that are never null.
func (t *table) noteNeverNull(columns []string) {
	for i, c := range t.relation.Columns {
		if slices.Contains(columns, c.Name) {
			t.neverNull = append(t.neverNull, i)
		}
	}
}

// untold names a column that a change does not tell of the row before, though it is
// needed. A partition whose identity is not its table's tells null for it, or nothing. ""
// if all are told.
func (t *table) untold(old mapping.Row) string {
	if t.blind != "" {
		return t.blind
	}
	if old == nil && t.relation.Identity == 'f' && len(t.needed) > 0 {
		return t.needed[0]
	}
	for _, i := range t.neverNull {
		if old != nil && old[i].Null {
			return t.relation.Columns[i].Name
		}
	}
	return ""
}

// changed says what to do where a column is not there any more.
func changed(err error) error {
	return fmt.Errorf("%w: %w; change the mapping (new|old names a column that was renamed) and start again, nothing is lost", ErrSchemaChanged, err)
}

func (f *follower) truncated(t pgoutput.Truncate) error {
	for _, id := range t.Relations {
		known := f.tables[id]
		if known == nil || len(known.plans) == 0 {
			continue
		}
		name := known.relation.Schema + "." + known.relation.Name
		if !f.c.SkipTruncate {
			return fmt.Errorf("%w: %s; which rows it had is not told, so nothing can be taken back. Start again with --skip-truncate to leave the counts as they are", ErrTruncated, name)
		}
		f.c.Logger.Warn("a table was truncated; the counts of its rows stay as they are", "table", name)
	}
	return nil
}

// row makes events of one change of one row, by each entry that maps its table.
func (f *follower) row(ctx context.Context, change pgoutput.Message) error {
	var id uint32
	var old, now mapping.Row
	inserted := false
	switch m := change.(type) {
	case pgoutput.Insert:
		id, inserted = m.Relation, true
		now = f.values(id, m.New, false)
	case pgoutput.Update:
		id = m.Relation
		now, old = f.values(id, m.New, false), f.values(id, m.Old, m.KeyOnly)
		fill(now, old)
	case pgoutput.Delete:
		id = m.Relation
		old = f.values(id, m.Old, m.KeyOnly)
	}
	t := f.tables[id]
	if t == nil {
		return fmt.Errorf("%w: a change of relation %d, which was not described", pgoutput.ErrMalformed, id)
	}
	if column := t.untold(old); !inserted && column != "" {
		return fmt.Errorf("%w: a change of %s.%s does not tell what its %s was, since its REPLICA IDENTITY, or that of a partition, is another than it was or than the table's. Set it to FULL, end the capture with --drop, remove its state file, and start it again to import anew; what was deleted meanwhile stays counted",
			ErrSchemaChanged, t.relation.Schema, t.relation.Name, column)
	}
	for i, plan := range t.plans {
		if err := f.rowOf(ctx, t.entries[i], plan, inserted, old, now); err != nil {
			return err
		}
	}
	return nil
}

// values are those of a tuple as a mapping wants them; nil for no tuple.
func (f *follower) values(id uint32, tuple pgoutput.Tuple, keyOnly bool) mapping.Row {
	t := f.tables[id]
	if tuple == nil || t == nil {
		return nil
	}
	row := make(mapping.Row, len(t.relation.Columns))
	for i := range row {
		if i >= len(tuple) {
			row[i].Unknown = true
			continue
		}
		v := tuple[i]
		row[i] = mapping.Value{Text: v.Text, Null: v.Null, Large: v.Unchanged, Unknown: v.Unchanged || keyOnly && !t.relation.Columns[i].Key}
	}
	return row
}

// fill takes large values that did not change from the row before, where it tells them.
func fill(now, old mapping.Row) {
	for i := range old {
		if now[i].Large && !old[i].Unknown {
			now[i] = old[i]
		}
	}
}

// rowOf makes events by one entry: what was there before under another key, or
// is there no more, is taken back; what is there now is said.
func (f *follower) rowOf(ctx context.Context, entry int, plan *mapping.Plan, inserted bool, old, now mapping.Row) error {
	f.report.note(entry, func(e *EntryReport) { e.Rows++ })
	s := stepOf(plan, inserted, old, now)
	if s.gone != nil {
		if err := f.make(ctx, entry, plan, s.gone, true, false); err != nil {
			return err
		}
	}
	if s.there == nil {
		return nil
	}
	return f.make(ctx, entry, plan, s.there, false, s.back)
}

// step is what a change of a row comes to.
type step struct {
	// gone is the row that is there no more, there the one that is; nil for none.
	gone, there mapping.Row
	// back: the row was known to be gone.
	back bool
}

// stepOf compares a row before a change with the row after it. old is nil for
// an insert, and where the table does not tell old rows; now is nil for a deletion.
func stepOf(plan *mapping.Plan, inserted bool, old, now mapping.Row) (s step) {
	var was, known bool
	switch {
	case old != nil:
		was, known = plan.There(old)
	case now == nil:
		return s
	default:
		was, known = plan.Before(inserted, now)
	}
	was = was || !known
	if now == nil {
		if was {
			s.gone = old
		}
		return s
	}
	moved := old != nil && !plan.SameKey(old, now)
	there, _ := plan.There(now)
	switch {
	case moved && was:
		s.gone = old
	case !moved && !there && was:
		s.gone = now
	}
	if there && (!was || plan.Retold()) {
		s.there, s.back = now, known && !was && !moved && !inserted
	}
	return s
}

// make adds the events of a row to the batch, which is sent when it is full.
func (f *follower) make(ctx context.Context, entry int, plan *mapping.Plan, row mapping.Row, gone, back bool) error {
	from := origin{entry, plan.Key(row)}
	encoded, size, err := f.encode(entry, plan, row, gone, back)
	if err != nil {
		f.report.unfit(from, err.Error())
		f.c.stats.Unfit.Add(1)
		f.c.Logger.Warn("a changed row fits no event and is left out", "entry", plan.Entry.Name(), "key", from.key, "reason", err)
		return nil
	}
	if !f.batch.fits(len(encoded), size) {
		if err := f.send(ctx); err != nil {
			return err
		}
	}
	f.batch.add(encoded, from)
	return nil
}

func (f *follower) encode(entry int, plan *mapping.Plan, row mapping.Row, gone, back bool) (encoded [][]byte, size int, err error) {
	moment := f.tx.moment
	moment.Name, moment.Back = fmt.Sprintf("%s/%d/%d", f.tx.name, f.tx.changes, entry), back
	tell := plan.Present
	if gone {
		moment.Name, tell = moment.Name+"/gone", plan.Absent
	}
	made, err := tell(nil, row, moment)
	if err != nil {
		return nil, 0, err
	}
	return encode(made)
}
