package projector

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

func TestFreshStartThenRestartFromTheCheckpoint(t *testing.T) {
	w := startWorld(t)
	w.equal("empty")
	w.commits(0, 30)
	w.equal("fresh start")
	if err := w.p.Ready(); err != nil {
		t.Error(err)
	}
	w.stop()
	if err := w.restore(); err != nil {
		t.Fatal(err)
	}
	if got := w.p.Snapshot().At.Seq; got != w.end() {
		t.Errorf("restored at %d, the log ends at %d: draining wrote no checkpoint", got, w.end())
	}
	w.run()
	w.commits(30, 10)
	w.equal("after the restart")
	if s := w.p.Stats(); s.Messages != 10 || s.Rebuilds != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCrashContinuesFromAnOlderCheckpoint(t *testing.T) {
	w := newWorld(t)
	w.openLog("log")
	w.interval = time.Millisecond
	w.start()
	for i := 0; w.p.Stats().Checkpoints < 3; i++ {
		w.commits(i, 1)
	}
	w.equal("with checkpoints beside the fold")
	w.forbid(errors.New("the disk is full"))
	for i := 0; w.p.Stats().CheckpointsPostponed == 0; i++ { // else one that was begun before may hold what follows
		w.commits(50+i, 1)
	}
	w.commits(100, 10)
	w.equal("without space for checkpoints")
	w.crash()
	w.start()
	if w.p.Stats().Saved.Seq >= w.end() {
		t.Error("the crash wrote a checkpoint")
	}
	w.equal("after the crash")
}

func TestCheckpointThatFailedIsWrittenWhenDraining(t *testing.T) {
	w := newWorld(t)
	w.openLog("log")
	w.commits(0, 15)
	if err := w.restore(); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	err := w.log.Read(testContext(t), 1, func(m eventlog.Message) error {
		if err := w.p.foldMessage(decode(m)); err != nil {
			return err
		}
		if m.Seq == 10 {
			// A write fails, and its image is held; what comes now is not in it.
			w.p.live.version++
			w.p.live.unwritten = w.p.live.freeze()
		}
		if m.Seq == 15 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	if err := w.p.drain(nil); err != nil {
		t.Fatal(err)
	}
	w.p.Close()
	w.start()
	w.equal("after the restart")
	if n := w.p.Stats().Messages; n != 0 {
		t.Errorf("%d messages were folded again", n)
	}
}

func TestPoisonOfAnotherProducerIsADeadLetterOnce(t *testing.T) {
	w := startWorld(t)
	other := w.producer()
	other.publish([]byte("garbage"))
	other.publish(events.AppendBatch(nil, events.BatchHeader{ID: batchID(1)}, bare(t, time.Now(), "video.viewed v1", "job.updated j1 progress=101", "video.viewed v1")))
	w.equal("with poison")
	for range 2 { // the second time there is nothing to do
		if err := w.p.PublishedLetters(testContext(t), w.p.Snapshot().At); err != nil {
			t.Fatal(err)
		}
	}
	if n := other.deadLetters(); n != 2 {
		t.Errorf("%d dead letters", n)
	}
	w.stop()
	w.start()
	if err := w.p.PublishedLetters(testContext(t), w.p.Snapshot().At); err != nil {
		t.Fatal(err)
	}
	if n := other.deadLetters(); n != 2 {
		t.Errorf("%d dead letters after a restart", n)
	}
}

// What the state holds the beginning of is whole in the log, as long as that has it;
// never is the beginning taken for the whole.
func TestOriginalOfADeadLetterIsWholeOrAnError(t *testing.T) {
	w := startWorld(t)
	event := events.AppendEvent(nil, events.Meta{Type: events.TypeNotificationSent, Time: events.TimeOf(time.Now().Add(time.Hour))}, events.NotificationSent{
		Notification: name16("n"), User: name16("u"), Category: []byte("c"), Payload: []byte(`"` + strings.Repeat("x", 4090) + `"`),
	})
	garbage := bytes.Repeat([]byte("no record batch "), 1<<10)
	other := w.producer()
	other.publish(events.AppendBatch(nil, events.BatchHeader{ID: batchID(1)}, []events.Entry{{Bytes: event, Events: 1}}))
	other.publish(garbage)
	other.publish([]byte("the last, which no trim takes"))
	w.equal("with poison")
	for i, want := range [][]byte{event, garbage} {
		letter, ok, err := w.p.Snapshot().DeadLetter(events.Position{Seq: uint64(i + 1)})
		if err != nil || !ok || letter.Size != len(want) || len(letter.Raw) == len(want) {
			t.Fatalf("letter %d: %v, %v, %d of %d bytes", i, ok, err, len(letter.Raw), letter.Size)
		}
		if _, isEvent := letter.Event(); isEvent != (i == 0) {
			t.Errorf("letter %d is an event: %v", i, isEvent)
		}
		if got, err := w.p.Original(testContext(t), &letter); err != nil || !bytes.Equal(got, want) {
			t.Errorf("letter %d: %d bytes, %v", i, len(got), err)
		}
		if err := w.log.Trim(testContext(t), uint64(i+1)); err != nil {
			t.Fatal(err)
		}
		if got, err := w.p.Original(testContext(t), &letter); !errors.Is(err, ErrCut) || !bytes.Equal(got, want[:len(letter.Raw)]) {
			t.Errorf("letter %d of a log that was trimmed: %d bytes, %v", i, len(got), err)
		}
	}
}

func TestDamagedOwnBatchStopsTheFoldAndNotTheReads(t *testing.T) {
	w := startWorld(t)
	w.commits(0, 5)
	w.equal("before")
	before := w.p.Snapshot()
	h := events.BatchHeader{Incarnation: w.log.Incarnation(), ID: batchID(77)}
	data := events.AppendBatch(nil, h, bare(t, time.Now(), "video.viewed v1"))
	data[len(data)-1] ^= 1
	w.producer().request(eventlog.BatchSubject, "Nats-Msg-Id: "+h.ID.String()+"\r\n", data)

	<-w.p.stopped
	ctx := testContext(t)
	if err := w.p.Fault(); !errors.Is(err, ErrUnreadable) {
		t.Errorf("fault: %v", err)
	}
	if err := w.p.Ready(); !errors.Is(err, ErrUnreadable) {
		t.Errorf("ready: %v", err)
	}
	if err := w.p.Inspect(ctx, func(*readmodel.Model) {}); !errors.Is(err, ErrStopped) {
		t.Errorf("inspect: %v", err)
	}
	err := w.p.Read(func(s *readmodel.Snapshot) error {
		if s.At != before.At || s.Tag != before.Tag {
			t.Errorf("at %v, before the damage %v", s.At, before.At)
		}
		_, created, err := s.Job(name16("j1"))
		if created {
			t.Error("the job was never created")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := w.p.WaitFor(short, events.Position{Seq: before.At.Seq + 1}); err == nil {
		t.Error("the damaged message counts as folded")
	}
	if err := w.p.WaitFor(short, before.At); err != nil {
		t.Error(err)
	}
}
