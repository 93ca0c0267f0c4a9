package log

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/internal/sleep"
)

// gate lets a test hold publishes: each waits for a token.
type gate struct {
	entered chan *batch
	pass    chan struct{}
}

func gated(w *Writer) *gate {
	g := &gate{entered: make(chan *batch, 100), pass: make(chan struct{}, 100)}
	publish := w.publish
	w.publish = func(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
		g.entered <- b
		select {
		case <-g.pass:
			return publish(ctx, b)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return g
}

type committed struct {
	receipt Receipt
	err     error
}

// goCommit commits in the background and returns when the entry is queued.
func goCommit(t *testing.T, ctx context.Context, w *Writer, e events.Entry) <-chan committed {
	t.Helper()
	before := w.Stats().QueueEntries
	done := make(chan committed, 1)
	go func() {
		r, err := w.Commit(ctx, e)
		done <- committed{r, err}
	}()
	waitFor(t, "an entry in the queue", func() bool { return w.Stats().QueueEntries > before })
	return done
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx := testContext(t)
	for !ok() {
		if !sleep.For(ctx, time.Millisecond) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestEntriesOfOneBatchGetTheirPositions(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	var waits []<-chan committed
	for i, count := range []int{0, 1, 0, 3, 2} {
		waits = append(waits, goCommit(t, testContext(t), w, entry(string(rune('a'+i)), count)))
	}
	runWriter(t, w)
	for i, index := range []uint16{0, 0, 0, 3, 5} {
		got := <-waits[i]
		if got.err != nil || got.receipt.Position != (events.Position{Seq: 1, Index: index}) {
			t.Errorf("entry %d: %s, %v; want index %d", i, got.receipt.Position, got.err, index)
		}
	}
	m := readUpTo(t, l, 1, 1)[0]
	h, entries, err := events.ReadBatchHeader(m.Data)
	if err != nil || string(entries) != "abcde" || h.Events != 6 || h.Entries != 5 || h.Incarnation != l.Incarnation() || h.ID.String() != m.BatchID {
		t.Fatalf("record batch %+v %q %v, message ID %s", h, entries, err, m.BatchID)
	}
}

func TestReceiptCarriesTheTagOfItsBatch(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	r := commit(t, w, "x")
	h, _, err := events.ReadBatchHeader(readUpTo(t, l, 1, 1)[0].Data)
	if err != nil || r.Tag != h.ID.Tag() {
		t.Fatalf("tag %08x, batch %s, %v", r.Tag, h.ID, err)
	}
}

func TestConcurrentCommitsShareBatchesAndStandOnce(t *testing.T) {
	l := openLog(t, testConfig(t))
	batches := 0
	w := l.NewWriter(WriterConfig{OnBatch: func(StoredBatch) { batches++ }})
	stop := runWriter(t, w)
	const callers, each = 64, 20
	positions := make([][]events.Position, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				positions[c] = append(positions[c], commit(t, w, fmt.Sprintf("<%d.%d>", c, i)).Position)
			}
		})
	}
	wg.Wait()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	end := last(t, l)
	if end >= callers*each/2 || uint64(batches) != end {
		t.Errorf("%d entries made %d messages, OnBatch was called %d times", callers*each, end, batches)
	}
	found := map[string]events.Position{}
	for _, m := range readUpTo(t, l, 1, end) {
		for i, text := range strings.SplitAfter(body(t, m), ">") {
			if text == "" {
				continue
			}
			if _, twice := found[text]; twice {
				t.Errorf("%s is in the log twice", text)
			}
			found[text] = events.Position{Seq: m.Seq, Index: uint16(i)}
		}
	}
	for c := range callers {
		for i, p := range positions[c] {
			if at := found[fmt.Sprintf("<%d.%d>", c, i)]; at != p {
				t.Errorf("%d.%d lies at %s, its receipt says %s", c, i, at, p)
			}
			if i > 0 && p.Compare(positions[c][i-1]) <= 0 {
				t.Errorf("caller %d: %s after %s", c, p, positions[c][i-1])
			}
		}
	}
}

func TestEntriesAreNeverSplit(t *testing.T) {
	tests := []struct {
		name    string
		entries []events.Entry
		bodies  []int // sizes of the bodies of the record batches
	}{
		{"by events", []events.Entry{entry("a", 980), entry("bb", 40), entry("c", 960)}, []int{1, 3}},
		{"by bytes", []events.Entry{entry(strings.Repeat("a", 400<<10), 1), entry(strings.Repeat("b", 200<<10), 1)}, []int{400 << 10, 200 << 10}},
		{"no skipping", []events.Entry{entry("a", 600), entry("bb", 600), entry("ccc", 40)}, []int{1, 5}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := openLog(t, testConfig(t))
			w := l.NewWriter(WriterConfig{})
			var waits []<-chan committed
			for _, e := range test.entries {
				waits = append(waits, goCommit(t, testContext(t), w, e))
			}
			runWriter(t, w)
			for _, wait := range waits {
				if got := <-wait; got.err != nil {
					t.Fatal(got.err)
				}
			}
			for i, m := range readUpTo(t, l, 1, uint64(len(test.bodies))) {
				if got := len(body(t, m)); got != test.bodies[i] {
					t.Errorf("batch %d has %d bytes of entries, want %d", i+1, got, test.bodies[i])
				}
			}
			if last(t, l) != uint64(len(test.bodies)) {
				t.Errorf("%d messages", last(t, l))
			}
		})
	}
}

func TestEntryAtTheLimitIsTakenAndOneOverIsRefused(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	most := events.MaxBatchBytes - events.BatchSize(0)
	for _, test := range []struct {
		entry events.Entry
		err   error
	}{
		{events.Entry{Bytes: make([]byte, most), Events: 1000}, nil},
		{events.Entry{Bytes: make([]byte, most+1), Events: 1}, ErrTooLarge},
		{events.Entry{Bytes: make([]byte, 1), Events: 1001}, ErrTooLarge},
	} {
		_, err := w.Commit(testContext(t), test.entry)
		if !errors.Is(err, test.err) || (err != nil && !errors.Is(err, ErrRejected)) {
			t.Errorf("%d events in %d bytes: %v", test.entry.Events, len(test.entry.Bytes), err)
		}
	}
	if last(t, l) != 1 {
		t.Errorf("%d messages", last(t, l))
	}
}

func TestFullQueueRejectsAtOnce(t *testing.T) {
	l := openLog(t, testConfig(t))
	for name, cfg := range map[string]WriterConfig{
		"entries": {QueueEntries: 2},
		"bytes":   {QueueBytes: 7},
	} {
		t.Run(name, func(t *testing.T) {
			w := l.NewWriter(cfg)
			a, b := goCommit(t, testContext(t), w, entry("aaa", 1)), goCommit(t, testContext(t), w, entry("bbb", 1))
			if _, err := w.Commit(testContext(t), entry("ccc", 1)); !errors.Is(err, ErrBusy) || !errors.Is(err, ErrRejected) {
				t.Fatalf("third: %v", err)
			}
			runWriter(t, w)
			if a, b := <-a, <-b; a.err != nil || b.err != nil {
				t.Fatal(a.err, b.err)
			}
			commit(t, w, "ddd")
		})
	}
}

func TestContextDecidesBetweenWithdrawnAndUnknown(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	g := gated(w)
	flying, cancelFlying := context.WithCancel(testContext(t))
	a := goCommit(t, flying, w, entry("flying", 1))
	stop := runWriter(t, w)
	<-g.entered
	queued, cancelQueued := context.WithCancel(testContext(t))
	b := goCommit(t, queued, w, entry("queued", 1))
	c := goCommit(t, testContext(t), w, entry("behind", 1))

	cancelQueued()
	if got := <-b; !errors.Is(got.err, ErrRejected) || !errors.Is(got.err, context.Canceled) || errors.Is(got.err, ErrOutcomeUnknown) {
		t.Errorf("queued: %v", got.err)
	}
	cancelFlying()
	if got := <-a; !errors.Is(got.err, ErrOutcomeUnknown) || !errors.Is(got.err, context.Canceled) || errors.Is(got.err, ErrRejected) {
		t.Errorf("in flight: %v", got.err)
	}
	if _, err := w.Commit(flying, entry("late", 1)); !errors.Is(err, ErrRejected) || !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	g.pass <- struct{}{}
	g.pass <- struct{}{}
	if got := <-c; got.err != nil || got.receipt.Position.Seq != 2 {
		t.Errorf("behind: %+v", got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	got := readUpTo(t, l, 1, last(t, l))
	if len(got) != 2 || body(t, got[0]) != "flying" || body(t, got[1]) != "behind" {
		t.Errorf("%d messages", len(got))
	}
}

func TestLimitDecidesBetweenWithdrawnAndUnknown(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	g := gated(w)
	stop := runWriter(t, w)
	flying := flies(t, w, g)
	_, err := w.CommitWithin(testContext(t), time.Millisecond, entry("queued", 1))
	if !errors.Is(err, ErrRejected) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("queued: %v", err)
	}
	if err := <-flying; !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrRejected) {
		t.Errorf("in flight: %v", err)
	}
	g.pass <- struct{}{}
	// Waiters are used again: a limit that was over must not be over for the next.
	for n := range 20 {
		g.pass <- struct{}{}
		if _, err := w.CommitWithin(testContext(t), time.Minute, entry("later", 1)); err != nil {
			t.Fatalf("commit %d after: %v", n, err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// flies commits with a limit that is over when the entry is in flight, and not before.
func flies(t *testing.T, w *Writer, g *gate) <-chan error {
	t.Helper()
	for limit := 100 * time.Millisecond; ; limit *= 2 {
		flying := make(chan error, 1)
		go func() {
			_, err := w.CommitWithin(testContext(t), limit, entry("flying", 1))
			flying <- err
		}()
		select {
		case <-g.entered:
			return flying
		case err := <-flying:
			if errors.Is(err, ErrRejected) {
				continue // it was over before
			}
			<-g.entered
			flying <- err
			return flying
		}
	}
}

func TestClosingFlushesWhatIsQueuedAndRefusesMore(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	g := gated(w)
	a := goCommit(t, testContext(t), w, entry("a", 1))
	stop := runWriter(t, w)
	<-g.entered
	b := goCommit(t, testContext(t), w, entry("b", 1))
	stopped := make(chan error)
	go func() { stopped <- stop() }()
	waitFor(t, "the writer to close", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.refusal != nil
	})
	if _, err := w.Commit(testContext(t), entry("c", 1)); !errors.Is(err, ErrClosing) || !errors.Is(err, ErrRejected) {
		t.Errorf("while closing: %v", err)
	}
	g.pass <- struct{}{}
	g.pass <- struct{}{}
	if a, b := <-a, <-b; a.err != nil || b.err != nil {
		t.Error(a.err, b.err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if last(t, l) != 2 {
		t.Errorf("%d messages", last(t, l))
	}
}

func TestDrainLimitEndsAFlushThatDoesNotEnd(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{DrainLimit: 20 * time.Millisecond, AckWait: time.Minute})
	g := gated(w)
	a := goCommit(t, testContext(t), w, entry("a", 1))
	stop := runWriter(t, w)
	<-g.entered
	b := goCommit(t, testContext(t), w, entry("b", 1))
	if err := stop(); !errors.Is(err, errDrained) {
		t.Errorf("run: %v", err)
	}
	if a := <-a; !errors.Is(a.err, ErrOutcomeUnknown) {
		t.Errorf("in flight: %v", a.err)
	}
	if b := <-b; !errors.Is(b.err, ErrClosing) {
		t.Errorf("queued: %v", b.err)
	}
}
