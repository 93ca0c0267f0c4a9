package projector

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// marks is a command on dead letters: each with its mark and, to redrive it,
// the event that the state holds of it.
func (b *both) marks(at time.Time, kind events.CommandKind, letters ...events.Position) []Decided {
	b.t.Helper()
	typ := events.TypeDeadLetterDropped
	if kind == events.RedriveDeadLetters {
		typ = events.TypeDeadLetterRedriven
	}
	c := events.Command{Kind: kind, Actor: name16("admin"), Privileged: true, Time: events.TimeOf(at), Reason: []byte("mended")}
	meta := events.Meta{Type: typ, Time: c.Time}
	var frames []byte
	for _, letter := range letters {
		frames, c.Events = events.AppendEvent(frames, meta, events.DeadLetterMark{Letter: letter}), c.Events+1
		if d, ok, _ := b.fold.model.Snapshot().DeadLetter(letter); ok && kind == events.RedriveDeadLetters {
			frames, c.Events = append(frames, d.Raw...), c.Events+1
		}
	}
	meta.Type = events.TypeOperationRecorded
	frames, c.Events = events.AppendEvent(frames, meta, events.OperationRecorded{}), c.Events+1
	return b.own(at, events.Entry{Bytes: append(events.AppendCommand(nil, c), frames...), Events: c.Events})
}

func (b *both) letters() string {
	b.t.Helper()
	list, err := b.fold.model.Snapshot().DeadLetters(events.Position{}, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	var text []string
	for _, d := range list {
		text = append(text, d.Position.String())
	}
	return strings.Join(text, " ")
}

// audited is what became of the targets of the newest entry.
func (b *both) audited() string {
	b.t.Helper()
	list, err := b.fold.model.Snapshot().AuditLog(readmodel.AuditFilter{}, events.Position{}, 1)
	if err != nil || len(list) != 1 {
		b.t.Fatal(list, err)
	}
	text := list[0].Action.String()
	for i, target := range list[0].Targets {
		text += fmt.Sprintf(", %v %v", readmodel.TargetLetter(target), list[0].Effects[i])
	}
	return text
}

func at(seq uint64, index uint16) events.Position { return events.Position{Seq: seq, Index: index} }

func TestRedrivenDeadLettersAreFoldedInTheirOrder(t *testing.T) {
	b := newBoth(t)
	b.events(testTime, "video.viewed v1 @301 id=x", "video.liked v1 u1 @900", "video.unliked v1 u1 @310", "video.viewed v2 @302")
	later := testTime.Add(20 * time.Second)
	b.marks(later, events.RedriveDeadLetters, at(1, 0), at(1, 1), at(1, 2), at(1, 3))
	b.equal()
	if got := b.audited(); got != "dead-letter.redrive, 1.0 applied, 1.1 poisoned, 1.2 waiting, 1.3 applied" {
		t.Error(got)
	}
	if got := b.letters(); got != "1.1 1.2" {
		t.Errorf("dead letters left: %s", got)
	}
	if got := show(t, b.fold.model, "v1") + show(t, b.fold.model, "v2"); got != "v1: 1 viewsv2: 1 views" {
		t.Error(got)
	}

	// Once more, when the like is not ahead any more; and what was redriven is
	// marked as seen now.
	later = testTime.Add(15 * time.Minute)
	b.marks(later, events.RedriveDeadLetters, at(1, 0), at(1, 1), at(1, 2))
	b.events(later, "video.viewed v1 @301 id=x")
	b.equal()
	if got := b.audited(); got != "dead-letter.redrive, 1.0 not found, 1.1 applied, 1.2 superseded" {
		t.Error(got)
	}
	if got := show(t, b.fold.model, "v1"); got != "v1: 1 views, 1 likes" {
		t.Error(got)
	}
}

// open is a command that redrives a whole message, which holds those events.
func (b *both) open(at time.Time, letter events.Position, batch events.BatchID, lines ...string) []Decided {
	b.t.Helper()
	c := events.Command{Kind: events.RedriveDeadLetters, Actor: name16("admin"), Privileged: true, Time: events.TimeOf(at), Reason: []byte("mended")}
	meta := events.Meta{Type: events.TypeDeadLetterOpened, Time: c.Time}
	frames := events.AppendEvent(nil, meta, events.DeadLetterOpened{Letter: letter, Batch: batch})
	c.Events = 2
	for _, e := range bare(b.t, testTime, lines...) {
		frames, c.Events = append(frames, e.Bytes...), c.Events+1
	}
	meta.Type = events.TypeOperationRecorded
	frames = events.AppendEvent(frames, meta, events.OperationRecorded{})
	return b.own(at, events.Entry{Bytes: append(events.AppendCommand(nil, c), frames...), Events: c.Events})
}

// elsewhere is a record batch of another producer, published where it is a dead letter.
func (b *both) elsewhere(at time.Time, id events.BatchID, lines ...string) {
	b.t.Helper()
	m := outsideMessage(b.seq+1, at, id, bare(b.t, testTime, lines...)...)
	m.Subject = "tidemark.events.7.batch"
	b.add(m)
}

// A whole message that can be read by now is redriven event by event, each at its
// own place among the dead letters: what fails or waits stays there.
func TestAMessageIsRedrivenByItsEvents(t *testing.T) {
	b := newBoth(t)
	b.events(testTime, "video.liked v2 u1 @900")
	lines := []string{"video.viewed v1", "video.liked v1 u1 @900", "video.unliked v1 u1 @310", "video.liked v2 u2", "video.viewed v3"}
	b.elsewhere(testTime, batchID(7), lines...)
	b.events(testTime, "video.viewed v3 @302")
	later := testTime.Add(20 * time.Second)
	b.open(later, at(2, 0), batchID(7), lines...)
	b.equal()
	if got := b.audited(); got != "dead-letter.redrive, 2.0 applied, 2.1 poisoned, 2.2 waiting, 2.3 waiting, 2.4 applied" {
		t.Error(got)
	}
	if got := b.letters(); got != "1.0 2.1 2.2 2.3 3.0" {
		t.Errorf("dead letters left: %s", got)
	}
	letter, _, _ := b.fold.model.Snapshot().DeadLetter(at(2, 2))
	if e, ok := letter.Event(); !ok || e.Type != events.TypeVideoUnliked || letter.Subject != "tidemark.events.7.batch" || !strings.Contains(letter.Reason, "waits") {
		t.Errorf("%+v", letter)
	}

	// What it left is redriven as ever; of the message nothing is left.
	later = testTime.Add(20 * time.Minute)
	b.open(later, at(2, 0), batchID(7), lines...)
	b.equal()
	if got := b.audited(); got != "dead-letter.redrive, 2.0 not found" {
		t.Error(got)
	}
	b.marks(later, events.RedriveDeadLetters, at(1, 0), at(2, 1), at(2, 2), at(2, 3), at(3, 0))
	b.equal()
	if got := b.letters(); got != "" {
		t.Errorf("dead letters left: %s", got)
	}
	if got := show(t, b.fold.model, "v1") + ", " + show(t, b.fold.model, "v2") + ", " + show(t, b.fold.model, "v3"); got != "v1: 1 views, 1 likes, v2: 2 likes, v3: 2 views" {
		t.Error(got)
	}
}

// Two operators open a message at one time: of what the first has left where the
// message was, the second takes nothing away.
func TestAMessageIsOpenedOnce(t *testing.T) {
	b := newBoth(t)
	lines := []string{"video.viewed v1 @900", "video.viewed v1"}
	b.elsewhere(testTime, batchID(7), lines...)
	b.open(testTime, at(1, 0), batchID(7), lines...)
	b.open(testTime, at(1, 0), batchID(7), lines...)
	b.equal()
	if got := b.letters() + ", " + b.audited(); got != "1.0 1.1, dead-letter.redrive, 1.0 not found" {
		t.Error(got)
	}
}

// Its producer has published it once more, where it belongs: that one counts.
func TestAMessageThatWasFoldedMeanwhileIsADuplicate(t *testing.T) {
	b := newBoth(t)
	b.elsewhere(testTime, batchID(7), "video.viewed v1")
	b.add(outsideMessage(b.seq+1, testTime, batchID(7), bare(t, testTime, "video.viewed v1")...))
	b.open(testTime, at(1, 0), batchID(7), "video.viewed v1")
	b.equal()
	if got := show(t, b.fold.model, "v1") + " " + b.audited() + b.letters(); got != "v1: 1 views dead-letter.redrive, 1.0 duplicate" {
		t.Error(got)
	}
	// And the other way round.
	b.elsewhere(testTime, batchID(8), "video.viewed v1")
	b.open(testTime, at(4, 0), batchID(8), "video.viewed v1")
	b.add(outsideMessage(b.seq+1, testTime, batchID(8), bare(t, testTime, "video.viewed v1")...))
	b.equal()
	if got := show(t, b.fold.model, "v1"); got != "v1: 2 views" {
		t.Error(got)
	}
}

func TestADeadLetterIsRedrivenOnce(t *testing.T) {
	b := newBoth(t)
	b.events(testTime, "video.viewed v1 @301")
	raw, _, _ := b.fold.model.Snapshot().DeadLetter(at(1, 0))
	later := testTime.Add(time.Minute)
	b.marks(later, events.RedriveDeadLetters, at(1, 0))
	// Another operator asked for the same at the same time.
	c := events.Command{Kind: events.RedriveDeadLetters, Time: events.TimeOf(later), Events: 2}
	meta := events.Meta{Type: events.TypeDeadLetterRedriven, Time: c.Time}
	frames := events.AppendEvent(events.AppendCommand(nil, c), meta, events.DeadLetterMark{Letter: at(1, 0)})
	b.own(later, events.Entry{Bytes: append(frames, raw.Raw...), Events: 2})
	b.equal()
	if got := show(t, b.fold.model, "v1") + " " + b.audited(); got != "v1: 1 views dead-letter.redrive, 1.0 not found" {
		t.Error(got)
	}
}

func TestDroppedDeadLettersAreGone(t *testing.T) {
	b := newBoth(t)
	b.events(testTime, "video.viewed v1 @301", "video.viewed v1 @302")
	b.add(garbage(b.seq+1, "garbage"))
	b.marks(testTime.Add(time.Minute), events.DropDeadLetters, at(2, 0), at(1, 1), at(7, 7))
	b.equal()
	if got := b.letters() + " " + b.audited(); got != "1.0 dead-letter.drop, 2.0 applied, 1.1 applied, 7.7 not found" {
		t.Error(got)
	}
}

func TestOperationsAreAudited(t *testing.T) {
	b := newBoth(t)
	target := name16("v1")
	c := events.Command{Kind: events.RepairReadModel, Actor: name16("admin"), Privileged: true, Time: events.TimeOf(testTime), Reason: []byte("a flipped bit"), Events: 1}
	meta := events.Meta{Type: events.TypeOperationRecorded, Time: c.Time}
	record := events.OperationRecorded{Outcome: []byte(`{"repaired":1}`), Targets: target[:]}
	b.own(testTime, events.Entry{Bytes: events.AppendEvent(events.AppendCommand(nil, c), meta, record), Events: 1})
	b.equal()
	list, err := b.fold.model.Snapshot().AuditLog(readmodel.AuditFilter{Action: events.RepairReadModel}, events.Position{}, 10)
	if err != nil || len(list) != 1 || string(list[0].Outcome) != `{"repaired":1}` || string(list[0].Reason) != "a flipped bit" || list[0].Targets[0] != target {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestNobodyElseSaysWhatIsTheServicesOwn(t *testing.T) {
	b := newBoth(t)
	b.events(testTime, "video.viewed v1 @301")
	meta := events.Meta{Time: events.TimeOf(testTime)}
	for typ, data := range map[events.Type]events.Data{
		events.TypeDeadLetterRedriven: events.DeadLetterMark{Letter: at(1, 0)},
		events.TypeDeadLetterDropped:  events.DeadLetterMark{Letter: at(1, 0)},
		events.TypeOperationRecorded:  events.OperationRecorded{},
	} {
		meta.Type = typ
		entry := events.Entry{Bytes: events.AppendEvent(nil, meta, data), Events: 1}
		b.add(outsideMessage(b.seq+1, testTime, batchID(b.seq+100), entry))
		b.own(testTime, entry)
		wrong := events.AppendCommand(nil, events.Command{Kind: events.DeleteVideos, Events: 1})
		b.own(testTime, events.Entry{Bytes: append(wrong, entry.Bytes...), Events: 1})
	}
	b.equal()
	if got := b.letters(); strings.Count(got, " ") != 9 {
		t.Errorf("dead letters: %s", got)
	}
}
