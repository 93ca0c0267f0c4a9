package command

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// The media types of the bulk way in.
const (
	mediaBatch = "application/cloudevents-batch+json"
	mediaLines = "application/x-ndjson"
)

// ingest is the bulk way in for gateways and importers: what is wrong is named
// and left out, the rest is one command.
func (s *Service) ingest(c *api.Call) error {
	format := events.CloudEventBatch
	if c.MediaType == mediaLines {
		format = events.CloudEventLines
	}
	now, first, err := s.judgedAt(c)
	if err != nil {
		return err
	}
	admin := c.Caller.Has(api.RoleAdmin)
	if first != nil {
		admin = first.Privileged
	}
	reader := s.readers.Get().(*events.CloudEventReader)
	read := func(now time.Time, admin bool) (events.Ingested, error) {
		return reader.Read(c.Body, format, events.CloudEventRules{
			Now: now, Caller: c.Caller.ID, Admin: admin, MaxEvents: events.MaxBatchEvents,
		})
	}
	in, err := read(now, admin)
	if err != nil {
		s.readers.Put(reader)
		return err
	}
	var v verdict
	if in.Events > 0 || c.Key != "" {
		// That the caller is a service goes without saying here; privileged says
		// whether as an administrator too.
		v, err = s.run(c, plan{
			kind: events.IngestEvents, judged: true, privileged: admin, at: now,
			frames: in.Frames, events: in.Events,
		})
	} else if err = c.Settle(c.Context()); err == nil {
		v.token = s.cfg.Fold.Snapshot().Token(events.Position{})
	}
	if err != nil {
		return err // and the reader is left to the collector: its frames may be on their way yet
	}
	defer s.readers.Put(reader)
	if o := &v.outcome; c.Key != "" && !v.pending && (o.Time != events.TimeOf(now) || o.Privileged != admin) {
		// The same request was folded before this one: what it was told is told again.
		if in, err = read(o.Time.Std(), o.Privileged); err != nil {
			return err
		}
	}
	return answerIngest(c, &v, &in)
}

// refusedDetail is told of an event that was well-formed and yet could not be
// folded; the dead-letter stream says why.
const refusedDetail = "was refused when it was folded: its time lies too far ahead of the log's, or it would take a counter past its bound"

// rejections lists what was left out, in the order of the request: what could
// not be read, and what the fold refused.
func rejections(v *verdict, in *events.Ingested) []events.Rejection {
	if v.outcome.Count(readmodel.Poisoned) == 0 {
		return in.Rejected
	}
	unread := make(map[int]bool, len(in.Rejected))
	for _, r := range in.Rejected {
		unread[r.Index] = true
	}
	list := slices.Clone(in.Rejected)
	event := 0
	for i := range in.Sent {
		if unread[i] {
			continue
		}
		if v.effect(event) == readmodel.Poisoned {
			list = append(list, events.Rejection{Index: i, Detail: refusedDetail})
		}
		event++
	}
	slices.SortFunc(list, func(a, b events.Rejection) int { return a.Index - b.Index })
	return list
}

func answerIngest(c *api.Call, v *verdict, in *events.Ingested) error {
	duplicates, rejected := v.outcome.Count(readmodel.Duplicate), rejections(v, in)
	c.SetToken(v.token)
	c.Out = strconv.AppendInt(append(c.Out[:0], `{"accepted":`...), int64(in.Sent-duplicates-len(rejected)), 10)
	c.Out = strconv.AppendInt(append(c.Out, `,"duplicates":`...), int64(duplicates), 10)
	c.Out = append(c.Out, `,"rejected":[`...)
	for i, r := range rejected {
		if i > 0 {
			c.Out = append(c.Out, ',')
		}
		detail, err := json.Marshal(r.Detail)
		if err != nil {
			return err
		}
		c.Out = strconv.AppendInt(append(c.Out, `{"index":`...), int64(r.Index), 10)
		c.Out = append(append(append(c.Out, `,"detail":`...), detail...), '}')
	}
	c.Out = append(append(append(c.Out, `],"position":"`...), v.token.String()...), '"')
	status := http.StatusOK
	if v.pending {
		status = http.StatusAccepted
		c.Out = append(c.Out, `,"pending":true`...)
	}
	c.Out = append(c.Out, '}')
	return c.JSON(status, c.Out)
}
