package archive

import (
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector"
	"github.com/tidemark-io/tidemark/projector/readmodel"
)

// TestWhatOneEventChangesFillsAChunk: a message of a few bytes may take back
// somebody's likes of every video, and so may each that follows.
func TestWhatOneEventChangesFillsAChunk(t *testing.T) {
	const videos = 10_000
	now := time.Now().UTC().Truncate(time.Microsecond)
	block := events.Entry{
		Bytes: events.AppendEvent(nil, events.Meta{Type: events.TypeAccountBlocked, Time: events.TimeOf(now)}, events.AccountBlock{User: id16('u', 1), Retract: true}), Events: 1,
	}
	j := projector.Judgement{Seq: 1, Stored: events.TimeOf(now), Verdicts: []projector.Verdict{{Effect: readmodel.Applied}}}
	for n := range videos {
		video := id16('v', n)
		video[1] = byte(n >> 8)
		j.Changes = append(j.Changes, projector.Change{Video: video, Counts: readmodel.Counts{0, -1}})
	}
	c := newChunk()
	c.reset(1)
	if err := c.add(&eventlog.Message{Seq: 1, Stored: now, Subject: eventlog.BatchSubject, Data: outsideBatch(1, block)}, &j); err != nil {
		t.Fatal(err)
	}
	if c.changes.rows != videos || c.size() < 100*videos {
		t.Errorf("%d rows of changes, the chunk says it has %d bytes", c.changes.rows, c.size())
	}
}
