package command

import (
	"encoding/json"
	"net/http"
	"strconv"

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
	reader := s.readers.Get().(*events.CloudEventReader)
	defer s.readers.Put(reader)
	in, err := reader.Read(c.Body, format, events.CloudEventRules{
		Now: s.cfg.Now(), Caller: c.Caller.ID, Admin: c.Caller.Has(api.RoleAdmin), MaxEvents: events.MaxBatchEvents,
	})
	if err != nil {
		return err
	}
	v := verdict{token: s.cfg.Fold.Snapshot().Token(events.Position{})}
	if in.Events > 0 || c.Key != "" {
		v, err = s.run(c, plan{
			kind: events.IngestEvents, judged: true, privileged: true,
			write: func(w *entryWriter) int {
				w.frames = append(w.frames, in.Frames...)
				return in.Events
			},
		})
	} else {
		err = c.Settle(c.Context())
	}
	if err != nil {
		return err
	}
	return answerIngest(c, &v, &in)
}

func answerIngest(c *api.Call, v *verdict, in *events.Ingested) error {
	duplicates := v.outcome.Count(readmodel.Duplicate)
	c.SetToken(v.token)
	c.Out = strconv.AppendInt(append(c.Out[:0], `{"accepted":`...), int64(in.Events-duplicates), 10)
	c.Out = strconv.AppendInt(append(c.Out, `,"duplicates":`...), int64(duplicates), 10)
	c.Out = append(c.Out, `,"rejected":[`...)
	for i, r := range in.Rejected {
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
