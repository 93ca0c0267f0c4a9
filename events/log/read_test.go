package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// follow reads in the background and sends each message's sequence.
func follow(t *testing.T, l *Log, from uint64) (seqs <-chan uint64, end <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, done := make(chan uint64, 1000), make(chan error, 1)
	go func() {
		done <- l.Read(ctx, from, func(m Message) error {
			out <- m.Seq
			return nil
		})
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		for range done {
		}
	})
	return out, done
}

func expect(t *testing.T, seqs <-chan uint64, want uint64) {
	t.Helper()
	select {
	case got := <-seqs:
		if got != want {
			t.Fatalf("message %d was delivered, want %d", got, want)
		}
	case <-testContext(t).Done():
		t.Fatalf("message %d was not delivered", want)
	}
}

func ends(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-testContext(t).Done():
		t.Fatal("the reader does not end")
		return nil
	}
}

func consumerNames(t *testing.T, js jetstream.JetStream) []string {
	t.Helper()
	stream, err := js.Stream(testContext(t), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range stream.ConsumerNames(testContext(t)).Name() {
		names = append(names, name)
	}
	return names
}

func TestReadDeliversFromAPositionAndFollowsTheEnd(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	for range 3 {
		commit(t, w, "x")
	}
	all, _ := follow(t, l, 0)
	some, _ := follow(t, l, 3)
	ahead, _ := follow(t, l, 4)
	for seq := uint64(1); seq <= 3; seq++ {
		expect(t, all, seq)
	}
	expect(t, some, 3)
	commit(t, w, "x")
	for _, seqs := range []<-chan uint64{all, some, ahead} {
		expect(t, seqs, 4)
	}
	if at, end := l.Contact(); end != 4 || time.Since(at) > patience {
		t.Errorf("contact at %s with %d", at, end)
	}
}

func TestReadReturnsTheCallersErrorAndTheContexts(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	commit(t, w, "x")
	mine := errors.New("mine")
	if err := l.Read(testContext(t), 1, func(Message) error { return mine }); err != mine {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	err := l.Read(ctx, 1, func(Message) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	waitFor(t, "the consumers to be deleted", func() bool { return len(consumerNames(t, outsider(t, l))) == 0 })
}

func TestReadSurvivesItsConsumer(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, js jetstream.JetStream, consumer string){
		"deleted": func(t *testing.T, js jetstream.JetStream, consumer string) {
			if err := js.DeleteConsumer(testContext(t), EventsStream, consumer); err != nil {
				t.Fatal(err)
			}
		},
		"silent": func(t *testing.T, js jetstream.JetStream, consumer string) {
			if _, err := js.PauseConsumer(testContext(t), EventsStream, consumer, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t, testConfig(t))
			w := l.NewWriter(WriterConfig{})
			runWriter(t, w)
			js := outsider(t, l)
			seqs, _ := follow(t, l, 1)
			for seq := uint64(1); seq <= 9; seq += 3 {
				commit(t, w, "x")
				expect(t, seqs, seq)
				for _, consumer := range consumerNames(t, js) {
					harm(t, js, consumer)
				}
				commit(t, w, "x")
				commit(t, w, "x")
				expect(t, seqs, seq+1)
				expect(t, seqs, seq+2)
			}
		})
	}
}

func TestReadSurvivesALostConnection(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	seqs, _ := follow(t, l, 1)
	for seq := uint64(1); seq <= 4; seq++ {
		commit(t, w, "x")
		expect(t, seqs, seq)
		if err := l.sub.ForceReconnect(); err != nil {
			t.Fatal(err)
		}
		if err := l.pub.ForceReconnect(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadStopsWhereTheLogWasTrimmed(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	runWriter(t, w)
	for range 5 {
		commit(t, w, "x")
	}
	trim(t, l, 2)
	err := l.Read(testContext(t), 2, func(m Message) error { return fmt.Errorf("message %d was delivered", m.Seq) })
	var gap *GapError
	if !errors.As(err, &gap) || gap.From != 2 || gap.Found != 4 || !errors.Is(err, ErrGap) {
		t.Fatalf("got %v", err)
	}
}

func TestReadStopsAtAGapInTheStream(t *testing.T) {
	for name, deleted := range map[string]uint64{"in the middle": 3, "at the end": 5} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.allowDelete = true
			l := openLog(t, cfg)
			w := l.NewWriter(WriterConfig{})
			runWriter(t, w)
			for range 5 {
				commit(t, w, "x")
			}
			stream, err := outsider(t, l).Stream(testContext(t), EventsStream)
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.DeleteMsg(testContext(t), deleted); err != nil {
				t.Fatal(err)
			}
			expectUnreadable(t, l, deleted)
		})
	}
}

func expectUnreadable(t *testing.T, l *Log, seq uint64) {
	t.Helper()
	seqs, done := follow(t, l, 1)
	for before := uint64(1); before < seq; before++ {
		expect(t, seqs, before)
	}
	err := ends(t, done)
	var unreadable *UnreadableError
	if !errors.As(err, &unreadable) || unreadable.Seq != seq || !errors.Is(err, ErrMessageUnreadable) {
		t.Errorf("read: %v", err)
	}
	if _, err := l.Message(testContext(t), seq); !errors.Is(err, ErrMessageUnreadable) {
		t.Errorf("message %d: %v", seq, err)
	}
}

func TestReadStopsAtAFlippedByte(t *testing.T) {
	cfg := testConfig(t)
	l := openLog(t, cfg)
	w := l.NewWriter(WriterConfig{})
	stop := runWriter(t, w)
	for i := range 5 {
		commit(t, w, fmt.Sprintf("body number %d", i+1))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	flip(t, cfg.Dir, []byte("body number 3"))
	expectUnreadable(t, openLog(t, cfg), 3)
}

// flip changes one bit at the place of the text in the stream's block files.
func flip(t *testing.T, dir string, text []byte) {
	t.Helper()
	flipped := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".blk" {
			return err
		}
		data, err := os.ReadFile(path)
		if at := bytes.Index(data, text); err == nil && at >= 0 {
			data[at] ^= 1
			flipped++
			return os.WriteFile(path, data, 0o600)
		}
		return err
	})
	if err != nil || flipped != 1 {
		t.Fatalf("%d bits flipped, %v", flipped, err)
	}
}

// TestForeignLogEndsAReaderWhoseConsumerIsSilent finds the log foreign while
// the reader's consumer is well, and has nothing to deliver.
func TestForeignLogEndsAReaderWhoseConsumerIsSilent(t *testing.T) {
	l := openLog(t, testConfig(t))
	w := l.NewWriter(WriterConfig{})
	go func() { _ = w.Run(testContext(t)) }() // ends with the log
	seqs, done := follow(t, l, 1)
	commit(t, w, "x")
	expect(t, seqs, 1)
	l.declareForeign(fmt.Errorf("%w: found by the probe", ErrForeignLog))
	if err := ends(t, done); !errors.Is(err, ErrForeignLog) {
		t.Errorf("read: %v", err)
	}
}

func TestForeignLogEndsReadersAndWriters(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, l *Log, js jetstream.JetStream){
		"deleted": func(t *testing.T, _ *Log, js jetstream.JetStream) {
			if err := js.DeleteStream(testContext(t), EventsStream); err != nil {
				t.Fatal(err)
			}
		},
		"made anew": func(t *testing.T, l *Log, js jetstream.JetStream) {
			if err := js.DeleteStream(testContext(t), EventsStream); err != nil {
				t.Fatal(err)
			}
			if _, err := openStreams(testContext(t), js, l.cfg); err != nil {
				t.Fatal(err)
			}
		},
		"shortened under the same name": func(t *testing.T, l *Log, js jetstream.JetStream) {
			if err := js.DeleteStream(testContext(t), EventsStream); err != nil {
				t.Fatal(err)
			}
			same := streamConfig(l.cfg, EventsStream, eventsSubjects)
			same.Metadata = map[string]string{IncarnationKey: l.incarnation.String()}
			if _, err := js.CreateStream(testContext(t), same); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t, testConfig(t))
			w := l.NewWriter(WriterConfig{})
			ran := make(chan error, 1)
			go func() { ran <- w.Run(testContext(t)) }()
			seqs, done := follow(t, l, 1)
			for seq := uint64(1); seq <= 3; seq++ {
				commit(t, w, "x")
				expect(t, seqs, seq)
			}
			harm(t, l, outsider(t, l))
			if err := ends(t, done); !errors.Is(err, ErrForeignLog) {
				t.Errorf("read: %v", err)
			}
			if err := ends(t, ran); !errors.Is(err, ErrForeignLog) {
				t.Errorf("write: %v", err)
			}
			if _, err := w.Commit(testContext(t), entry("x", 1)); !errors.Is(err, ErrUnavailable) {
				t.Errorf("commit: %v", err)
			}
		})
	}
}

func TestReadRefusesACursorBehindTheEnd(t *testing.T) {
	l := openLog(t, testConfig(t))
	err := l.Read(testContext(t), 7, func(Message) error { return nil })
	if !errors.Is(err, ErrForeignLog) {
		t.Fatalf("got %v", err)
	}
}
