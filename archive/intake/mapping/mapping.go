package mapping

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/google/uuid"
)

// ErrMapping is what is wrong with a mapping, by its text; it says what to change.
var ErrMapping = errors.New("mapping")

// Mapping is the whole file.
type Mapping struct {
	// Source names the application, 1 to 100 bytes: it is part of the identity
	// of every event, and must not change.
	Source string `yaml:"source"`
	// Namespace is that of the UUIDs made of other keys; the namespace of object
	// identifiers (RFC 9562) unless given.
	Namespace string `yaml:"namespace"`
	// IDs says, by kind (video, user, comment, remix, glitch, job, notification),
	// whether keys are UUIDs ("uuid", unless said otherwise) or are made into such
	// ("derived"); "all" stands for every kind that is not named.
	IDs map[string]string `yaml:"ids"`
	// TimeZone is that of columns without one; UTC unless given.
	TimeZone string `yaml:"time_zone"`
	// Entries say what becomes what.
	Entries []Entry `yaml:"entries"`

	namespace uuid.UUID
	location  *time.Location
}

// Entry says what the rows of one table, or of one query, become.
type Entry struct {
	// Becomes is the kind: videos, views, likes, comments, remixes, glitches,
	// jobs, notifications, blocks or baselines.
	Becomes string `yaml:"becomes"`
	// Table is the table, as schema.name or name. Changes can be followed of
	// tables only.
	Table string `yaml:"table"`
	// Query is a SELECT in place of a table, for an import.
	Query string `yaml:"query"`
	// Columns names the column of each member that has one; "new|old" is a column
	// that was renamed.
	Columns map[string]string `yaml:"columns"`
	// Constants gives members that are the same for each row.
	Constants map[string]string `yaml:"constants"`
	// Translate turns values of a member into those that tidemark knows.
	Translate map[string]map[string]string `yaml:"translate"`
	// Source names start values in place of their table or query: with the video
	// it is what a later value replaces, so it must not change where the table's
	// name does.
	Source string `yaml:"source"`
	// Where holds what columns must be for the row to be there: null, a value, or
	// a list of values.
	Where map[string]any `yaml:"where"`

	kind *kind
	line int // of the file, where it begins; 0 where that is not known
}

// Name tells an entry from the others, for people.
func (e *Entry) Name() string {
	if e.Table != "" {
		return e.Table + " → " + e.Becomes
	}
	return "query → " + e.Becomes
}

// place is Name with where the entry stands in the file.
func (e *Entry) place() string {
	if e.line == 0 {
		return e.Name()
	}
	return fmt.Sprintf("%s, line %d", e.Name(), e.line)
}

// Load reads a file.
func Load(path string) (*Mapping, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the mapping: %w", err)
	}
	m, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Parse reads a mapping. It fails with ErrMapping.
func Parse(data []byte) (*Mapping, error) {
	m, err := decode(data)
	if err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// decode reads the file's form. The library panics at some that are no YAML.
func decode(data []byte) (m *Mapping, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			m, err = nil, wrong("it cannot be read as YAML: %v", cause)
		}
	}()
	m = &Mapping{}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(m); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrMapping, yaml.FormatError(err, false, true))
	}
	return m, m.noteLines(data)
}

// noteLines notes where the entries begin, for people.
func (m *Mapping) noteLines(data []byte) error {
	path, err := yaml.PathString("$.entries")
	if err != nil {
		return fmt.Errorf("find the entries of a mapping: %w", err)
	}
	node, err := path.ReadNode(bytes.NewReader(data))
	if list, ok := node.(*ast.SequenceNode); err == nil && ok && len(list.Values) == len(m.Entries) {
		for i, entry := range list.Values {
			m.Entries[i].line = entry.GetToken().Position.Line
		}
	}
	return nil // without entries there are none to be found
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMapping, fmt.Errorf(format, args...))
}

// maxSourceBytes leaves the rest of an identity's 256 bytes to what follows.
const maxSourceBytes = 100

func (m *Mapping) check() (err error) {
	if m.Source == "" || len(m.Source) > maxSourceBytes {
		return wrong("source has 1 to %d bytes; give it the name of the application", maxSourceBytes)
	}
	m.namespace = uuid.NameSpaceOID
	if m.Namespace != "" {
		if m.namespace, err = uuid.Parse(m.Namespace); err != nil || len(m.Namespace) != 36 {
			return wrong("namespace %q is no UUID", m.Namespace)
		}
	}
	if m.location, err = time.LoadLocation(m.TimeZone); err != nil {
		return wrong("time_zone: %w", err)
	}
	for kind, how := range m.IDs {
		switch {
		case kind != "all" && !namedKind(kind):
			return wrong("ids: %q is no kind of ID; there are all, %s", kind, strings.Join(idKinds[:], ", "))
		case how != "uuid" && how != "derived":
			return wrong("ids: %s is %q; it may be uuid or derived", kind, how)
		}
	}
	if len(m.Entries) == 0 {
		return wrong("entries is empty; say what becomes what")
	}
	for i := range m.Entries {
		if err := m.Entries[i].check(); err != nil {
			return wrong("entry %d (%s): %w", i+1, m.Entries[i].place(), err)
		}
	}
	if err := m.checkBaselines(); err != nil {
		return err
	}
	return m.checkCounters()
}

// checkBaselines refuses start values in two entries that the read model would
// take for one source's: the later would replace the earlier.
func (m *Mapping) checkBaselines() error {
	of := map[string]int{}
	for i := range m.Entries {
		e := &m.Entries[i]
		if len(e.kind.oneOf) == 0 {
			continue
		}
		if first, twice := of[e.baselineSource()]; twice {
			return wrong("entries %d and %d (%s) would replace each other's start values; give them all in one, or each a source", first, i+1, e.place())
		}
		of[e.baselineSource()] = i + 1
	}
	return nil
}

// checkCounters refuses a start value for a counter whose rows are mapped too:
// it would count them twice.
func (m *Mapping) checkCounters() error {
	for i := range m.Entries {
		for member := range m.Entries[i].Columns {
			for j := range m.Entries {
				if rows := m.Entries[j].kind.counted; rows != "" && rows == member {
					return wrong("entry %d (%s) gives a start value for %s, whose rows entry %d (%s) brings: they would count twice; take one of the two out",
						i+1, m.Entries[i].place(), member, j+1, m.Entries[j].place())
				}
			}
		}
	}
	return nil
}

// baselineSource names an entry's start values within the mapping.
func (e *Entry) baselineSource() string { return cmp.Or(e.Source, e.Table) }

// Renamed fails where the entry's table was called otherwise when its start values
// were read: they would be added to those under the old name.
func (e *Entry) Renamed(before string) error {
	if len(e.kind.oneOf) == 0 || e.Source != "" || e.Table == before {
		return nil
	}
	return wrong("%s: the start values are known as those of %s; give the entry source: %s", e.Name(), before, before)
}

func (e *Entry) check() error {
	if e.kind = kinds[e.Becomes]; e.kind == nil {
		return fmt.Errorf("becomes is %q; it may be %s", e.Becomes, kindNames())
	}
	switch {
	case (e.Table == "") == (e.Query == ""):
		return errors.New("it needs a table or a query, and not both")
	case e.Source != "" && len(e.kind.oneOf) == 0:
		return errors.New("source: only baselines have one")
	case len(e.Source) > maxSourceBytes:
		return fmt.Errorf("source has up to %d bytes", maxSourceBytes)
	case strings.Count(e.Table, ".") > 1:
		return fmt.Errorf("table %q is no schema.name", e.Table)
	}
	for member := range e.Columns {
		if !e.kind.has(member) {
			return fmt.Errorf("columns: %s has no %s; it has %s", e.Becomes, member, e.kind.names())
		}
	}
	for member := range e.Constants {
		if !e.kind.has(member) {
			return fmt.Errorf("constants: %s has no %s; it has %s", e.Becomes, member, e.kind.names())
		}
		if e.Columns[member] != "" {
			return fmt.Errorf("%s has a column and a constant; keep one", member)
		}
		if slices.Contains(e.kind.oneOf, member) {
			return fmt.Errorf("constants: %s differs from video to video; give it a column", member)
		}
	}
	for member := range e.Translate {
		if e.Columns[member] == "" {
			return fmt.Errorf("translate: %s has no column", member)
		}
	}
	for _, member := range e.kind.required {
		if e.Columns[member] == "" && e.Constants[member] == "" {
			return fmt.Errorf("%s needs a column for %s", e.Becomes, member)
		}
	}
	if e.kind.needsOne() && !e.givesOne() {
		return fmt.Errorf("%s needs a column for one of %s", e.Becomes, strings.Join(e.kind.oneOf, ", "))
	}
	for column, want := range e.Where {
		if _, err := acceptedOf(want); err != nil {
			return fmt.Errorf("where: %s %w", column, err)
		}
	}
	return nil
}

func (e *Entry) givesOne() bool {
	for _, member := range e.kind.oneOf {
		if e.Columns[member] != "" {
			return true
		}
	}
	return false
}

// derived reports whether keys of the kind are made into UUIDs.
func (m *Mapping) derived(kind string) bool {
	how, named := m.IDs[kind]
	if !named {
		how = m.IDs["all"]
	}
	return how == "derived"
}
