package api_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"strconv"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
)

// fields are the values of a layout's fields: uint64, or the bytes as text.
type fields map[string]any

// decodeLayout reads data by an x-tidemark-layout of the document, and by
// nothing else: what a producer's author has to go by.
func decodeLayout(t *testing.T, doc object, name string, data []byte) fields {
	t.Helper()
	layout, ok := resolve(doc, "/components/schemas/"+name+"/x-tidemark-layout").([]any)
	if !ok {
		t.Fatalf("schema %s has no x-tidemark-layout", name)
	}
	got := fields{}
	take := func(n int) []byte {
		if n > len(data) {
			t.Fatalf("%s: a field ends %d bytes behind the data", name, n-len(data))
		}
		part := data[:n]
		data = data[n:]
		return part
	}
	var before uint64
	for _, entry := range layout {
		field, kind := entry.(object)["field"].(string), entry.(object)["type"].(string)
		if when, conditional := entry.(object)["when"].(string); conditional && !flagIsSet(when, got) {
			continue
		}
		switch {
		case kind[0] == 'u' && len(kind) <= 3, kind == "i64":
			width, err := strconv.Atoi(kind[1:])
			if err != nil {
				t.Fatalf("%s: type %s is unknown", name, kind)
			}
			before = 0
			for _, b := range take(width / 8) {
				before = before<<8 | uint64(b)
			}
			got[field] = before
		case kind == "uuid":
			got[field] = string(take(16))
		case strings.HasPrefix(kind, "bytes("):
			var n int
			fmt.Sscanf(kind, "bytes(%d)", &n)
			got[field] = string(take(n))
		case kind == "text":
			got[field] = string(take(int(binary.BigEndian.Uint16(take(2)))))
		case kind == "short":
			got[field] = string(take(int(take(1)[0]) + 1))
		case kind == "uuids":
			got[field] = string(take(16 * int(binary.BigEndian.Uint16(take(2)))))
		case kind == "u64s":
			got[field] = string(take(8 * bits.OnesCount64(before)))
		case kind == "rest":
			got[field] = string(take(len(data)))
		default:
			t.Fatalf("%s: type %s is unknown", name, kind)
		}
	}
	if len(data) > 0 {
		t.Fatalf("%s: %d bytes are left over", name, len(data))
	}
	return got
}

func flagIsSet(when string, got fields) bool {
	bit, err := strconv.Atoi(strings.TrimPrefix(when, "flag "))
	return err == nil && got["flags"].(uint64)>>bit&1 == 1
}

// decodeFrames cuts frames by the length that both kinds of frame have at byte 3.
func decodeFrames(t *testing.T, doc object, frames string) (commands, list []fields) {
	t.Helper()
	for rest := []byte(frames); len(rest) > 0; {
		if len(rest) < 5 {
			t.Fatalf("%d bytes are left over", len(rest))
		}
		n := 5 + int(binary.BigEndian.Uint16(rest[3:]))
		if rest[0] == 0x80 {
			commands = append(commands, decodeLayout(t, doc, "CommandFrame", rest[:n]))
		} else {
			list = append(list, decodeLayout(t, doc, "EventFrame", rest[:n]))
		}
		rest = rest[n:]
	}
	return commands, list
}

// sampleID makes the IDs of the samples: sixteen times the letter.
func sampleID(letter string) (id [16]byte) {
	copy(id[:], strings.Repeat(letter, 16))
	return id
}

var (
	idA, idB, idC       = sampleID("a"), sampleID("b"), sampleID("c")
	textA, textB, textC = strings.Repeat("a", 16), strings.Repeat("b", 16), strings.Repeat("c", 16)
	items               = events.VideoItem{Video: idA, Item: idB, Author: idC}
	visibility          = events.VideoVisibility{Video: idA, Admin: idB, Reason: []byte("why")}
	account             = events.AccountBlock{User: idA, Admin: idB, Retract: true, Reason: []byte("why")}
)

var samples = map[events.Type]struct {
	data events.Data
	want fields
}{
	events.TypeVideoPublished: {events.VideoPublished{Video: idA, Author: idB}, fields{"video_id": textA, "author_id": textB}},
	events.TypeVideoViewed:    {events.VideoViewed{Video: idA, User: idB}, fields{"video_id": textA, "user_id": textB}},
	events.TypeVideoLiked:     {events.VideoLike{Video: idA, User: idB}, fields{"video_id": textA, "user_id": textB}},
	events.TypeVideoUnliked:   {events.VideoLike{Video: idA, User: idB}, fields{"video_id": textA, "user_id": textB}},
	events.TypeCommentCreated: {items, fields{"video_id": textA, "comment_id": textB, "author_id": textC}},
	events.TypeCommentDeleted: {items, fields{"video_id": textA, "comment_id": textB, "author_id": textC}},
	events.TypeRemixCreated:   {items, fields{"video_id": textA, "remix_id": textB, "author_id": textC}},
	events.TypeRemixDeleted:   {items, fields{"video_id": textA, "remix_id": textB, "author_id": textC}},
	events.TypeGlitchCreated:  {items, fields{"video_id": textA, "glitch_id": textB, "author_id": textC}},
	events.TypeGlitchDeleted:  {items, fields{"video_id": textA, "glitch_id": textB, "author_id": textC}},
	events.TypeVideoDeleted:   {visibility, fields{"video_id": textA, "admin_id": textB, "reason": "why"}},
	events.TypeVideoRestored:  {visibility, fields{"video_id": textA, "admin_id": textB, "reason": "why"}},
	events.TypeJobCreated:     {events.JobCreated{Job: idA, Owner: idB}, fields{"job_id": textA, "owner_id": textB}},
	events.TypeJobUpdated: {
		events.JobUpdated{Job: idA, Attempt: 7, Has: events.JobHasStatus | events.JobHasProgress | events.JobHasResultURL, Status: events.JobProcessing, Progress: 42, ResultURL: []byte("u")},
		fields{"job_id": textA, "attempt": uint64(7), "has": uint64(7), "status": uint64(2), "progress": uint64(42), "result_url": "u", "error": ""},
	},
	events.TypeJobCancelled: {events.JobCancelled{Job: idA}, fields{"job_id": textA}},
	events.TypeNotificationSent: {
		events.NotificationSent{Notification: idA, User: idB, Actor: idC, Category: []byte("like"), Payload: []byte("{}")},
		fields{"notification_id": textA, "user_id": textB, "actor_id": textC, "category": "like", "payload": "{}"},
	},
	events.TypeNotificationRead: {
		events.NotificationRead{User: idA, Scope: events.ReadByID, IDs: []byte(textB + textC)},
		fields{"user_id": textA, "scope": uint64(1), "has_before": uint64(0), "before": uint64(0), "category": "", "notification_ids": textB + textC},
	},
	events.TypeUserBlocked:      {events.UserBlock{User: idA, Blocked: idB}, fields{"user_id": textA, "blocked_id": textB}},
	events.TypeUserUnblocked:    {events.UserBlock{User: idA, Blocked: idB}, fields{"user_id": textA, "blocked_id": textB}},
	events.TypeAccountBlocked:   {account, fields{"user_id": textA, "admin_id": textB, "retract": uint64(1), "reason": "why"}},
	events.TypeAccountUnblocked: {account, fields{"user_id": textA, "admin_id": textB, "retract": uint64(1), "reason": "why"}},
	events.TypeCounterBaseline: {
		events.CounterBaseline{Video: idA, Source: []byte("old"), Set: 1<<events.Views | 1<<events.Glitches, Values: [5]int64{3, 0, 0, 0, 4}},
		fields{"video_id": textA, "source": "old", "set": uint64(17), "values": "\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x04"},
	},
	events.TypeDeadLetterRedriven: {events.DeadLetterMark{Letter: events.Position{Seq: 8112, Index: 17}}, fields{"sequence": uint64(8112), "index": uint64(17)}},
	events.TypeDeadLetterDropped:  {events.DeadLetterMark{Letter: events.Position{Seq: 8112, Index: 17}}, fields{"sequence": uint64(8112), "index": uint64(17)}},
	events.TypeDeadLetterOpened:   {events.DeadLetterOpened{Letter: events.Position{Seq: 8112}, Batch: events.BatchID(idA)}, fields{"sequence": uint64(8112), "index": uint64(0), "batch_id": textA}},
	events.TypeOperationRecorded:  {events.OperationRecorded{Outcome: []byte("{}"), Targets: []byte(textA + textB)}, fields{"outcome": "{}", "targets": textA + textB}},
}

// TestLayoutsOfTheDocumentReadRecordBatches writes a record batch with the
// service's own code and reads it with the document's layouts.
func TestLayoutsOfTheDocumentReadRecordBatches(t *testing.T) {
	doc := loadJSON(t, api.AsyncAPI)
	command := events.Command{Kind: events.DeleteVideos, ID: idA, Keyed: true, Actor: idB, Time: 5, Reason: []byte("why"), Events: 1}
	entries := []events.Entry{{
		Bytes:  events.AppendEvent(events.AppendCommand(nil, command), events.Meta{Type: events.TypeVideoDeleted, Time: 5}, visibility),
		Events: 1,
	}}
	for _, typ := range events.Types() {
		meta := events.Meta{Type: typ, Time: 1700000000000001, Source: []byte("edge"), ID: []byte("17")}
		entries = append(entries, events.Entry{Bytes: events.AppendEvent(nil, meta, samples[typ].data), Events: 1})
	}
	raw := events.AppendBatch(nil, events.BatchHeader{ID: events.BatchID(idC)}, entries)

	batch := decodeLayout(t, doc, "RecordBatch", raw)
	same(t, "record batch", batch, fields{
		"magic": "TMRB", "version": uint64(1), "flags": uint64(0), "reserved": uint64(0),
		"entries": uint64(len(entries)), "events": uint64(len(entries)), "incarnation": strings.Repeat("\x00", 16), "batch_id": textC,
	})
	sum := crc32.Checksum(append(append([]byte{}, raw[:44]...), raw[48:]...), crc32.MakeTable(crc32.Castagnoli))
	same(t, "record batch", batch, fields{"checksum": uint64(sum)})

	commands, list := decodeFrames(t, doc, batch["frames"].(string))
	if len(commands) != 1 || len(list) != len(entries) {
		t.Fatalf("%d commands and %d events, want 1 and %d", len(commands), len(list), len(entries))
	}
	same(t, "command", commands[0], fields{
		"marker": uint64(128), "version": uint64(1), "flags": uint64(1), "kind": uint64(events.DeleteVideos), "time": uint64(5),
		"id": textA, "actor": textB, "events": uint64(1), "reason": "why",
	})
	for i, frame := range list[1:] {
		typ := events.Types()[i]
		same(t, typ.String(), frame, fields{
			"type": uint64(typ), "version": uint64(1), "flags": uint64(1), "time": uint64(1700000000000001), "source": "edge", "id": "17",
		})
		layout := resolve(doc, "/components/messages/"+camel(typ.String())+"/x-tidemark-data-layout/$ref").(string)
		data := decodeLayout(t, doc, strings.TrimPrefix(layout, "#/components/schemas/"), []byte(frame["data"].(string)))
		if len(data) != len(samples[typ].want) {
			t.Errorf("%s has the fields %v, want %v", typ, data, samples[typ].want)
		}
		same(t, typ.String(), data, samples[typ].want)
	}
}

func same(t *testing.T, what string, got, want fields) {
	t.Helper()
	for field, value := range want {
		if got[field] != value {
			t.Errorf("%s: %s is %q, want %q", what, field, got[field], value)
		}
	}
}
