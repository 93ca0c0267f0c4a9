package events

import (
	"errors"
	"reflect"
	"testing"
)

func TestLineageSaysWhoWroteUpToWhere(t *testing.T) {
	a, b := Incarnation{1}, Incarnation{2}
	l := Lineage{{a, 100}, {b, 250}}
	for _, c := range []struct {
		incarnation Incarnation
		seq         uint64
		want        bool
	}{{a, 1, true}, {a, 100, true}, {a, 101, false}, {b, 101, true}, {b, 250, true}, {b, 251, false}, {Incarnation{3}, 1, false}, {Incarnation{}, 1, false}} {
		if got := l.Wrote(c.incarnation, c.seq); got != c.want {
			t.Errorf("%v wrote %d: %t", c.incarnation, c.seq, got)
		}
	}
}

func TestLineageIsReadBackAsWritten(t *testing.T) {
	for _, l := range []Lineage{nil, {{Incarnation{1}, 0}}, {{Incarnation{1}, 100}, {Incarnation{15: 255}, 1<<64 - 1}}} {
		if got, err := ParseLineage(l.String()); err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%v is read as %v, %v", l, got, err)
		}
	}
	good := Incarnation{}.String()
	for _, text := range []string{":", "x:1", good, good + ":", good + ":-1", good + ":1,", good[1:] + ":1", good + "0:1", "g" + good[1:] + ":1"} {
		if l, err := ParseLineage(text); !errors.Is(err, ErrLineage) {
			t.Errorf("%q is read as %v, %v", text, l, err)
		}
	}
}
