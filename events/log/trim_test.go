package log

import (
	"errors"
	"testing"
)

// TestTrimForgetsUpToAMessage, and the log goes on behind it after a restart.
func TestTrimForgetsUpToAMessage(t *testing.T) {
	cfg := testConfig(t)
	l := openLog(t, cfg)
	w := l.NewWriter(WriterConfig{})
	stop := runWriter(t, w)
	for range 10 {
		commit(t, w, "x")
	}
	end := last(t, l)
	for _, c := range []struct{ upTo, first uint64 }{{0, 1}, {4, 5}, {3, 5}, {4, 5}, {99, end}} {
		if err := l.Trim(testContext(t), c.upTo); err != nil {
			t.Fatal(err)
		}
		if first, last, err := l.Bounds(testContext(t)); first != c.first || last != end || err != nil {
			t.Fatalf("trimmed up to %d: %d to %d, %v; want from %d", c.upTo, first, last, err, c.first)
		}
	}
	if err := l.Read(testContext(t), end-1, func(Message) error { return nil }); !errors.Is(err, ErrGap) {
		t.Errorf("a reader before it: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = openLog(t, cfg)
	if first, last, err := l.Bounds(testContext(t)); first != end || last != end || err != nil {
		t.Errorf("after a restart: %d to %d, %v", first, last, err)
	}
}
