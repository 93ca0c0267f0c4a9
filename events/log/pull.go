package log

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// readMessages and readBytes bound what is on its way to a reader: 32 MiB of
	// the largest record batches. The bytes, of one pull request, stay well below
	// the 64 MiB at which the server drops a slow connection.
	readMessages = 64
	readBytes    = 16 << 20
	// readExpiry and readHeartbeat let a lost pull request be noticed in 2 s.
	readExpiry    = 30 * time.Second
	readHeartbeat = time.Second
	// readSpan is what a reader asks for at a time: as much as it took in the last
	// readSpan, from leastPull messages to half of what may be on its way. So one that
	// is held to a rate is sent a little often, and the server is not busy for
	// milliseconds with what lies about afterwards.
	readSpan  = 2 * time.Millisecond
	leastPull = 2
	mostPull  = readMessages / 2
	// pullBuffer holds all that can be on its way to a reader that takes nothing: its
	// messages, and for each pull request a heartbeat a second and how it ended. The
	// client library's own iterator has room for the messages alone, and drops one of
	// them when the server has said anything between.
	pullBuffer = readMessages + readMessages/leastPull*(int(readExpiry/readHeartbeat)+2)
)

// errQuiet says that nothing came for as long as the caller wanted to wait.
var errQuiet = errors.New("nothing came")

// pull takes the messages of a consumer as they come, and asks for more in time. It
// is for one goroutine.
type pull struct {
	conn    *nats.Conn
	subject string // where the consumer is asked
	sub     *nats.Subscription
	msgs    chan *nats.Msg
	status  chan nats.Status
	timer   *time.Timer

	asked  int       // messages that are on their way, or will be
	taken  int       // since the last pull request
	pulled time.Time // when that was
	heard  time.Time // when anything came
}

// pullRequest is what a consumer is asked.
type pullRequest struct {
	Batch     int           `json:"batch"`
	MaxBytes  int           `json:"max_bytes"`
	Expires   time.Duration `json:"expires"`
	Heartbeat time.Duration `json:"idle_heartbeat"`
}

func newPull(conn *nats.Conn, stream, consumer string) (*pull, error) {
	now := time.Now()
	p := &pull{
		conn: conn, subject: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer,
		msgs: make(chan *nats.Msg, pullBuffer), pulled: now, heard: now, timer: time.NewTimer(time.Hour),
	}
	var err error
	if p.sub, err = conn.ChanSubscribe(conn.NewInbox(), p.msgs); err != nil {
		return nil, fmt.Errorf("subscribe to what consumer %s delivers: %w", consumer, err)
	}
	p.status = conn.StatusChanged(nats.CONNECTED)
	return p, nil
}

func (p *pull) close() {
	p.timer.Stop()
	p.conn.RemoveStatusListener(p.status)
	_ = p.sub.Unsubscribe() // it fails on a connection that is gone, and the subscription with it
}

// next returns the next message. It fails with errQuiet where none comes in time,
// with the context's error, and where the consumer, or the connection, has ended.
func (p *pull) next(ctx context.Context, wait time.Duration) (*nats.Msg, error) {
	for {
		if err := p.refill(); err != nil {
			return nil, err
		}
		msg, err := p.receive(ctx, wait)
		if err != nil {
			return nil, err
		}
		if msg == nil {
			continue
		}
		if len(msg.Data) == 0 && msg.Header.Get("Status") != "" {
			if err := p.told(msg.Header); err != nil {
				return nil, err
			}
			continue
		}
		p.asked--
		p.taken++
		return msg, nil
	}
}

// refill asks for more as long as there is room for what is asked for at a time.
func (p *pull) refill() error {
	for readMessages-p.asked >= leastPull {
		n := mostPull
		if p.asked > mostPull {
			// There is enough to do for a while: how much is asked for goes by how fast
			// that is done.
			if n = p.paced(time.Since(p.pulled)); n > readMessages-p.asked {
				return nil
			}
		}
		if err := p.request(n); err != nil {
			return fmt.Errorf("pull from %s: %w", p.subject, err)
		}
	}
	return nil
}

func (p *pull) request(n int) error {
	body, err := json.Marshal(pullRequest{Batch: n, MaxBytes: readBytes, Expires: readExpiry, Heartbeat: readHeartbeat})
	if err != nil {
		return err
	}
	if err := p.conn.PublishRequest(p.subject, p.sub.Subject, body); err != nil {
		return err
	}
	p.asked += n
	p.taken, p.pulled = 0, time.Now()
	return nil
}

// paced returns how many messages are taken in a readSpan, as the last pull request
// was followed by so many in so long.
func (p *pull) paced(took time.Duration) int {
	return min(max(int(time.Duration(p.taken)*readSpan/max(took, 1)), leastPull), mostPull)
}

// receive returns what comes next, nil where that was the connection again: pull
// requests do not outlast one.
func (p *pull) receive(ctx context.Context, wait time.Duration) (*nats.Msg, error) {
	select {
	case msg := <-p.msgs: // the clock need not be set
		p.heard = time.Now()
		return msg, nil
	default:
	}
	p.timer.Reset(wait)
	select {
	case msg := <-p.msgs:
		p.heard = time.Now()
		return msg, nil
	case <-p.status:
		p.asked, p.heard = 0, time.Now()
		return nil, nil
	case <-p.timer.C:
		if silent := time.Since(p.heard); silent > 2*readHeartbeat {
			return nil, fmt.Errorf("%w: no heartbeat for %s", errConsumer, silent.Round(time.Millisecond))
		}
		return nil, errQuiet
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// told takes what the server says between messages: that it lives, that a pull
// request has ended, and how many of its messages will not come; or that there is
// no consumer any more.
func (p *pull) told(h nats.Header) error {
	status := h.Get("Status")
	if status == "100" {
		return nil
	}
	if left, err := strconv.Atoi(h.Get("Nats-Pending-Messages")); err == nil {
		p.asked = max(p.asked-left, 0)
		return nil
	}
	if status == "404" || status == "408" {
		return fmt.Errorf("%w: a pull request ended with status %s, which does not say what it lacks", errConsumer, status)
	}
	return fmt.Errorf("%w: %s %s", errConsumer, status, h.Get("Description"))
}

// readMessage makes a message of what came.
func (l *Log) readMessage(msg *nats.Msg) (Message, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return Message{}, fmt.Errorf("read position of a message: %w", err)
	}
	m := Message{
		Seq:     meta.Sequence.Stream,
		Stored:  meta.Timestamp,
		BatchID: msg.Header.Get(jetstream.MsgIDHeader),
		Subject: msg.Subject,
		Data:    msg.Data,
	}
	l.original(&m, msg.Header)
	return m, nil
}
