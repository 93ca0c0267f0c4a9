package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidemark-io/tidemark/projector/replay"
)

// column returns the place of a column in the table's rows; -1 if it has none.
func (t table) column(name string) int {
	return slices.Index(strings.Split(t.columns, ", "), name)
}

// order is what the rows of a table are ordered by.
func (t table) order() string {
	if t.column("idx") < 0 {
		return "seq"
	}
	return "seq, idx"
}

var errRows = errors.New("rows of COPY are cut short")

// differences notes the rows that should be there and are not, and those that are
// and should not be. What is there has the frame of COPY around it.
func (f filled) differences(there []byte, result *replay.ArchiveResult) error {
	if len(there) < len(copyHeader)+2 {
		return errRows
	}
	there = there[len(copyHeader) : len(there)-2]
	if bytes.Equal(there, f.rows.b) {
		return nil
	}
	want, err := splitRows(f.rows.b)
	if err != nil {
		return err
	}
	got, err := splitRows(there)
	if err != nil {
		return err
	}
	// Rows of one place may come in any order; each begins with it, or near it.
	slices.SortFunc(want, bytes.Compare)
	slices.SortFunc(got, bytes.Compare)
	missing, added := map[string]int{}, map[string]int{}
	for len(want) > 0 || len(got) > 0 {
		switch c := compareFirst(want, got); {
		case c == 0:
			want, got = want[1:], got[1:]
		case c < 0:
			missing[f.place(want[0])]++
			want = want[1:]
		default:
			added[f.place(got[0])]++
			got = got[1:]
		}
	}
	for _, at := range slices.Sorted(maps.Keys(missing)) {
		what := "missing"
		if added[at] == missing[at] {
			what = "changed"
			delete(added, at)
		}
		result.Differ(f.name, at, what)
	}
	for _, at := range slices.Sorted(maps.Keys(added)) {
		result.Differ(f.name, at, "should not be there")
	}
	return nil
}

// compareFirst compares the first rows of two lists, of which one may be empty.
func compareFirst(a, b [][]byte) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return bytes.Compare(a[0], b[0])
}

// splitRows cuts rows of COPY.
func splitRows(b []byte) (rows [][]byte, err error) {
	for len(b) > 0 {
		end, err := eachField(b, func(int, []byte) {})
		if err != nil {
			return nil, err
		}
		rows = append(rows, b[:end])
		b = b[end:]
	}
	return rows, nil
}

// eachField calls fn with the fields of the first row, nil for null, and returns
// where the row ends.
func eachField(b []byte, fn func(i int, field []byte)) (end int, err error) {
	if len(b) < 2 {
		return 0, errRows
	}
	at := 2
	for i := range int(binary.BigEndian.Uint16(b)) {
		if len(b) < at+4 {
			return 0, errRows
		}
		size := int(int32(binary.BigEndian.Uint32(b[at:])))
		at += 4
		if size < 0 {
			fn(i, nil)
			continue
		}
		if len(b) < at+size {
			return 0, errRows
		}
		fn(i, b[at:at+size])
		at += size
	}
	return at, nil
}

// place is the position that a row is of: sequence, and index where it has one.
func (t table) place(row []byte) string {
	seq, index := t.column("seq"), t.column("idx")
	var at string
	_, _ = eachField(row, func(i int, field []byte) {
		switch {
		case i == seq && len(field) == 8:
			at = fmt.Sprint(binary.BigEndian.Uint64(field)) + at
		case i == index && len(field) == 2:
			at += fmt.Sprint(".", binary.BigEndian.Uint16(field))
		}
	})
	return at
}
