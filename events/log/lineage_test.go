package log

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
)

func TestAdoptionKeepsTheLineageAndMakesTheLogForeign(t *testing.T) {
	cfg := testConfig(t)
	before := openLog(t, cfg)
	first := before.Incarnation()
	adopted := NewIncarnation()
	err := before.Adopt(testContext(t), adopted, events.Lineage{{Incarnation: first, Last: 7}}, "why")
	if err != nil || adopted == first {
		t.Fatal(adopted, err)
	}
	if _, _, err := before.Bounds(testContext(t)); !errors.Is(err, ErrForeignLog) {
		t.Errorf("the log that was open says %v", err)
	}
	before.Close()
	after := openLog(t, cfg)
	if lineage := after.Lineage(); after.Incarnation() != adopted || len(lineage) != 1 || lineage[0] != (events.Ancestor{Incarnation: first, Last: 7}) {
		t.Errorf("opened anew it is %v with lineage %v", after.Incarnation(), lineage)
	}
}

func TestAStreamWithoutIncarnationIsOpenedToBeAdoptedOnly(t *testing.T) {
	cfg := testConfig(t)
	l := openLog(t, cfg)
	stream, err := l.pubJS.Stream(testContext(t), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	bare := stream.CachedInfo().Config
	delete(bare.Metadata, IncarnationKey)
	setStream(t, l, bare)
	l.Close()
	if _, err := Open(testContext(t), cfg); !errors.Is(err, ErrStreamConfig) {
		t.Errorf("a copy without its incarnation: %v", err)
	}
	cfg.Adopting = true
	l = openLog(t, cfg)
	if _, _, err := l.Bounds(testContext(t)); err != nil {
		t.Error(err)
	}
	if err := l.Adopt(testContext(t), NewIncarnation(), nil, ""); err != nil {
		t.Error(err)
	}
	l.Close()
	cfg.Adopting = false
	l = openLog(t, cfg)
	stream, err = l.pubJS.Stream(testContext(t), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	broken := stream.CachedInfo().Config
	broken.Metadata[LineageKey] = "x"
	setStream(t, l, broken)
	l.Close()
	if _, err := Open(testContext(t), cfg); !errors.Is(err, ErrStreamConfig) || !errors.Is(err, events.ErrLineage) {
		t.Errorf("a lineage that is none: %v", err)
	}
}

func setStream(t *testing.T, l *Log, cfg jetstream.StreamConfig) {
	t.Helper()
	if _, err := l.pubJS.UpdateStream(testContext(t), cfg); err != nil {
		t.Fatal(err)
	}
}
