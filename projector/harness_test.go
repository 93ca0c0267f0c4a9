package projector

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// incarnation is that of the logs that tests make up.
var incarnation = events.Incarnation{'t', 'e', 's', 't'}

// horizons are longer than any log of a test, unless it is about them.
const horizons = 400 * 24 * time.Hour

func testModelConfig() readmodel.Config {
	return readmodel.Config{Incarnation: incarnation, DedupeHorizon: horizons, OutcomeHorizon: horizons}
}

// batchID makes up the n-th batch ID of a test.
func batchID(n uint64) (id events.BatchID) {
	binary.BigEndian.PutUint64(id[:], n)
	id[15] = 1
	return id
}

// ownMessage is a record batch of the service, outsideMessage one of another producer.
func ownMessage(seq uint64, stored time.Time, entries ...events.Entry) eventlog.Message {
	h := events.BatchHeader{Incarnation: incarnation, ID: batchID(seq)}
	return eventlog.Message{
		Seq: seq, Stored: stored, BatchID: h.ID.String(), Subject: eventlog.BatchSubject,
		Data: events.AppendBatch(nil, h, entries),
	}
}

func outsideMessage(seq uint64, stored time.Time, id events.BatchID, entries ...events.Entry) eventlog.Message {
	return eventlog.Message{
		Seq: seq, Stored: stored, Subject: eventlog.BatchSubject,
		Data: events.AppendBatch(nil, events.BatchHeader{ID: id}, entries),
	}
}

func recountMessage(m *eventlog.Message) oracle.Message {
	return oracle.Read(incarnation, eventlog.BatchSubject, m.Subject, m.Seq, m.Stored, m.Data)
}

// recount folds messages by the oracle.
func recount(messages []eventlog.Message) *oracle.State {
	s := oracle.New()
	for i := range messages {
		s.Fold(recountMessage(&messages[i]))
	}
	return s
}

// newFold returns a fold into an empty model.
func newFold() *Fold { return NewFold(readmodel.New(testModelConfig()), FoldOptions{}) }

func foldAll(t fatal, f *Fold, messages []eventlog.Message) {
	for i := range messages {
		if err := f.message(decode(messages[i])); err != nil {
			t.Fatalf("fold: %v", err)
		}
	}
}

// fatal is what tests and properties have in common.
type fatal interface {
	Fatalf(format string, args ...any)
}

// both folds messages by the model and by the oracle, side by side, and
// compares what became of their commands.
type both struct {
	t      testing.TB
	fold   *Fold
	oracle *oracle.State
	seq    uint64
}

func newBoth(t testing.TB) *both { return &both{t: t, fold: newFold(), oracle: oracle.New()} }

func (b *both) add(m eventlog.Message) []Decided {
	b.t.Helper()
	if err := b.fold.message(decode(m)); err != nil {
		b.t.Fatal(err)
	}
	b.oracle.Fold(recountMessage(&m))
	if found := decidedDifferences(b.oracle, b.fold.decided); len(found) > 0 {
		b.t.Fatalf("message %d: %s", m.Seq, found)
	}
	b.seq = m.Seq
	return b.fold.decided
}

// own adds a record batch of the service, stored at that time.
func (b *both) own(at time.Time, entries ...events.Entry) []Decided {
	b.t.Helper()
	return b.add(ownMessage(b.seq+1, at, entries...))
}

// events folds lines as events that nobody asked for the outcome of.
func (b *both) events(at time.Time, lines ...string) {
	b.t.Helper()
	b.own(at, bare(b.t, at, lines...)...)
}

// effects folds lines as one command and returns what each event did.
func (b *both) effects(at time.Time, c events.Command, lines ...string) []readmodel.Effect {
	b.t.Helper()
	d := b.own(at, command(b.t, c, at, lines...))
	return d[0].Outcome.Effects
}

func (b *both) equal() {
	b.t.Helper()
	mustEqual(b.t, "state", b.oracle, b.fold.model)
}

func newFoldWith(cfg readmodel.Config) *Fold { return NewFold(readmodel.New(cfg), FoldOptions{}) }

// garbage is a message that is no record batch.
func garbage(seq uint64, text string) eventlog.Message {
	return eventlog.Message{Seq: seq, Stored: testTime, Subject: eventlog.BatchSubject, Data: []byte(text)}
}
