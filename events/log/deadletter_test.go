package log

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
)

func deadLetterCount(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	stream, err := js.Stream(testContext(t), DeadLettersStream)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

func TestDeadLettersAreStoredOnce(t *testing.T) {
	positions := []events.Position{{Seq: 1, Index: 0}, {Seq: 1, Index: 7}, {Seq: 2, Index: 3}, {Seq: 5, Index: 999}}
	cfg := testConfig(t)
	cfg.duplicates = 100e6 // shorter than the repetitions below are apart
	l := openLog(t, cfg)
	send := func(l *Log) {
		for _, p := range positions {
			if err := l.DeadLetter(testContext(t), DeadLetter{Position: p, Reason: "no\r\nX-Injected: é" + strings.Repeat("é", 2000), Data: []byte(p.String())}); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(l)
	outlast(t, l, cfg.duplicates)
	send(l)
	if n := deadLetterCount(t, outsider(t, l)); n != 4 {
		t.Errorf("%d dead letters after a repetition", n)
	}
	l.Close()
	l = openLog(t, cfg)
	outlast(t, l, cfg.duplicates)
	positions = append(positions, events.Position{Seq: 6})
	send(l)
	if n := deadLetterCount(t, outsider(t, l)); n != 5 {
		t.Errorf("%d dead letters after a restart and a new one", n)
	}
	m, err := l.get(testContext(t), DeadLettersStream, 4)
	if err != nil || string(m.Data) != "5.999" || m.header.Get(DeadPositionHeader) != "5.999" ||
		m.BatchID != l.incarnation.String()+".5.999" || m.header.Get("X-Injected") != "" {
		t.Errorf("dead letter: %+v, %v", m.header, err)
	}
}

func TestDeadLettersOfTwoNodesAreStoredOnce(t *testing.T) {
	cfg := testConfig(t)
	cfg.Listen = "127.0.0.1:0"
	srv, addr := outsideServer(t, cfg)
	a, b := openLog(t, Config{URL: addr}), openLog(t, Config{URL: addr})
	for seq := uint64(1); seq <= 5; seq++ {
		for _, l := range []*Log{a, b, a} {
			if err := l.DeadLetter(testContext(t), DeadLetter{Position: events.Position{Seq: seq}, Reason: "x"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := deadLetterCount(t, outsider(t, &Log{server: srv})); n != 5 {
		t.Errorf("%d dead letters", n)
	}
}

func TestOversizedDeadLetterIsCut(t *testing.T) {
	l := openLog(t, testConfig(t))
	err := l.DeadLetter(testContext(t), DeadLetter{Position: events.Position{Seq: 1}, Reason: "large", Subject: BatchSubject, Data: make([]byte, 1<<20)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.get(testContext(t), DeadLettersStream, 1)
	if err != nil || len(m.Data) != maxDeadData || m.header.Get(DeadSizeHeader) != "1048576" {
		t.Errorf("%d bytes, %v, %v", len(m.Data), m.header, err)
	}
}

func TestLargestForeignMessageIsRead(t *testing.T) {
	l := openLog(t, testConfig(t))
	if _, err := outsider(t, l).Publish(testContext(t), BatchSubject, make([]byte, maxMessageBytes)); err != nil {
		t.Fatal(err)
	}
	ctx := testContext(t)
	m, err := l.Message(ctx, 1)
	for errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		m, err = l.Message(ctx, 1) // a machine that is busy takes longer than an answer may
	}
	if err != nil || len(m.Data) != maxMessageBytes {
		t.Errorf("%d bytes, %v", len(m.Data), err)
	}
	if got := readUpTo(t, l, 1, 1); len(got[0].Data) != maxMessageBytes {
		t.Errorf("%d bytes", len(got[0].Data))
	}
}
