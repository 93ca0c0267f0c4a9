package blackbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tidemark-io/tidemark/events"
)

// outsideNATS is a JetStream server that no tidemark embeds.
type outsideNATS struct {
	t       *testing.T
	options server.Options
	server  *server.Server
	url     string
}

func startNATS(t *testing.T) *outsideNATS {
	return startNATSWith(t, server.Options{JetStream: true, SyncAlways: true})
}

func startNATSWith(t *testing.T, options server.Options) *outsideNATS {
	options.Host, options.Port, options.HTTPPort, options.NoSigs, options.NoLog = "127.0.0.1", server.RANDOM_PORT, 0, true, true
	options.StoreDir = filepath.Join(t.TempDir(), "js")
	n := &outsideNATS{t: t, options: options}
	n.start()
	t.Cleanup(n.stop)
	return n
}

func (n *outsideNATS) start() {
	n.t.Helper()
	options := n.options
	srv, err := server.NewServer(&options)
	if err != nil {
		n.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(patience) {
		n.t.Fatal("NATS is not ready")
	}
	n.server, n.url = srv, srv.ClientURL()
	n.options.Port = options.Port // the same one after a restart
}

func (n *outsideNATS) stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// publish sends a message past the service, as a producer with access would.
func (n *outsideNATS) publish(data []byte) {
	n.t.Helper()
	n.publishTo("tidemark.events.0.batch", data)
}

func (n *outsideNATS) publishTo(subject string, data []byte) {
	n.t.Helper()
	nc, err := nats.Connect(n.url)
	if err != nil {
		n.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := js.Publish(context.Background(), subject, data); err != nil {
		n.t.Fatal(err)
	}
}

// deadLetterStream hands fn the dead-letter stream.
func (n *outsideNATS) deadLetterStream(fn func(js jetstream.JetStream, stream *jetstream.StreamInfo) error) {
	n.t.Helper()
	nc, err := nats.Connect(n.url)
	if err != nil {
		n.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		n.t.Fatal(err)
	}
	stream, err := js.Stream(context.Background(), "tidemark-dead-letters")
	if err != nil {
		n.t.Fatal(err)
	}
	if err := fn(js, stream.CachedInfo()); err != nil {
		n.t.Fatal(err)
	}
}

// deadLetters is how many messages the dead-letter stream holds.
func (n *outsideNATS) deadLetters() (count uint64) {
	n.t.Helper()
	n.deadLetterStream(func(_ jetstream.JetStream, stream *jetstream.StreamInfo) error {
		count = stream.State.Msgs
		return nil
	})
	return count
}

// limitDeadLetters bounds how large a message the dead-letter stream takes; -1 does not.
func (n *outsideNATS) limitDeadLetters(bytes int32) {
	n.t.Helper()
	n.deadLetterStream(func(js jetstream.JetStream, stream *jetstream.StreamInfo) error {
		cfg := stream.Config
		cfg.MaxMsgSize = bytes
		_, err := js.UpdateStream(context.Background(), cfg)
		return err
	})
}

func TestTwoNodesOfOneLogAnswerAlike(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	a, b := worldOf(t, start(t, "--nats-url", n.url)), worldOf(t, start(t, "--nats-url", n.url))
	video, viewer := newID(), a.user()
	for i := range 20 {
		here, there := viewer, viewer.with(b)
		if i%2 == 1 {
			here, there = there, here
		}
		position := here.views(video).Header.Get("Tidemark-Position")
		seen := there.get("/v1/videos/batch-metadata?ids="+video, "Tidemark-After", position).want(http.StatusOK)
		if got := decode[struct{ Videos map[string]counts }](t, seen).Videos[video].Views; got != i+1 {
			t.Fatalf("after view %d the other node shows %d", i+1, got)
		}
	}

	// One key on both nodes at once, for two requests: one of them counts, and
	// the other is told so.
	for range 10 {
		key, videos := newID(), newIDs(2)
		statuses := make([]int, 2)
		var wg sync.WaitGroup
		for i, caller := range []*Caller{viewer, viewer.with(b)} {
			wg.Go(func() {
				statuses[i] = caller.put("/v1/videos/"+videos[i]+"/like", nil, "Idempotency-Key", key).Status
			})
		}
		wg.Wait()
		if !slices.Contains(statuses, http.StatusAccepted) || !slices.Contains(statuses, http.StatusUnprocessableEntity) {
			t.Errorf("two requests under one key were answered %v", statuses)
		}
	}
}

func TestCommandsWaitForAnOutsideLogAndReadsDoNot(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	s := start(t, "--nats-url", n.url, "--commit-limit", "3s")
	s.expects = "event log makes no progress" // where it is away for longer than a writer is patient
	w := worldOf(t, s)
	video, user := newID(), w.user()
	user.likes(video)
	w.wantCounts(video, counts{Likes: 1})
	n.stop()
	refused := user.put("/v1/videos/"+newID()+"/like", nil).want(http.StatusServiceUnavailable)
	if refused.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.wantCounts(video, counts{Likes: 1})
	eventually(t, "readiness to say why not", func() (bool, string) {
		a := w.anonymous().get("/readyz")
		return a.Status == http.StatusServiceUnavailable && strings.Contains(a.problem().Detail, "the event log has not answered since"),
			fmt.Sprintf("%d %s", a.Status, a.Body)
	})
	answer := w.metadata(video)
	if asOf, err := time.Parse(time.RFC3339Nano, answer.Header.Get("Tidemark-As-Of")); err != nil || time.Since(asOf) < 4*time.Second {
		t.Errorf("without its log the answer is as of %v (%v), which is now", asOf, err)
	}
	n.start()
	eventually(t, "a command is taken again", func() (bool, string) {
		a := user.put("/v1/videos/"+video+"/like", nil)
		return a.Status == http.StatusAccepted, fmt.Sprintf("%d %s", a.Status, a.Body)
	})
	eventually(t, "the service to be ready again", func() (bool, string) {
		a := w.anonymous().get("/readyz")
		return a.Status == http.StatusOK, fmt.Sprintf("%d %s", a.Status, a.Body)
	})
	w.wantCounts(video, counts{Likes: 1})
}

// batchOf is a record batch of an outside producer.
func batchOf(frames ...[]byte) []byte {
	var id events.BatchID
	_, _ = rand.Read(id[:])
	var entries []events.Entry
	for _, frame := range frames {
		entries = append(entries, events.Entry{Bytes: frame, Events: 1})
	}
	return events.AppendBatch(nil, events.BatchHeader{ID: id}, entries)
}

// TestRubbishInTheLogBecomesDeadLetters publishes past the service what no
// service writes: each is a dead letter, and the fold goes on behind it.
func TestRubbishInTheLogBecomesDeadLetters(t *testing.T) {
	t.Parallel()
	n := startNATS(t)
	w := worldOf(t, start(t, "--nats-url", n.url))
	video := newID()
	id, err := uuid.Parse(video)
	if err != nil {
		t.Fatal(err)
	}
	frame := func(kind events.Type, at time.Time, d events.Data) []byte {
		return events.AppendEvent(nil, events.Meta{Type: kind, Time: events.TimeOf(at)}, d)
	}
	view := frame(events.TypeVideoViewed, time.Now(), events.VideoViewed{Video: events.VideoID(id)})
	changed := func(data []byte, at int, to byte) []byte {
		data = bytes.Clone(data)
		data[at] = to
		return data
	}
	baseline := func(source string) []byte {
		return frame(events.TypeCounterBaseline, time.Now(), events.CounterBaseline{
			Video: events.VideoID(id), Source: []byte(source), Set: 1 << events.Likes, Values: [events.CounterCount]int64{events.Likes: events.MaxBaseline},
		})
	}
	twice := batchOf(view)
	views, dead := 0, uint64(0)
	for _, c := range []struct {
		name        string
		data        []byte
		views, dead int
	}{
		{"a good batch", batchOf(view), 1, 0},
		{"text", []byte("x\r\nPUB tidemark.events.0.batch 0"), 0, 1},
		{"nothing", nil, 0, 1},
		{"900 KB", make([]byte, 900_000), 0, 1},
		{"a batch cut short", batchOf(view)[:60], 0, 1},
		{"a flipped bit", changed(batchOf(view), 70, 0xff), 0, 1},
		{"version 99", changed(batchOf(view), 4, 99), 0, 1},
		{"an unknown type among good ones", batchOf(view, changed(view, 0, 99), view), 2, 1},
		{"an unknown layout", batchOf(changed(view, 1, 99)), 0, 1},
		{"a time far ahead", batchOf(frame(events.TypeVideoViewed, time.Now().Add(time.Hour), events.VideoViewed{Video: events.VideoID(id)})), 0, 1},
		{"a counter that overflows", batchOf(baseline("a"), baseline("b")), 0, 1},
		{"a batch", twice, 1, 0},
		{"the same batch again", twice, 0, 0},
	} {
		n.publish(c.data)
		views, dead = views+c.views, dead+uint64(c.dead)
		eventually(t, c.name, func() (bool, string) {
			got, _ := w.counts(video)
			letters := n.deadLetters()
			return got.Views == views && letters == dead,
				fmt.Sprintf("%d views and %d dead letters, want %d and %d", got.Views, letters, views, dead)
		})
	}
	w.user().views(video)
	w.wantCounts(video, counts{Views: views + 1, Likes: events.MaxBaseline})
}
