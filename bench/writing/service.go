package writing

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/bench/load"
	"github.com/tidemark-io/tidemark/bench/process"
	"github.com/tidemark-io/tidemark/bench/rawlog"
	"github.com/tidemark-io/tidemark/bench/result"
	"github.com/tidemark-io/tidemark/bench/scenario"
	"github.com/tidemark-io/tidemark/events"
)

// calls is the trace as requests to /v1/events, built beforehand.
type calls struct {
	requests [][]byte
	sizes    []int // events in each
	next     int
	current  []int // by connection
	accepted int
	answered int
}

func newCalls(t *trace) *calls {
	c := new(calls)
	token := "Authorization: Bearer " + process.ServiceToken()
	for _, batch := range t.batches(callEvents) {
		var body []byte
		for i := range batch {
			body = batch[i].appendCloudEvent(body)
		}
		c.requests = append(c.requests, load.Build("POST", "/v1/events", "application/x-ndjson", body, token))
		c.sizes = append(c.sizes, len(batch))
	}
	return c
}

// reset begins the trace anew, for so many connections.
func (c *calls) reset(connections int) {
	c.next, c.accepted, c.answered, c.current = 0, 0, 0, make([]int, connections)
}

// Next returns the next call.
func (c *calls) Next(connection int) []byte {
	c.current[connection] = c.next
	c.next++
	return c.requests[c.current[connection]]
}

// Check takes an answer that accounts for every event and rejects none.
func (c *calls) Check(connection int, a *load.Answer) error {
	accepted, rest := number(a.Body, `{"accepted":`)
	duplicates, rest := number(rest, `,"duplicates":`)
	sent := c.sizes[c.current[connection]]
	if a.Status != http.StatusOK || accepted+duplicates != sent || !bytes.HasPrefix(rest, []byte(`,"rejected":[],"position":`)) {
		return fmt.Errorf("%d events were answered with %d: %.300s", sent, a.Status, a.Body)
	}
	c.accepted += accepted
	c.answered += sent
	return nil
}

// number reads the integer behind a prefix; -1 where it does not stand there.
func number(text []byte, prefix string) (n int, rest []byte) {
	rest, found := bytes.CutPrefix(text, []byte(prefix))
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(string(rest[:end]))
	if !found || err != nil {
		return -1, nil
	}
	return n, rest[end:]
}

// service is a build of tidemark: a new process for each run, since what it has
// taken it knows.
type service struct {
	env    *scenario.Env
	binary string
	calls  *calls
}

func (s *service) run(ctx context.Context, t *trace, dir string, row *result.Row) error {
	server, err := process.StartTidemark(ctx, s.binary, dir, s.env.GOGC)
	if err != nil {
		return err
	}
	defer server.Kill() // its data is removed
	pool, err := load.Dial(ctx, server.Address, senders)
	if err != nil {
		return err
	}
	defer pool.Close()
	s.calls.reset(senders)
	before, err := server.CPU()
	if err != nil {
		return err
	}
	client := process.OwnCPU()
	report, err := pool.Run(ctx, load.Plan{Script: s.calls, Duration: time.Hour, Limit: len(s.calls.requests)})
	if err != nil {
		return err
	}
	client = process.OwnCPU() - client
	after, err := server.CPU()
	if err != nil {
		return err
	}
	if err := s.check(ctx, t, server.Address); err != nil {
		return err
	}
	n := float64(len(t.events))
	row.Add(result.Events, result.PerSecond, n/report.Seconds)
	row.Add("cpu_event", result.Microseconds, float64((after-before).Nanoseconds())/1000/n)
	row.Add("client_cpu_event", result.Microseconds, float64(client.Nanoseconds())/1000/n)
	row.Add(result.P50, result.Milliseconds, report.Latency.Quantile(0.5))
	row.Add(result.P99, result.Milliseconds, report.Latency.Quantile(0.99))
	return nil
}

// check counts the views and likes of all videos: each counts once, however often
// it was sent.
func (s *service) check(ctx context.Context, t *trace, address string) error {
	if s.calls.answered != len(t.events) {
		return fmt.Errorf("%d events were sent, %d answered", len(t.events), s.calls.answered)
	}
	var counted counters
	for videos := range slices.Chunk(t.videos, viewedVideos) {
		body := []byte(`{"video_ids":[`)
		for i := range videos {
			if i > 0 {
				body = append(body, ',')
			}
			body = append(videos[i].AppendTo(append(body, '"')), '"')
		}
		some, err := count(ctx, address, append(body, "]}"...))
		if err != nil {
			return err
		}
		counted.Views += some.Views
		counted.Likes += some.Likes
	}
	if want := (counters{t.views, t.pairs}); counted != want {
		return fmt.Errorf("the trace has %+v that differ, counted are %+v", want, counted)
	}
	return nil
}

// rawBatches is the trace as record batches, encoded beforehand.
type rawBatches struct {
	data  [][]byte
	bytes int
}

func newRawBatches(t *trace) *rawBatches {
	r := new(rawBatches)
	for number, batch := range t.batches(callEvents) {
		entries := make([]events.Entry, len(batch))
		for i := range batch {
			entries[i] = events.Entry{Bytes: batch[i].appendFrame(nil), Events: 1}
		}
		var header events.BatchHeader
		binary.BigEndian.PutUint64(header.ID[:], uint64(number)+1)
		data := events.AppendBatch(nil, header, entries)
		r.data, r.bytes = append(r.data, data), r.bytes+len(data)
	}
	return r
}

// run publishes them to a JetStream that fsyncs each, one in flight.
func (r *rawBatches) run(ctx context.Context, t *trace, dir string, row *result.Row) error {
	l, err := rawlog.Open(dir, rawlog.SyncAlways)
	if err != nil {
		return err
	}
	defer l.Close()
	const stream, subject = "raw", "raw.batch"
	if err := l.Create(ctx, stream, subject); err != nil {
		return err
	}
	start := time.Now()
	for _, data := range r.data {
		if err := l.Publish(ctx, subject, "", data); err != nil {
			return err
		}
	}
	took := time.Since(start)
	row.Add(result.Events, result.PerSecond, float64(len(t.events))/took.Seconds())
	row.Add("batch", result.Bytes, float64(r.bytes)/float64(len(r.data)))
	return l.Flush(ctx, stream, uint64(len(r.data)))
}
