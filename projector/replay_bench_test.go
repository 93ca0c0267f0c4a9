package projector

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// BenchmarkReplay folds whole logs from the disk: an embedded log is written
// once, read raw (messages are taken and let go), and folded into a new read
// model up to its digest. "of-raw" is the part of the raw rate that is left.
//
//	go test ./projector -run '^$' -bench Replay -benchtime 3x
//
// With -short the logs are a tenth.
func BenchmarkReplay(b *testing.B) {
	b.Run("views", func(b *testing.B) { replay(b, writeViews, time.Hour) })
	b.Run("trace", func(b *testing.B) { replay(b, writeTrace, time.Second) })
}

// replayLimit bounds one pass over a log.
const replayLimit = 5 * time.Minute

// replay measures a log that write fills.
func replay(b *testing.B, write func(testing.TB, func(...events.Entry)), checkpoints time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), replayLimit)
	defer cancel()
	l, total := replayLog(ctx, b, write)
	defer l.Close()
	_, last, err := l.Bounds(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var raw float64
	b.Run("raw", func(b *testing.B) {
		spent := processorTime(b)
		for range b.N {
			readRaw(ctx, b, l, last)
		}
		b.ReportMetric(float64(processorTime(b)-spent)/float64(total*b.N), "cpu-ns/event")
		raw = float64(total) * float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(raw, "events/s")
	})
	b.Run("fold", func(b *testing.B) {
		var spent time.Duration
		for range b.N {
			spent += foldLog(ctx, b, l, last, checkpoints)
		}
		b.ReportMetric(float64(spent)/float64(total*b.N), "cpu-ns/event")
		rate := float64(total) * float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(rate, "events/s")
		if raw > 0 {
			b.ReportMetric(rate/raw, "of-raw")
		}
	})
}

// replayLog writes a log in record batches of up to 1,000 events, as the
// service does but without fsyncs, and returns it with the number of its events.
func replayLog(ctx context.Context, b *testing.B, write func(testing.TB, func(...events.Entry))) (*eventlog.Log, int) {
	l, err := eventlog.Open(ctx, eventlog.Config{
		Dir: b.TempDir(), Listen: "127.0.0.1:0", UnsafeSyncInterval: time.Hour, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := net.Dial("tcp", l.ListenAddr())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(replayLimit))
	p := &producer{t: b, conn: conn, in: bufio.NewReader(conn)}
	p.send("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB answers 1\r\n")
	total, batches := 0, uint64(0)
	write(b, func(entries ...events.Entry) {
		batches++
		h := events.BatchHeader{Incarnation: l.Incarnation(), ID: batchID(batches)}
		p.request(eventlog.BatchSubject, "Nats-Msg-Id: "+h.ID.String()+"\r\n", events.AppendBatch(nil, h, entries))
		total += len(entries)
	})
	return l, total
}

func readRaw(ctx context.Context, b *testing.B, l *eventlog.Log, last uint64) {
	enough := errors.New("enough")
	err := l.Read(ctx, 1, func(m eventlog.Message) error {
		if m.Seq == last {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		b.Fatal(err)
	}
}

// foldLog times one fold of the log up to its digest, without the start and the
// end of the projector, and returns the processor time of that part.
func foldLog(ctx context.Context, b *testing.B, l *eventlog.Log, last uint64, checkpoints time.Duration) (spent time.Duration) {
	b.StopTimer()
	p, err := New(ctx, Config{
		Log: l, ModelsDir: b.TempDir(), CheckpointInterval: checkpoints, CheckpointBytes: 64 << 20,
		DedupeHorizon: 7 * 24 * time.Hour, OutcomeHorizon: 24 * time.Hour,
		Logger: slog.New(slog.NewTextHandler(b.Output(), nil)), Now: time.Now, MayWrite: func() error { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	before := processorTime(b)
	b.StartTimer()
	go func() { done <- p.Run(running) }()
	if err := p.WaitFor(ctx, events.Position{Seq: last}); err != nil {
		b.Fatal(errors.Join(err, p.Fault()))
	}
	if err := p.Inspect(ctx, func(m *readmodel.Model) { m.Digest() }); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	spent = processorTime(b) - before
	b.ReportMetric(float64(p.Stats().Checkpoints), "checkpoints")
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	p.Close()
	b.StartTimer()
	return spent
}

// replayed is how much of a log a run without -short writes.
func replayed(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// writeViews writes 10 million events as a platform sees them: in a thousand,
// 970 views, 28 likes and 2 comments, of a million videos that are as popular
// as Zipf's law with 1.07 says, by 200,000 users. Times are those of writing.
func writeViews(_ testing.TB, commit func(...events.Entry)) {
	random := rand.New(rand.NewPCG(1, 2))
	popular := rand.NewZipf(random, 1.07, 1, 1_000_000-1)
	entries := make([]events.Entry, events.MaxBatchEvents)
	for batch := range replayed(10_000) {
		now := events.TimeOf(time.Now())
		for i := range entries {
			video, user := events.VideoID(pooled('v', int(popular.Uint64()))), events.UserID(pooled('u', random.IntN(200_000)))
			m := events.Meta{Type: events.TypeVideoViewed, Time: now, Arrival: true}
			var d events.Data = events.VideoViewed{Video: video, User: user}
			switch p := random.IntN(1000); {
			case p < 28:
				m.Type, d = events.TypeVideoLiked, events.VideoLike{Video: video, User: user}
			case p < 30:
				m.Type, d = events.TypeCommentCreated, events.VideoItem{Video: video, Item: pooled('c', batch*1000+i), Author: user}
			}
			entries[i] = events.Entry{Bytes: events.AppendEvent(entries[i].Bytes[:0], m, d), Events: 1}
		}
		commit(entries...)
	}
}

// writeTrace writes the recorded trace four hundred times over: each copy has
// its own users, comments and event IDs, and every fifth is said twice. The last
// event of the trace happens now.
func writeTrace(t testing.TB, commit func(...events.Entry)) {
	lines := traceLines(t)
	shift := time.Now().UnixMilli() - lines[len(lines)-1].UnixMilli
	entries := make([]events.Entry, 0, events.MaxBatchEvents)
	flush := func() {
		commit(entries...)
		entries = entries[:0]
	}
	for n := range replayed(400 * 6 / 5) {
		copyNumber := n - (n+1)/6
		for i := range lines {
			if e, counts := lines[i].entry(copyNumber, shift); counts {
				entries = append(entries, e)
			}
			if len(entries) == cap(entries) {
				flush()
			}
		}
	}
	if len(entries) > 0 {
		flush()
	}
}

type traceLine struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Video     string `json:"video"`
	User      string `json:"user"`
	UnixMilli int64  `json:"ts"`
}

func traceLines(t testing.TB) (lines []traceLine) {
	text, err := os.ReadFile(filepath.Join("..", "cmd", "tidemark", "load", "testdata", "kuairand-cut.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for scan := bufio.NewScanner(bytes.NewReader(text)); scan.Scan(); {
		var l traceLine
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

// entry is the line as a copy says it; false for what is not counted.
func (l *traceLine) entry(copyNumber int, shift int64) (e events.Entry, counts bool) {
	name := func(s string) [16]byte { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(s)) }
	own := func(s string) [16]byte { return name(fmt.Sprint(copyNumber, s)) }
	id := own(l.ID)
	m := events.Meta{
		Time: events.TimeOf(time.UnixMilli(l.UnixMilli + shift)), Source: []byte("trace:kuairand"), ID: []byte(uuid.UUID(id).String()),
	}
	var d events.Data
	switch l.Type {
	case "view":
		m.Type, d = events.TypeVideoViewed, events.VideoViewed{Video: name(l.Video), User: own(l.User)}
	case "like":
		m.Type, d = events.TypeVideoLiked, events.VideoLike{Video: name(l.Video), User: own(l.User)}
	case "comment":
		m.Type, d = events.TypeCommentCreated, events.VideoItem{Video: name(l.Video), Item: id, Author: own(l.User)}
	case "remix":
		m.Type, d = events.TypeRemixCreated, events.VideoItem{Video: name(l.Video), Item: id, Author: own(l.User)}
	default:
		return e, false
	}
	return events.Entry{Bytes: events.AppendEvent(nil, m, d), Events: 1}, true
}
