package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
	"github.com/tidemark-io/tidemark/projector/replay"
)

// largest is a log of every type of event with nothing and with as much as it may
// hold, and of messages that are none: empty, of a megabyte and more, published under
// names that are no text.
func largest() (log kept) {
	fill := func(n int) []byte { return bytes.Repeat([]byte("é"), n/2) }
	ids := bytes.Repeat([]byte{7}, 16*1000)
	v, u := events.VideoID{1}, events.UserID{2}
	data := map[events.Type][]events.Data{
		events.TypeVideoPublished:     {events.VideoPublished{}, events.VideoPublished{Video: v, Author: u}},
		events.TypeVideoViewed:        {events.VideoViewed{}, events.VideoViewed{Video: v, User: u}},
		events.TypeVideoLiked:         {events.VideoLike{Video: v, User: u}},
		events.TypeVideoUnliked:       {events.VideoLike{}},
		events.TypeCommentCreated:     {events.VideoItem{Video: v, Item: events.ItemID{3}, Author: u}},
		events.TypeCommentDeleted:     {events.VideoItem{Video: v, Item: events.ItemID{3}}},
		events.TypeRemixCreated:       {events.VideoItem{}},
		events.TypeRemixDeleted:       {events.VideoItem{Video: v}},
		events.TypeGlitchCreated:      {events.VideoItem{Item: events.ItemID{4}}},
		events.TypeGlitchDeleted:      {events.VideoItem{Author: u}},
		events.TypeVideoDeleted:       {events.VideoVisibility{}, events.VideoVisibility{Video: v, Admin: u, Reason: fill(2000)}},
		events.TypeVideoRestored:      {events.VideoVisibility{Video: v, Reason: []byte("r")}},
		events.TypeAccountBlocked:     {events.AccountBlock{User: u, Retract: true, Reason: fill(2000)}},
		events.TypeAccountUnblocked:   {events.AccountBlock{User: u}},
		events.TypeUserBlocked:        {events.UserBlock{User: u, Blocked: events.UserID{5}}},
		events.TypeUserUnblocked:      {events.UserBlock{}},
		events.TypeCounterBaseline:    {events.CounterBaseline{}, events.CounterBaseline{Video: v, Source: fill(256), Set: 31, Values: [5]int64{events.MaxBaseline, events.MaxBaseline, 1, 0, 2}}},
		events.TypeJobCreated:         {events.JobCreated{Job: events.JobID{6}, Owner: u}},
		events.TypeJobCancelled:       {events.JobCancelled{Job: events.JobID{6}}},
		events.TypeJobUpdated:         {events.JobUpdated{}, events.JobUpdated{Job: events.JobID{6}, Attempt: 1<<32 - 1, Has: 15, Status: events.JobFailed, Progress: 100, ResultURL: fill(2048), Error: fill(1024)}},
		events.TypeNotificationSent:   {events.NotificationSent{}, events.NotificationSent{Notification: events.NotificationID{8}, User: u, Actor: events.UserID{9}, Category: bytes.Repeat([]byte("c"), 64), Payload: append(append([]byte(`"`), fill(4094)...), '"')}},
		events.TypeNotificationRead:   {events.NotificationRead{User: u, Scope: events.ReadByID, IDs: ids}, events.NotificationRead{User: u, Scope: events.ReadAll, HasBefore: true, Before: events.MinTime}},
		events.TypeDeadLetterRedriven: {events.DeadLetterMark{Letter: events.Position{Seq: 1<<63 - 1, Index: 1}}},
		events.TypeDeadLetterDropped:  {events.DeadLetterMark{}},
		events.TypeDeadLetterOpened:   {events.DeadLetterOpened{}},
		events.TypeOperationRecorded:  {events.OperationRecorded{Outcome: []byte(`{}`), Targets: ids}},
	}
	stored := testTime.Add(123456789)
	add := func(m eventlog.Message) {
		m.Seq, m.Stored, stored = uint64(len(log)+1), stored, stored.Add(time.Nanosecond)
		log = append(log, m)
	}
	for _, t := range events.Types() {
		for _, d := range data[t] {
			for _, m := range []events.Meta{
				{Type: t, Time: events.MinTime, Arrival: true},
				{Type: t, Time: events.TimeOf(testTime), Source: fill(256), ID: fill(256)},
			} {
				id := batchID(uint64(len(log) + 1))
				c := events.AppendCommand(nil, events.Command{Kind: events.IngestEvents, ID: events.CommandID{1}, Actor: u, Time: m.Time, Reason: fill(2000), Events: 1})
				frame := events.AppendEvent(nil, m, d)
				add(eventlog.Message{Subject: eventlog.BatchSubject, BatchID: id.String(), Data: events.AppendBatch(nil, events.BatchHeader{Incarnation: incarnation, ID: id},
					[]events.Entry{{Bytes: frame, Events: 1}, {Bytes: append(c, frame...), Events: 1}})})
			}
		}
		if len(data[t]) == 0 {
			panic(t.String() + " is missing")
		}
	}
	add(eventlog.Message{Subject: eventlog.BatchSubject})
	add(eventlog.Message{Subject: "tidemark.events.0.\xff<&>\u2028", BatchID: "\xc3(", Data: []byte{0}})
	add(eventlog.Message{Subject: eventlog.BatchSubject, Data: bytes.Repeat([]byte{0xff, 0}, 3<<19)})
	return log
}

func TestExportsHoldTheLargestOfEveryType(t *testing.T) {
	t.Parallel()
	log := largest()
	for _, format := range []replay.Format{replay.FormatMessages, replay.FormatParquet} {
		dir := t.TempDir()
		export(t, log, dir, replay.ExportOptions{Format: format, PartBytes: 64 << 10})
		x, err := replay.OpenExport(dir)
		if err != nil {
			t.Fatal(err)
		}
		mustBeAlike(t, string(format), log, mustRead(t, x))
	}
	// And over the wire, page by page.
	paged := replay.Paged{Fetch: func(ctx context.Context, from, to uint64) (*replay.Page, error) {
		page, err := replay.ReadPage(ctx, log, from, to)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(page)
		if err != nil {
			return nil, err
		}
		var again replay.Page
		return &again, json.Unmarshal(text, &again)
	}}
	mustBeAlike(t, "pages", log, mustRead(t, paged))
}

func mustBeAlike(t *testing.T, what string, want, got []eventlog.Message) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%s: %d messages, want %d", what, len(got), len(want))
	}
	for i := range want {
		if want[i].Seq != got[i].Seq || !want[i].Stored.Equal(got[i].Stored) || want[i].Subject != got[i].Subject || want[i].BatchID != got[i].BatchID || !bytes.Equal(want[i].Data, got[i].Data) {
			t.Errorf("%s: message %d: subject %q, batch %q, %d bytes, of %q, %q, %d bytes", what, want[i].Seq, got[i].Subject, got[i].BatchID, len(got[i].Data), want[i].Subject, want[i].BatchID, len(want[i].Data))
		}
	}
}
