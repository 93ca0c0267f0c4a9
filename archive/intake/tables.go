package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/tidemark-io/tidemark/archive/intake/mapping"
	"github.com/tidemark-io/tidemark/archive/intake/pgoutput"
)

// source is the table that an entry maps, as the catalog knows it. A name alone
// may come to mean another table.
type source struct {
	oid          uint32
	schema, name string
	// identity is its REPLICA IDENTITY: d, f, i or n.
	identity string
	// needed are the columns that changes have to tell of rows that were there before.
	needed []string
	// neverNull are those of them that are never null, and told the partitions whose
	// identity tells them; nil where the table has no partitions.
	neverNull []string
	told      map[uint32]string
}

func (s source) quoted() string { return pgx.Identifier{s.schema, s.name}.Sanitize() }

// tells reports whether the relation is the table, also where one of them was
// renamed, or its predecessor of the same name.
func (s source) tells(r *pgoutput.Relation) bool {
	return r.ID == s.oid || r.Schema == s.schema && r.Name == s.name
}

// findSources finds the table of each entry, and makes sure that changes of it
// tell what is needed.
func findSources(ctx context.Context, conn *pgx.Conn, m *mapping.Mapping) ([]source, error) {
	sources := make([]source, len(m.Entries))
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Table == "" {
			return nil, setUp("entry %d (%s) is a query; only tables tell their changes. Give it a table, or import it with: tidemark import postgres", i+1, e.Name())
		}
		plan, err := planOf(ctx, conn, m, e)
		if err != nil {
			return nil, err
		}
		if sources[i], err = findSource(ctx, conn, plan); err != nil {
			return nil, err
		}
	}
	var level string
	if err := conn.QueryRow(ctx, "SHOW wal_level").Scan(&level); err != nil {
		return nil, fmt.Errorf("ask for wal_level: %w", err)
	}
	if level != "logical" {
		return nil, setUp("wal_level is %s; set it and start Postgres anew: ALTER SYSTEM SET wal_level = logical", level)
	}
	return sources, nil
}

func findSource(ctx context.Context, conn *pgx.Conn, plan *mapping.Plan) (s source, err error) {
	e := plan.Entry
	var kind string
	var persistent, parent bool
	err = conn.QueryRow(ctx, `SELECT c.oid, nspname, relname, relreplident::text, relkind::text, relpersistence = 'p',
			relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid)
		FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = to_regclass($1)`, tableOf(e).Sanitize()).
		Scan(&s.oid, &s.schema, &s.name, &s.identity, &kind, &persistent, &parent)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s, setUp("there is no table %s", e.Table)
	case err != nil:
		return s, fmt.Errorf("look at table %s: %w", e.Table, err)
	case kind != "r" && kind != partitioned:
		return s, setUp("%s is no table, so it tells no changes; map the tables that it is made of, or import it with: tidemark import postgres", e.Table)
	case !persistent:
		return s, setUp("table %s is unlogged or temporary, so its changes are in no log", e.Table)
	case parent:
		return s, setUp("other tables inherit from %s and tell their changes under their own names; map each of them", e.Table)
	}
	s.needed = plan.NeededOld()
	if err := s.checkIdentity(ctx, conn); err != nil {
		return s, err
	}
	if kind == partitioned {
		s.told = map[uint32]string{}
		if s.neverNull, err = s.notNull(ctx, conn); err != nil {
			return s, err
		}
		if err := s.checkPartitions(ctx, conn); err != nil {
			return s, err
		}
	}
	return s, s.checkGenerated(ctx, conn, plan)
}

// partitioned is the kind of a table that has partitions.
const partitioned = "p"

// notNull are those of the columns that are needed that are never null.
func (s source) notNull(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	never, err := columnsOf(ctx, conn, "SELECT attname FROM pg_attribute WHERE attrelid = $1 AND attnotnull AND attnum > 0", s.oid)
	if err != nil {
		return nil, fmt.Errorf("look at the columns of %s: %w", s.quoted(), err)
	}
	return slices.DeleteFunc(never, func(column string) bool { return !slices.Contains(s.needed, column) }), nil
}

// checkPartitions makes sure that each partition tells what is needed: a change is told by
// the identity of the partition, which may be another than the table's, and in the form that
// the table's has: where that is FULL, a change without a row before, or with nulls in it,
// says so of the row. One that comes later is looked at then.
func (s source) checkPartitions(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `SELECT c.oid, nspname, relname, relreplident::text FROM pg_partition_tree($1) AS part
		JOIN pg_class c ON c.oid = part.relid JOIN pg_namespace n ON n.oid = relnamespace WHERE isleaf AND relkind = 'r' ORDER BY relname`, s.oid)
	if err != nil {
		return fmt.Errorf("look at the partitions of %s: %w", s.quoted(), err)
	}
	var others []source
	part := source{needed: s.needed}
	if _, err := pgx.ForEachRow(rows, []any{&part.oid, &part.schema, &part.name, &part.identity}, func() error {
		if s.told[part.oid] != part.identity {
			others = append(others, part)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("look at the partitions of %s: %w", s.quoted(), err)
	}
	for _, part := range others {
		if s.identity == "f" && part.identity != "f" && len(s.needed) > 0 {
			return setUp("table %s tells whole rows, and its partition %s does not, so what it leaves out would be taken for null; have it do so: ALTER TABLE %[2]s REPLICA IDENTITY FULL",
				s.quoted(), part.quoted())
		}
		if err := part.checkIdentity(ctx, conn); err != nil {
			return err
		}
		s.told[part.oid] = part.identity
	}
	return nil
}

// checkIdentity makes sure that a change tells which row it was of. Without any
// identity Postgres would refuse the application's changes once the table is
// published.
func (s source) checkIdentity(ctx context.Context, conn *pgx.Conn) error {
	which, what := "indisprimary", "has no primary key"
	switch s.identity {
	case "f":
		return nil
	case "i":
		which, what = "indisreplident", "has lost the index that is its REPLICA IDENTITY"
	case "n":
		return setUp("table %s has REPLICA IDENTITY NOTHING, so Postgres would refuse to update or delete its rows once their changes are to be told: ALTER TABLE %[1]s REPLICA IDENTITY FULL, or DEFAULT where its primary key says enough",
			s.quoted())
	}
	known, err := columnsOf(ctx, conn, `SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
		WHERE i.indrelid = $1 AND i.indimmediate AND i.indisvalid AND i.`+which, s.oid)
	if err != nil {
		return fmt.Errorf("look at the keys of %s: %w", s.quoted(), err)
	}
	if len(known) == 0 {
		return setUp("table %s %s, so Postgres would refuse to update or delete its rows once their changes are to be told; give it one, or: ALTER TABLE %[1]s REPLICA IDENTITY FULL",
			s.quoted(), what)
	}
	for _, column := range s.needed {
		if !slices.Contains(known, column) {
			return setUp("a row of %s that changes or goes would not tell what its %s was; have it do so: ALTER TABLE %[1]s REPLICA IDENTITY FULL", s.quoted(), column)
		}
	}
	return nil
}

// checkGenerated makes sure that no column is needed that Postgres computes: it
// does not tell those.
func (s source) checkGenerated(ctx context.Context, conn *pgx.Conn, plan *mapping.Plan) error {
	generated, err := columnsOf(ctx, conn, "SELECT attname FROM pg_attribute WHERE attrelid = $1 AND attgenerated <> '' AND NOT attisdropped", s.oid)
	if err != nil {
		return fmt.Errorf("look at the columns of %s: %w", plan.Entry.Table, err)
	}
	for _, column := range plan.Needed() {
		if slices.Contains(generated, column) {
			return setUp("column %s of %s is generated, and changes do not tell it; map what it is made of", column, plan.Entry.Table)
		}
	}
	return nil
}

func columnsOf(ctx context.Context, conn *pgx.Conn, sql string, table uint32) ([]string, error) {
	rows, err := conn.Query(ctx, sql, table)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// compareSources fails with ErrSchemaChanged where a table is another one than
// was imported. It returns the entries that came into the mapping since, and reports that
// there are any: those that are imported already are not again, since a view counts once
// more when the service has forgotten it.
func (c *Capture) compareSources() (wanted []bool, grown bool, err error) {
	imported := map[uint32]string{}
	for name, oid := range c.state.Tables {
		imported[oid] = name
	}
	wanted = make([]bool, len(c.sources))
	for i, s := range c.sources {
		name := c.Mapping.Entries[i].Table
		if before, is := imported[s.oid]; is {
			if err := c.Mapping.Entries[i].Renamed(before); err != nil {
				return nil, false, err
			}
			if c.state.Entries == nil || slices.Contains(c.state.Entries, c.entryName(i)) {
				continue
			}
		}
		if oid, known := c.state.Tables[name]; known && oid != s.oid {
			return nil, false, fmt.Errorf("%w: %s is another table than the one that was imported: it was dropped and made anew, or exchanged. Remove %s and start again to import it; rows that are missing in it stay counted",
				ErrSchemaChanged, name, c.StateFile)
		}
		wanted[i], grown = true, true
	}
	return wanted, grown, nil
}

// entryNames are the names of an entry in the state, each closer than the one before: by table
// and by what its rows become, by its conditions too, and by all that it says.
func (c *Capture) entryNames(i int) [3]string {
	e := &c.Mapping.Entries[i]
	of := fmt.Sprintf("%d %s", c.sources[i].oid, e.Becomes)
	where := fmt.Sprintf("%s %v", of, e.Where)
	return [3]string{of + " 1", where, fmt.Sprintf("%s %v %v %v", where, e.Columns, e.Constants, e.Translate)}
}

// entryName is the first name of an entry that no other has: what is changed in one that is
// alone does not make it another, and of several that are alike, each is found wherever it stands.
func (c *Capture) entryName(i int) string {
	names := c.entryNames(i)
	for n, name := range names {
		alike := 0
		for j := range c.sources {
			if c.entryNames(j)[n] == name {
				alike++
			}
		}
		if alike == 1 {
			return name
		}
	}
	return names[len(names)-1]
}

// noteSources notes that all entries are imported.
func (c *Capture) noteSources() {
	c.state.Entries = nil
	for i := range c.sources {
		names := c.entryNames(i)
		c.state.Entries = append(c.state.Entries, names[:]...)
	}
	c.state.Tables = make(map[string]uint32, len(c.sources))
	for i, s := range c.sources {
		c.state.Tables[c.Mapping.Entries[i].Table] = s.oid
	}
}

// standing fails with ErrSchemaChanged where a name of the mapping means no table
// any more, or another one, whose changes are not told.
func (f *follower) standing(ctx context.Context) error {
	for i, s := range f.c.sources {
		e := &f.c.Mapping.Entries[i]
		var now *uint32
		if err := f.conn.QueryRow(ctx, "SELECT to_regclass($1)::oid", tableOf(e).Sanitize()).Scan(&now); err != nil {
			return fmt.Errorf("look at table %s: %w", e.Table, err)
		}
		if now == nil {
			return fmt.Errorf("%w: there is no table %s any more; change the mapping and start again, nothing is lost", ErrSchemaChanged, e.Table)
		}
		if *now != s.oid {
			return fmt.Errorf("%w: %s is another table than before; start again", ErrSchemaChanged, e.Table)
		}
		if s.told == nil {
			continue
		}
		if err := s.checkPartitions(ctx, f.conn); err != nil {
			return err
		}
	}
	return nil
}
