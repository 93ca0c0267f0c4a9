package log

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidemark-io/tidemark/events"
)

// originals are messages as a log might hold them: of the service, of others
// with and without an ID, and some under IDs that were used before.
func originals(n int) []Message {
	at := time.Date(2025, 3, 1, 9, 0, 0, 123456789, time.UTC)
	list := make([]Message, n)
	for i := range list {
		at = at.Add(time.Duration(i%7) * time.Second)
		list[i] = Message{Seq: uint64(i + 1), Stored: at, BatchID: fmt.Sprint("id ", i), Subject: BatchSubject, Data: fmt.Append(nil, "data ", i)}
		switch i % 10 {
		case 3:
			list[i].BatchID = ""
		case 7:
			list[i].BatchID = fmt.Sprint("id ", i-1)
		case 9:
			list[i].Subject = "tidemark.events.4.batch"
		}
	}
	return list
}

func from(messages []Message) func(context.Context, uint64, func(Message) error) error {
	return func(_ context.Context, seq uint64, fn func(Message) error) error {
		for _, m := range messages[min(int(seq)-1, len(messages)):] {
			if err := fn(m); err != nil {
				return err
			}
		}
		return nil
	}
}

func sameMessages(t *testing.T, got, want []Message) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.Seq != w.Seq || !g.Stored.Equal(w.Stored) || g.BatchID != w.BatchID || g.Subject != w.Subject || string(g.Data) != string(w.Data) {
			t.Errorf("message %d is %+v, want %+v", i+1, g, w)
		}
	}
}

func TestImportedLogIsACopy(t *testing.T) {
	cfg, want := testConfig(t), originals(300)
	original := Original{Incarnation: events.Incarnation{1}, Lineage: events.Lineage{{Incarnation: events.Incarnation{2}, Last: 40}}, Last: 300}
	// One that is cut short, twice; nobody may open it until it is done.
	broken := errors.New("cut short")
	for _, at := range []int{0, 170} {
		cut := func(ctx context.Context, seq uint64, fn func(Message) error) error {
			return errors.Join(from(want[:at])(ctx, seq, fn), broken)
		}
		if err := Import(testContext(t), cfg, original, cut); !errors.Is(err, broken) {
			t.Fatalf("cut short: %v", err)
		}
		if _, err := Open(testContext(t), cfg); !errors.Is(err, ErrImportUnfinished) {
			t.Fatalf("half a copy was opened: %v", err)
		}
	}
	for range 2 { // the second time nothing is left to do
		if err := Import(testContext(t), cfg, original, from(want)); err != nil {
			t.Fatal(err)
		}
	}
	l := openLog(t, cfg)
	sameMessages(t, readUpTo(t, l, 1, 300), want)
	one, err := l.Message(testContext(t), 8)
	if err != nil {
		t.Fatal(err)
	}
	sameMessages(t, []Message{one}, want[7:8])
	if l.Incarnation() == original.Incarnation {
		t.Error("the copy has the original's incarnation")
	}
	if got := l.Lineage(); !got.Wrote(original.Incarnation, 300) || got.Wrote(original.Incarnation, 301) || !got.Wrote(events.Incarnation{2}, 40) {
		t.Errorf("its lineage is %q", got)
	}
}

func TestHeadersOfCopiesAreBelievedOfCopiesAlone(t *testing.T) {
	cfg := testConfig(t)
	if err := Import(testContext(t), cfg, Original{Incarnation: events.Incarnation{1}, Last: 5}, from(originals(5))); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, cfg)
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	if r := commit(t, w, "of its own"); r.Position.Seq != 6 {
		t.Fatalf("stored as message %d", r.Position.Seq)
	}
	msg := &nats.Msg{Subject: BatchSubject, Data: []byte("x"), Header: nats.Header{
		StoredHeader: {"2020-01-01T00:00:00Z"}, MessageIDHeader: {"forged"},
	}}
	if _, err := outsider(t, l).PublishMsg(testContext(t), msg); err != nil {
		t.Fatal(err)
	}
	m := readUpTo(t, l, 7, 7)[0]
	if m.Stored.Year() == 2020 || m.BatchID != "" {
		t.Errorf("believed: stored %v, batch %q", m.Stored, m.BatchID)
	}
}

func TestImportGoesIntoAnEmptyLogOnly(t *testing.T) {
	cfg := testConfig(t)
	l := openLog(t, cfg)
	w := l.NewWriter(WriterConfig{})
	stop := runWriter(t, w)
	commit(t, w, "there")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Import(testContext(t), cfg, Original{Incarnation: events.Incarnation{1}, Last: 5}, from(originals(5))); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("into a log that holds something: %v", err)
	}
	cfg = testConfig(t)
	if err := Import(testContext(t), cfg, Original{Incarnation: events.Incarnation{1}, Last: 6}, from(originals(5))); err == nil {
		t.Error("what ends too early was imported")
	}
	if err := Import(testContext(t), cfg, Original{Incarnation: events.Incarnation{3}, Last: 6}, from(originals(6))); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("the copy of another log was gone on with: %v", err)
	}
	other := originals(6)
	other[4].BatchID = "another"
	if err := Import(testContext(t), cfg, Original{Incarnation: events.Incarnation{1}, Last: 6}, from(other)); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("other messages were appended: %v", err)
	}
}

func TestMetadataThatNamesNoSequenceIsRefused(t *testing.T) {
	cfg := testConfig(t)
	l := openLog(t, cfg)
	stream, err := l.pubJS.Stream(testContext(t), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	changed := stream.CachedInfo().Config
	changed.Metadata[ImportedKey] = "many"
	setStream(t, l, changed)
	l.Close()
	if _, err := Open(testContext(t), cfg); !errors.Is(err, ErrStreamConfig) {
		t.Errorf("opened: %v", err)
	}
}
