package pgoutput

import (
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
	"time"
)

// wire builds messages as Postgres does.
type wire []byte

func (w wire) u8(v byte) wire    { return append(w, v) }
func (w wire) u16(v int) wire    { return binary.BigEndian.AppendUint16(w, uint16(v)) }
func (w wire) u32(v uint32) wire { return binary.BigEndian.AppendUint32(w, v) }
func (w wire) u64(v uint64) wire { return binary.BigEndian.AppendUint64(w, v) }
func (w wire) text(s string) wire {
	return append(append(w, s...), 0)
}
func (w wire) value(s string) wire {
	return append(w.u8('t').u32(uint32(len(s))), s...)
}

var commitTime = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

func (w wire) time(t time.Time) wire { return w.u64(uint64(t.UnixMicro() - Epoch)) }

var messages = map[string]struct {
	raw  wire
	want Message
}{
	"begin":  {wire{'B'}.u64(7).time(commitTime).u32(9), Begin{Final: 7, Time: commitTime, XID: 9}},
	"commit": {wire{'C'}.u8(0).u64(7).u64(8).time(commitTime), Commit{At: 7, End: 8, Time: commitTime}},
	"relation": {
		wire{'R'}.u32(5).text("app").text("likes").u8('d').u16(2).u8(1).text("user_id").u32(2950).u32(0xffffffff).u8(0).text("at").u32(1184).u32(0),
		Relation{ID: 5, Schema: "app", Name: "likes", Identity: 'd', Columns: []Column{{"user_id", true}, {"at", false}}},
	},
	"insert": {
		wire{'I'}.u32(5).u8('N').u16(3).value("a").u8('n').u8('u'),
		Insert{5, Tuple{{Text: []byte("a")}, {Null: true}, {Unchanged: true}}},
	},
	"update without the old row": {wire{'U'}.u32(5).u8('N').u16(1).value("b"), Update{Relation: 5, New: Tuple{{Text: []byte("b")}}}},
	"update with the old key": {
		wire{'U'}.u32(5).u8('K').u16(1).value("a").u8('N').u16(1).value("b"),
		Update{Relation: 5, Old: Tuple{{Text: []byte("a")}}, KeyOnly: true, New: Tuple{{Text: []byte("b")}}},
	},
	"delete with the whole row": {wire{'D'}.u32(5).u8('O').u16(1).value("a"), Delete{Relation: 5, Old: Tuple{{Text: []byte("a")}}}},
	"truncate":                  {wire{'T'}.u32(2).u8(1).u32(5).u32(6), Truncate{[]uint32{5, 6}}},
	"type":                      {wire{'Y'}.u32(1).text("app").text("mood"), Other{'Y'}},
}

func TestParseReadsEachMessage(t *testing.T) {
	for name, m := range messages {
		got, err := Parse(m.raw)
		if err != nil || !reflect.DeepEqual(got, m.want) {
			t.Errorf("%s: %#v, %v; want %#v", name, got, err, m.want)
		}
	}
}

func TestParseRefusesWhatIsCutShortOrTooLong(t *testing.T) {
	for name, m := range messages {
		if name == "type" {
			continue // its rest is not read
		}
		for end := range m.raw {
			if got, err := Parse(m.raw[:end]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s cut at %d: %#v, %v", name, end, got, err)
			}
		}
		if got, err := Parse(append(m.raw[:len(m.raw):len(m.raw)], 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with a byte more: %#v, %v", name, got, err)
		}
	}
}

func TestLSNIsWrittenAsPostgresWritesIt(t *testing.T) {
	for text, want := range map[string]LSN{"0/0": 0, "16/B374D848": 0x16B374D848, "FFFFFFFF/FFFFFFFF": 1<<64 - 1} {
		if got, err := ParseLSN(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "/", "1", "1/G", "1/2/3", "1/2 x", "100000000/0"} {
		if got, err := ParseLSN(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

// FuzzParse: no bytes bring it down, and memory follows from the bytes given.
func FuzzParse(f *testing.F) {
	for _, m := range messages {
		f.Add([]byte(m.raw))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if (m == nil) != (err != nil) {
			t.Fatalf("%#v, %v", m, err)
		}
		if r, ok := m.(Relation); ok && len(r.Columns) > len(data) {
			t.Fatalf("%d columns of %d bytes", len(r.Columns), len(data))
		}
	})
}
