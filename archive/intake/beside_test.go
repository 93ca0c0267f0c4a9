package intake

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/archive/archivetest"
)

// TestAnImportBesideACapturePutsNoOlderStartValueOverANewerOne: one that read before a
// change, and would send after the capture has, is refused while the capture runs; and the
// capture waits for one that is under way. Whatever their order, the newest value stays.
func TestAnImportBesideACapturePutsNoOlderStartValueOverANewerOne(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	following := w.capture(w.counts)
	following.UntilCaughtUp = false
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- following.Run(ctx) }()
	follows(ctx, t, following)
	im := func(s Sink) *Import { return &Import{Mapping: w.mapping, Sink: s, Concurrency: 1, Now: time.Now} }
	if _, _, err := im(w.counts).RunOn(t.Context(), w.url); !errors.Is(err, ErrSetUp) || !strings.Contains(err.Error(), "Stop that, import, and start it again") {
		t.Errorf("beside a capture: %v", err)
	}
	if _, _, err := im(DrySink{Now: time.Now}).RunOn(t.Context(), w.url); err != nil {
		t.Errorf("a dry run beside a capture: %v", err)
	}
	other := w.capture(w.counts)
	other.ImportOnly, other.Slot, other.StateFile = true, w.slot+"_other", w.state+".other"
	if err := other.Run(t.Context()); !errors.Is(err, ErrSetUp) || !strings.Contains(err.Error(), "Stop that, import, and start it again") {
		t.Errorf("with another slot beside a capture: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	// One that is under way, and sends after everything that a capture could have sent.
	w.exec(`UPDATE app.video_stats SET views = 500`)
	held := &heldSink{Sink: w.counts, reached: make(chan struct{}), release: make(chan struct{})}
	imported := make(chan error, 1)
	go func() { _, _, err := im(held).RunOn(t.Context(), w.url); imported <- err }()
	<-held.reached
	w.exec(`UPDATE app.video_stats SET views = 900`)
	captured := make(chan error, 1)
	after := w.capture(w.counts)
	waits := make(said, 1)
	after.Logger = slog.New(slog.NewTextHandler(waits, nil))
	go func() { captured <- after.Run(t.Context()) }()
	select {
	case text := <-waits:
		if !strings.Contains(text, errImporting.Error()) {
			t.Errorf("the capture says %s", text)
		}
	case err := <-captured:
		t.Errorf("the capture did not wait: %v", err)
		captured <- err
	}
	close(held.release)
	if err := errors.Join(<-imported, <-captured); err != nil {
		t.Fatal(err)
	}
	w.equal()
}

// TestTheFirstImportOfACaptureWaitsForAnotherCapture of the same source, as an import by
// itself would; then both follow.
func TestTheFirstImportOfACaptureWaitsForAnotherCapture(t *testing.T) {
	w := newWorld(t)
	w.seed()
	w.captures()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	follow := func(slot, state string, logger *slog.Logger) (c *Capture, stop func() error) {
		c = w.capture(w.counts)
		c.Slot, c.StateFile, c.UntilCaughtUp = slot, state, false
		if logger != nil {
			c.Logger = logger
		}
		ctx, stopped := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		return c, func() error { stopped(); return <-ended }
	}
	first, stopFirst := follow(w.slot, w.state, nil)
	follows(ctx, t, first)
	other := w.slot + "_other"
	defer func() {
		if err := Drop(context.Background(), w.url, other); err != nil {
			t.Error(err)
		}
	}()
	waits := make(said, 1)
	second, stopSecond := follow(other, w.state+".other", slog.New(slog.NewTextHandler(waits, nil)))
	select {
	case text := <-waits:
		if !strings.Contains(text, "followed by another tidemark ingest postgres") {
			t.Errorf("it says %s", text)
		}
	case <-ctx.Done():
		t.Fatal("it does not wait")
	}
	if second.Stats().Following.Load() {
		t.Error("it follows beside the first")
	}
	w.exec(`UPDATE app.video_stats SET views = 700`)
	if err := stopFirst(); err != nil {
		t.Fatal(err)
	}
	follows(ctx, t, second)
	w.exec(`UPDATE app.video_stats SET views = 800`)
	w.captures() // the first again, beside it
	if err := stopSecond(); err != nil {
		t.Fatal(err)
	}
	w.equal()
}

// TestACaptureThatLostItsConnectionBlamesNoOther while Postgres has yet to notice.
func TestACaptureThatLostItsConnectionBlamesNoOther(t *testing.T) {
	w := newWorld(t)
	c := w.capture(w.counts)
	if err := c.claim(t.Context(), w.connect()); err != nil {
		t.Fatal(err)
	}
	if err := c.claim(t.Context(), w.connect()); !errors.Is(err, errImporting) {
		t.Errorf("beside its own connection: %v", err)
	}
	if err := w.capture(w.counts).claim(t.Context(), w.connect()); err == nil || errors.Is(err, errImporting) {
		t.Errorf("beside another: %v", err)
	}
}

// TestTheLockOfAnImportLastsUntilAllIsSent and no longer, also where a pooler keeps the
// connection.
func TestTheLockOfAnImportLastsUntilAllIsSent(t *testing.T) {
	w := newWorld(t)
	w.seed()
	other := w.connect()
	sent := 0
	looks := sinkFunc(func(ctx context.Context, batch [][]byte) (Outcome, error) {
		if err := besideCaptures(ctx, other, w.mapping); !errors.Is(err, errImporting) {
			t.Errorf("a capture beside batch %d: %v", sent, err)
		}
		sent++
		return w.counts.Send(ctx, batch)
	})
	im := Import{Mapping: w.mapping, Sink: looks, Concurrency: 1, Now: time.Now, alone: true}
	if _, _, err := im.Run(t.Context(), w.connect()); err != nil || sent == 0 {
		t.Fatalf("%d batches, %v", sent, err)
	}
	if err := besideCaptures(t.Context(), other, w.mapping); err != nil {
		t.Errorf("a capture after the import: %v", err)
	}
}

type sinkFunc func(context.Context, [][]byte) (Outcome, error)

func (f sinkFunc) Send(ctx context.Context, batch [][]byte) (Outcome, error) { return f(ctx, batch) }

// TestNothingIsImportedFromAStandby which cannot tell who captures.
func TestNothingIsImportedFromAStandby(t *testing.T) {
	s := archivetest.Start(t)
	w := newWorldOn(t, archivetest.Database(t, s))
	w.seed()
	s.Stop(archivetest.Fast)
	s.StandBy()
	im := func(s Sink) *Import { return &Import{Mapping: w.mapping, Sink: s, Concurrency: 1, Now: time.Now} }
	if _, _, err := im(w.counts).RunOn(t.Context(), w.url); !errors.Is(err, ErrSetUp) || !strings.Contains(err.Error(), "Import from the primary") {
		t.Errorf("from a standby: %v", err)
	}
	if _, _, err := im(DrySink{Now: time.Now}).RunOn(t.Context(), w.url); err != nil {
		t.Errorf("a dry run from a standby: %v", err)
	}
	if _, err := w.connect().Exec(t.Context(), "SELECT pg_promote()"); err != nil {
		t.Fatal(err)
	}
}

// said passes on what is logged first.
type said chan string

func (s said) Write(b []byte) (int, error) {
	select {
	case s <- string(b):
	default:
	}
	return len(b), nil
}

// heldSink waits with its first batch until it is let go.
type heldSink struct {
	Sink
	reached, release chan struct{}
	sent             bool
}

func (h *heldSink) Send(ctx context.Context, batch [][]byte) (Outcome, error) {
	if !h.sent {
		h.sent = true
		close(h.reached)
		<-h.release
	}
	return h.Sink.Send(ctx, batch)
}

// follows waits until the capture follows its source.
func follows(ctx context.Context, t *testing.T, c *Capture) {
	t.Helper()
	for !c.Stats().Following.Load() {
		if ctx.Err() != nil {
			t.Fatal("the capture does not follow")
		}
		time.Sleep(time.Millisecond)
	}
}
