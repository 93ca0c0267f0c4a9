package log

import (
	"testing"
	"time"
)

// TestSlowReaderLosesNothing blocks a reader until the server has said several
// times that it lives, with all between that may be on the way: a buffer for no more
// than the messages overflows then, and the next message would be lost to it.
func TestSlowReaderLosesNothing(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	for range readMessages - 1 {
		commit(t, w, "x")
	}
	js := outsider(t, l)
	proceed := make(chan struct{})
	seqs, done := make(chan uint64, 1000), make(chan error, 1)
	go func() {
		done <- l.Read(testContext(t), 1, func(m Message) error {
			seqs <- m.Seq
			<-proceed
			return nil
		})
	}()
	expect(t, seqs, 1)
	before := consumerNames(t, js)
	received := func() uint64 { return l.sub.Stats().InMsgs }
	waitFor(t, "all messages to be sent", func() bool { return pending(t, l) == 0 })
	sent := received()
	waitFor(t, "heartbeats", func() bool { return received() >= sent+3 })
	for range readMessages {
		commit(t, w, "x")
	}
	close(proceed)
	for seq := uint64(2); seq < 2*readMessages; seq++ {
		expect(t, seqs, seq)
	}
	if after := consumerNames(t, js); len(before) != 1 || len(after) != 1 || after[0] != before[0] {
		t.Errorf("consumers were %q, and are %q", before, after)
	}
}

// pending is how many messages the only consumer of the log has yet to send.
func pending(t *testing.T, l *Log) uint64 {
	t.Helper()
	js := outsider(t, l)
	names := consumerNames(t, js)
	if len(names) != 1 {
		t.Fatalf("consumers: %q", names)
	}
	consumer, err := js.Consumer(testContext(t), EventsStream, names[0])
	if err != nil {
		t.Fatal(err)
	}
	return consumer.CachedInfo().NumPending
}

func TestPullAsksForWhatIsTakenInAMoment(t *testing.T) {
	for _, c := range []struct {
		taken int
		in    time.Duration
		want  int
	}{
		{taken: 32, in: readSpan, want: mostPull},
		{taken: 1000, in: time.Microsecond, want: mostPull},
		{taken: 10, in: readSpan, want: 10},
		{taken: 10, in: 2 * readSpan, want: 5},
		{taken: 2, in: time.Hour, want: leastPull},
		{taken: 0, in: 0, want: leastPull},
	} {
		p := pull{taken: c.taken}
		if got := p.paced(c.in); got != c.want {
			t.Errorf("%d messages in %s: it asks for %d, want %d", c.taken, c.in, got, c.want)
		}
	}
}
