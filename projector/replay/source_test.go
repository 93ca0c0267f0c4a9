package replay_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

func sequences(messages []eventlog.Message) (text string) {
	for _, m := range messages {
		text += fmt.Sprintf(" %d", m.Seq)
	}
	return text
}

func TestLogIsReadFromOneSequenceToAnother(t *testing.T) {
	l := openLog(t, "")
	for n := range 5 {
		publish(t, l, view(n))
	}
	s := replay.FromLog(l)
	if first, last, err := s.Bounds(testContext(t)); first != 1 || last != 5 || err != nil {
		t.Fatalf("bounds %d to %d, %v", first, last, err)
	}
	for _, c := range []struct {
		from, to uint64
		want     string
	}{{0, 5, " 1 2 3 4 5"}, {2, 4, " 2 3 4"}, {3, 3, " 3"}, {4, 3, ""}, {5, 5, " 5"}} {
		got, err := read(t, s, c.from, c.to)
		if sequences(got) != c.want || err != nil {
			t.Errorf("%d to %d: got%s and %v, want%s", c.from, c.to, sequences(got), err, c.want)
		}
	}
	enough := errors.New("enough")
	if err := s.Read(testContext(t), 1, 5, func(eventlog.Message) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the caller's error came back as %v", err)
	}
}

func TestLogIsFollowed(t *testing.T) {
	l := openLog(t, "")
	publish(t, l, view(0))
	ctx, cancel := context.WithCancel(testContext(t))
	got, done := make(chan uint64), make(chan error, 1)
	go func() {
		done <- replay.FromLog(l).Read(ctx, 1, replay.Follow, func(m eventlog.Message) error {
			got <- m.Seq
			return nil
		})
	}()
	if seq := <-got; seq != 1 {
		t.Fatalf("got message %d first", seq)
	}
	publish(t, l, view(1))
	if seq := <-got; seq != 2 {
		t.Fatalf("got message %d second", seq)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("ended with %v", err)
	}
}

// trim drops all but the newest messages of a log.
func trim(t *testing.T, l *eventlog.Log, keep int64) {
	t.Helper()
	nc, err := nats.Connect("nats://" + l.ListenAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(testContext(t), eventlog.EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	for _, limit := range []int64{keep, -1} {
		cfg.MaxMsgs = limit
		if _, err := js.UpdateStream(testContext(t), cfg); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrimmedLogIsReadWithACopyBeforeIt(t *testing.T) {
	l := openLog(t, "")
	for n := range 6 {
		publish(t, l, view(n))
	}
	copied := kept(mustRead(t, replay.FromLog(l)))
	trim(t, l, 2)
	s := replay.FromLog(l)
	for _, from := range []uint64{1, 4} {
		var gap *replay.GapError
		if _, err := read(t, s, from, 6); !errors.As(err, &gap) || gap.Need != from || gap.First != 5 || gap.Last != 6 {
			t.Errorf("from %d: got %v", from, err)
		}
	}
	for _, overlap := range []int{4, 5, 6} {
		joined := replay.Join(copied[:overlap], s)
		if got := sequences(mustRead(t, joined)); got != " 1 2 3 4 5 6" {
			t.Errorf("copy of %d joined with the log: got%s", overlap, got)
		}
		got, err := read(t, joined, 6, 6)
		if sequences(got) != " 6" || err != nil {
			t.Errorf("copy of %d: message 6: got%s and %v", overlap, sequences(got), err)
		}
	}
	var gap *replay.GapError
	if _, _, err := replay.Join(copied[:3], s).Bounds(testContext(t)); !errors.As(err, &gap) || gap.Need != 4 {
		t.Errorf("a copy that ends too early: %v", err)
	}
	if got, err := read(t, replay.Join(copied[:3], s), 1, 6); !errors.Is(err, replay.ErrGap) || sequences(got) != " 1 2 3" {
		t.Errorf("a copy that ends too early: got%s and %v", sequences(got), err)
	}
}

func TestCopyOfAnotherLogIsToldAtTheSeam(t *testing.T) {
	one, other := openLog(t, ""), openLog(t, "")
	for n := range 3 {
		publish(t, one, view(n))
		publish(t, other, view(n))
	}
	copied := kept(mustRead(t, replay.FromLog(one)))
	if _, err := read(t, replay.Join(copied[:2], replay.FromLog(other)), 1, 3); !errors.Is(err, replay.ErrSeam) {
		t.Fatalf("joined with another log: %v", err)
	}
}

func TestPointsAreFound(t *testing.T) {
	at := func(minute int) time.Time { return testTime.Add(time.Duration(minute) * time.Minute) }
	var log kept
	for n, minute := range []int{0, 0, 2, 5, 5, 9} {
		log = append(log, eventlog.Message{Seq: uint64(n) + 11, Stored: at(minute)})
	}
	for _, c := range []struct {
		point string
		want  uint64
	}{
		{"end", 16}, {"", 16}, {"12", 12}, {"12.7", 12}, {"16", 16}, {"3", 3},
		{at(0).Add(-1).Format(time.RFC3339Nano), 10},
		{at(0).Format(time.RFC3339), 12},
		{at(1).Format(time.RFC3339), 12},
		{at(2).Format(time.RFC3339), 13},
		{at(5).Add(-1).Format(time.RFC3339Nano), 13},
		{at(5).Format(time.RFC3339), 15},
		{at(60).Format(time.RFC3339), 16},
	} {
		p, err := replay.ParsePoint(c.point)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Find(testContext(t), log); got != c.want || err != nil {
			t.Errorf("%s: found %d and %v, want %d", c.point, got, err, c.want)
		}
	}
	for _, text := range []string{"0", "-1", "x", "1.x", "2026-11-02", "99999999999999999999"} {
		if p, err := replay.ParsePoint(text); !errors.Is(err, replay.ErrPoint) {
			t.Errorf("%q: read as %v, %v", text, p, err)
		}
	}
	if _, err := (replay.Point{Seq: 17}).Find(testContext(t), log); !errors.Is(err, replay.ErrBeyond) {
		t.Errorf("behind the end: %v", err)
	}
}

func TestSourceInPages(t *testing.T) {
	log := newHistory(3, time.Minute).grow(30)
	paged := replay.Paged{Fetch: func(ctx context.Context, from, to uint64) (*replay.Page, error) {
		page, err := replay.ReadPage(ctx, log, from, to)
		if err == nil && len(page.Messages) > 7 {
			page.Messages = page.Messages[:7]
		}
		return page, err
	}}
	if first, last, err := paged.Bounds(testContext(t)); first != 1 || last != 30 || err != nil {
		t.Errorf("bounds %d to %d, %v", first, last, err)
	}
	if diff := cmp.Diff([]eventlog.Message(log), mustRead(t, paged)); diff != "" {
		t.Error(diff)
	}
	if got, err := read(t, paged, 29, 31); !errors.Is(err, replay.ErrGap) || sequences(got) != " 29 30" {
		t.Errorf("behind the end: got%s and %v", sequences(got), err)
	}
}

// TestTheBeginningOfTimeIsATimeLikeAnyOther, and not the end of the log.
func TestTheBeginningOfTimeIsATimeLikeAnyOther(t *testing.T) {
	l := openLog(t, "")
	for n := range 3 {
		publish(t, l, view(n))
	}
	p, err := replay.ParsePoint("0001-01-01T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	var again replay.Point
	text, err := p.MarshalText()
	if err = errors.Join(err, again.UnmarshalText(text)); err != nil || again != p {
		t.Errorf("%s is read as %v: %v", text, again, err)
	}
	if seq, err := p.Find(testContext(t), replay.FromLog(l)); seq != 0 || err != nil {
		t.Errorf("it is message %d: %v", seq, err)
	}
	if seq, err := (replay.Point{}).Find(testContext(t), replay.FromLog(l)); seq != 3 || err != nil {
		t.Errorf("the end is message %d: %v", seq, err)
	}
}
