package projector

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/oracle"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// patience bounds waits for what must happen; it is never waited out in a good run.
const patience = 2 * time.Minute

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// world is a data directory with a log, and what runs on it.
type world struct {
	t          testing.TB
	dir        string
	log        *eventlog.Log
	writer     *eventlog.Writer
	stopWriter func()
	p          *Projector
	stopFold   func() error

	judge    func(*Judgement)
	mu       sync.Mutex
	mayWrite error
	interval time.Duration
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, dir: t.TempDir(), interval: time.Hour}
	t.Cleanup(w.stopAll)
	return w
}

// startWorld returns a world whose log is open and whose fold runs.
func startWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.openLog("log")
	w.start()
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) logger() *slog.Logger { return slog.New(slog.NewTextHandler(w.t.Output(), nil)) }

func (w *world) openLog(name string) {
	w.t.Helper()
	l, err := eventlog.Open(testContext(w.t), eventlog.Config{Dir: w.path(name), Listen: "127.0.0.1:0"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.log, w.writer = l, l.NewWriter(eventlog.WriterConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.writer.Run(ctx) }()
	w.stopWriter = func() { cancel(); <-done; l.Close() }
}

func (w *world) closeLog() {
	if w.stopWriter != nil {
		w.stopWriter()
		w.stopWriter = nil
	}
}

func (w *world) config() Config {
	return Config{
		Log: w.log, ModelsDir: w.path("models"), CheckpointInterval: w.interval, CheckpointBytes: 1 << 30,
		DedupeHorizon: horizons, OutcomeHorizon: horizons, Logger: w.logger(), Now: time.Now, Judge: w.judge,
		MayWrite: func() error { w.mu.Lock(); defer w.mu.Unlock(); return w.mayWrite },
	}
}

// restore makes the projector without running it.
func (w *world) restore() error {
	w.t.Helper()
	p, err := New(testContext(w.t), w.config())
	w.p = p
	return err
}

func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	p := w.p
	go func() { done <- p.Run(ctx) }()
	w.stopFold = func() error {
		cancel()
		err := <-done
		p.Close()
		return err
	}
}

func (w *world) start() {
	w.t.Helper()
	if err := w.restore(); err != nil {
		w.t.Fatal(err)
	}
	w.run()
}

// stop ends the fold, which writes its last checkpoint.
func (w *world) stop() {
	w.t.Helper()
	if w.stopFold != nil {
		if err := w.stopFold(); err != nil {
			w.t.Error(err)
		}
		w.stopFold = nil
	}
}

// crash ends the fold without a last checkpoint.
func (w *world) crash() {
	w.forbid(errors.New("crash"))
	w.stop()
	w.forbid(nil)
}

func (w *world) forbid(err error) { w.mu.Lock(); defer w.mu.Unlock(); w.mayWrite = err }

func (w *world) stopAll() { w.stop(); w.closeLog() }

func (w *world) commit(lines ...string) events.Position {
	w.t.Helper()
	r, err := w.writer.Commit(testContext(w.t), command(w.t, events.Command{}, time.Now(), lines...))
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Position
}

// commits writes n record batches that differ by their number.
func (w *world) commits(from, n int) {
	for i := from; i < from+n; i++ {
		v := fmt.Sprint("v", i%5)
		u := fmt.Sprint("u", i%7)
		w.commit("video.viewed "+v, "video.viewed "+v+fmt.Sprintf(" @-5 id=%d", i%9), "video.liked "+v+" "+u, "comment.created "+v+" c"+fmt.Sprint(i%8)+" "+u,
			fmt.Sprintf("job.updated j1 progress=%d", i%100), "notification.sent n"+fmt.Sprint(i%10)+" "+u+" in=x")
	}
}

func (w *world) end() uint64 {
	w.t.Helper()
	_, last, err := w.log.Bounds(testContext(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	return last
}

// recount folds the log by the oracle.
func (w *world) recount() *oracle.State {
	w.t.Helper()
	s, last := oracle.New(), w.end()
	enough := errors.New("enough")
	if last == 0 {
		return s
	}
	err := w.log.Read(testContext(w.t), 1, func(m eventlog.Message) error {
		s.Fold(oracle.ReadAdopted(w.log.Incarnation(), w.log.Lineage(), eventlog.BatchSubject, m.Subject, m.Seq, m.Stored, m.Data))
		if m.Seq == last {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		w.t.Fatal(err)
	}
	return s
}

// equal waits until all of the log is folded and compares.
func (w *world) equal(what string) {
	w.t.Helper()
	want := w.recount()
	if err := w.p.WaitFor(testContext(w.t), events.Position{Seq: want.At}); err != nil {
		w.t.Fatalf("%s: wait for message %d: %v", what, want.At, err)
	}
	err := w.p.Inspect(testContext(w.t), func(m *readmodel.Model) { mustEqual(w.t, what, want, m) })
	if err != nil {
		w.t.Fatal(err)
	}
}

// producer speaks the NATS protocol by hand: somebody else who may write to the log.
type producer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func (w *world) producer() *producer {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.log.ListenAddr())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	p := &producer{t: w.t, conn: conn, in: bufio.NewReader(conn)}
	p.send("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB answers 1\r\n")
	return p
}

func (p *producer) send(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.conn, format, args...); err != nil {
		p.t.Fatal(err)
	}
}

// request publishes and returns the answer.
func (p *producer) request(subject, header string, data []byte) map[string]any {
	p.t.Helper()
	head := "NATS/1.0\r\n" + header + "\r\n"
	p.send("HPUB %s answers %d %d\r\n%s%s\r\n", subject, len(head), len(head)+len(data), head, data)
	for {
		line, err := p.in.ReadString('\n')
		if err != nil {
			p.t.Fatal(err)
		}
		if strings.HasPrefix(line, "MSG") {
			break
		}
	}
	var answer map[string]any
	text, err := p.in.ReadString('\n')
	if err == nil {
		err = json.Unmarshal([]byte(text), &answer)
	}
	if err != nil || answer["error"] != nil {
		p.t.Fatalf("%s: %v %s", subject, err, text)
	}
	return answer
}

func (p *producer) publish(data []byte) { p.t.Helper(); p.request(eventlog.BatchSubject, "", data) }

// deadLetters counts the messages of the dead-letter stream.
func (p *producer) deadLetters() int {
	p.t.Helper()
	info := p.request("$JS.API.STREAM.INFO."+eventlog.DeadLettersStream, "", nil)
	return int(info["state"].(map[string]any)["messages"].(float64))
}
