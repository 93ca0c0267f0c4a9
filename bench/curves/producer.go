package curves

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidemark-io/tidemark/bench/history"
	"github.com/tidemark-io/tidemark/bench/world"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

const (
	// batchEvents is how many events one record batch has: as many as the service's
	// own writer joins when so much comes in.
	batchEvents = events.MaxBatchEvents
	// batchesKept is how many different ones are published in turn.
	batchesKept = 128
)

// producer is an outside producer of record batches, as the AsyncAPI document
// describes them.
type producer struct {
	nc      *nats.Conn
	videos  int
	entries [][]events.Entry // the first ones of each are the twins'
	next    uint64
	// newcomers says that only videos are viewed that were never seen before; met is
	// how many were.
	newcomers bool
	met       int
	fresh     []events.Entry
	data      []byte
}

func newProducer(address string, videos int) (*producer, error) {
	nc, err := nats.Connect("nats://" + address)
	if err != nil {
		return nil, fmt.Errorf("connect to the service's JetStream: %w", err)
	}
	p := &producer{nc: nc, videos: videos}
	draw := world.Videos(videos).NewDraw(17)
	at := events.TimeOf(time.Now().Add(-10 * time.Minute))
	for range batchesKept {
		entries := make([]events.Entry, batchEvents)
		for i := twins; i < batchEvents; i++ {
			at++
			setView(&entries[i], draw.Video(), at)
		}
		p.entries = append(p.entries, entries)
	}
	p.fresh = make([]events.Entry, batchEvents)
	return p, p.one() // so that the twins are known
}

// setView makes an entry the view of a video.
func setView(e *events.Entry, video int, at events.Time) {
	meta := events.Meta{Type: events.TypeVideoViewed, Time: at}
	*e = events.Entry{Bytes: events.AppendEvent(e.Bytes[:0], meta, events.VideoViewed{Video: history.Video(video)}), Events: 1}
}

func (p *producer) close() { p.nc.Close() }

// start publishes so many events a second until the returned function is called,
// which says how many a second the log took.
func (p *producer) start(ctx context.Context, rate int) (stop func() (float64, error)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	begun, sent := time.Now(), 0
	go func() {
		var err error
		sent, err = p.publish(ctx, rate, begun)
		done <- err
	}()
	return func() (float64, error) {
		cancel()
		err := <-done
		return float64(sent) / time.Since(begun).Seconds(), err
	}
}

// publish keeps one record batch in flight, as the service's own writer does.
func (p *producer) publish(ctx context.Context, rate int, begun time.Time) (sent int, err error) {
	if rate == 0 {
		return 0, nil
	}
	for {
		due := begun.Add(time.Duration(float64(sent) / float64(rate) * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return sent, nil
		}
		if err := p.one(); err != nil {
			return sent, err
		}
		sent += batchEvents
	}
}

func (p *producer) one() error {
	p.next++
	entries := p.entries[p.next%batchesKept]
	if p.newcomers {
		entries = p.fresh
		at := events.TimeOf(time.Now())
		for i := twins; i < batchEvents; i++ {
			setView(&entries[i], p.videos+twins+p.met, at)
			p.met++
		}
	}
	setTwins(entries[:twins], p.videos, int64(p.next))
	// No incarnation: an outside producer does not know it. A batch ID is used once.
	var header events.BatchHeader
	binary.BigEndian.PutUint64(header.ID[:8], uint64(time.Now().UnixNano()))
	binary.BigEndian.PutUint64(header.ID[8:], p.next)
	p.data = events.AppendBatch(p.data[:0], header, entries)
	answer, err := p.nc.Request(eventlog.BatchSubject, p.data, 10*time.Second)
	if err != nil {
		return fmt.Errorf("publish a record batch: %w", err)
	}
	if !hasSeq(answer.Data) {
		return fmt.Errorf("publish a record batch: JetStream answered %s", answer.Data)
	}
	return nil
}

// hasSeq reports whether JetStream's answer says where the message was stored;
// an error has no sequence.
func hasSeq(answer []byte) bool {
	var ack struct {
		Seq uint64 `json:"seq"`
	}
	return json.Unmarshal(answer, &ack) == nil && ack.Seq > 0
}
