package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func TestForeignWritersOnlyMoveTheExpectation(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	js := outsider(t, l)
	commit(t, w, "a")
	for range 5 {
		if _, err := js.Publish(testContext(t), "tidemark.events.0.batch", []byte("foreign")); err != nil {
			t.Fatal(err)
		}
	}
	if r := commit(t, w, "b"); r.Position.Seq != 7 {
		t.Fatalf("position %s", r.Position)
	}
	if n := count(t, l, "b"); n != 1 {
		t.Fatalf("%d times in the log", n)
	}
}

// count counts the record batches with that body.
func count(t testing.TB, l *Log, text string) int {
	t.Helper()
	n := 0
	for _, m := range readUpTo(t, l, 1, last(t, l)) {
		if bytes.HasSuffix(m.Data, []byte(text)) {
			n++
		}
	}
	return n
}

func TestBatchIsStoredOnceWhateverHappensToItsAck(t *testing.T) {
	js := func(t *testing.T, l *Log, n int) {
		out := outsider(t, l)
		for range n {
			if _, err := out.Publish(testContext(t), BatchSubject, []byte("foreign")); err != nil {
				t.Error(err)
			}
		}
	}
	type publish = func(context.Context, *batch) (*jetstream.PubAck, error)
	tests := []struct {
		name  string
		fault func(t *testing.T, l *Log, publish publish) publish
	}{
		{"ack lost", func(_ *testing.T, _ *Log, publish publish) publish {
			return func(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
				_, err := publish(ctx, b)
				return nil, errors.Join(context.DeadlineExceeded, err)
			}
		}},
		{"ack lost and others follow", func(t *testing.T, l *Log, publish publish) publish {
			return func(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
				_, err := publish(ctx, b)
				js(t, l, 3)
				return nil, errors.Join(context.DeadlineExceeded, err)
			}
		}},
		{"publish lost", func(_ *testing.T, _ *Log, publish publish) publish {
			return func(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
				if b.attempts == 1 {
					return nil, context.DeadlineExceeded
				}
				return publish(ctx, b)
			}
		}},
		{"publish lost and others come first", func(t *testing.T, l *Log, publish publish) publish {
			return func(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
				if b.attempts == 1 {
					js(t, l, 3)
					return nil, context.DeadlineExceeded
				}
				return publish(ctx, b)
			}
		}},
		{"first attempt arrives after the second", func(_ *testing.T, _ *Log, publish publish) publish {
			return func(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
				if b.attempts == 1 {
					return nil, context.DeadlineExceeded
				}
				late := *b
				ack, err := publish(ctx, b)
				_, _ = publish(ctx, &late)
				return ack, err
			}
		}},
		{"first attempt arrives before the second", func(t *testing.T, _ *Log, publish publish) publish {
			return func(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
				if b.attempts == 1 {
					return nil, context.DeadlineExceeded
				}
				if _, err := publish(ctx, b); err != nil && b.attempts == 2 {
					t.Error(err)
				}
				return publish(ctx, b)
			}
		}},
		{"duplicate is acknowledged", func(_ *testing.T, _ *Log, publish publish) publish {
			return func(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
				ack, err := publish(ctx, b)
				if ack != nil {
					ack.Duplicate = true
				}
				return ack, err
			}
		}},
	}
	for _, window := range []time.Duration{duplicatesWindow, 100 * time.Millisecond} {
		for _, test := range tests {
			t.Run(fmt.Sprintf("%s, window %s", test.name, window), func(t *testing.T) {
				t.Parallel()
				cfg := testConfig(t)
				cfg.duplicates = window
				l := openLog(t, cfg)
				w := l.NewWriter(WriterConfig{})
				faulty := test.fault(t, l, w.publish)
				w.publish = func(ctx context.Context, b *batch) (*jetstream.PubAck, error) {
					if b.attempts > 1 && window != duplicatesWindow {
						outlast(t, l, window)
					}
					return faulty(ctx, b)
				}
				runWriter(t, w)
				for i := range 3 {
					text := fmt.Sprintf("batch %d", i)
					r := commit(t, w, text)
					m, err := l.Message(testContext(t), r.Position.Seq)
					if err != nil || body(t, m) != text {
						t.Errorf("%s is not at %s: %v", text, r.Position, err)
					}
				}
				for i := range 3 {
					if n := count(t, l, fmt.Sprintf("batch %d", i)); n != 1 {
						t.Errorf("batch %d is %d times in the log", i, n)
					}
				}
			})
		}
	}
}

// outlast returns when the server has forgotten a message ID that was used
// before: when the same one is stored again in a stream with that window.
func outlast(t testing.TB, l *Log, window time.Duration) {
	t.Helper()
	js := outsider(t, l)
	cfg := jetstream.StreamConfig{Name: "window", Subjects: []string{"window"}, Storage: jetstream.MemoryStorage, Duplicates: window}
	if _, err := js.CreateOrUpdateStream(testContext(t), cfg); err != nil {
		t.Error(err)
		return
	}
	stored := uint64(0)
	waitFor(t, "the window to pass", func() bool {
		ack, err := js.Publish(testContext(t), "window", nil, jetstream.WithMsgID("x"))
		if err != nil {
			t.Error(err)
			return true
		}
		if stored == 0 {
			stored = ack.Sequence
		}
		return ack.Sequence > stored
	})
}

// A lost ack, and one lost answer to what became of the batch, are no stall yet.
func TestOneLostAnswerIsNoStall(t *testing.T) {
	if waits := defaultAckWait + messageLimit; waits >= defaultStallLimit {
		t.Errorf("a writer waits %v for them, and the log counts as stalled after %v", waits, defaultStallLimit)
	}
}

func TestWedgedEmbeddedLogEndsRun(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{StallLimit: 100 * time.Millisecond, AckWait: 20 * time.Millisecond})
	w.publish = func(ctx context.Context, _ *batch) (*jetstream.PubAck, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	a := goCommit(t, testContext(t), w, entry("a", 1))
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	if err := w.Run(ctx); !errors.Is(err, ErrStalled) {
		t.Fatalf("run: %v", err)
	}
	if got := <-a; !errors.Is(got.err, ErrOutcomeUnknown) {
		t.Errorf("in flight: %v", got.err)
	}
	if !w.Stalled() {
		t.Error("not stalled")
	}
	if _, err := w.Commit(testContext(t), entry("b", 1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestFullStorageRejectsAndRecovers(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxStoreBytes = 1 << 20
	l := openLog(t, cfg)
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	large := entry(strings.Repeat("x", 300<<10), 1)
	var err error
	for err == nil {
		_, err = w.Commit(testContext(t), large)
	}
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrRejected) {
		t.Fatalf("full: %v", err)
	}
	trim(t, l, 1)
	waitFor(t, "a commit to succeed", func() bool {
		_, err := w.Commit(testContext(t), entry("small", 1))
		return err == nil
	})
}
