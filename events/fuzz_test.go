package events

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

func FuzzReadBatch(f *testing.F) {
	f.Add(testBatch())
	all := samples()
	for _, typ := range Types() {
		f.Add(AppendBatch(nil, BatchHeader{}, []Entry{{Bytes: AppendEvent(nil, sampleMeta(typ), all[typ]), Events: 1}}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		walkBatch(t, data)
		if len(data) >= batchHeaderSize { // a fuzzer finds no checksum by itself
			walkBatch(t, reseal(bytes.Clone(data)))
		}
	})
}

// walkBatch reads a record batch as the fold does: what ReadBatch lets through
// is walked to its end and matches its header, and each event is poison or is
// the same when written and read again.
func walkBatch(t *testing.T, data []byte) {
	batch, err := ReadBatch(data)
	if err != nil {
		if !errors.Is(err, ErrNotBatch) && !errors.Is(err, ErrBatchVersion) && !errors.Is(err, ErrBatchCorrupt) {
			t.Fatalf("ReadBatch: %v", err)
		}
		return
	}
	mustOutline(t, &batch)
	entries, count, open := 0, 0, 0
	cursor := batch.Cursor()
	for {
		var e Event
		step, err := cursor.Next(&e)
		if err != nil && (step != StepEvent || !errors.Is(err, ErrRule)) {
			t.Fatalf("step %v: %v", step, err)
		}
		switch step {
		case StepEnd:
			if entries != batch.Entries || count != batch.Events || open != 0 {
				t.Fatalf("%d entries, %d events, %d open; the header says %+v", entries, count, open, batch.BatchHeader)
			}
			return
		case StepCommand:
			entries, open = entries+1, cursor.Command.Events
		case StepEvent:
			if int(e.Index) != count || (open > 0) != (cursor.Command != nil) {
				t.Fatalf("event %d has index %d, command %v", count, e.Index, cursor.Command)
			}
			if open > 0 {
				open--
			} else {
				entries++
			}
			count++
			if err == nil {
				checkDecoded(t, &e)
			}
		}
		if cursor.Closes() != (cursor.Command != nil && open == 0) {
			t.Fatalf("Closes is %t with %d events open", cursor.Closes(), open)
		}
	}
}

// checkDecoded decodes an event whose frame is good, and if its data is good
// too, writes it and reads it again in both forms.
func checkDecoded(t *testing.T, e *Event) {
	data, err := decodeAny(e)
	if err != nil {
		if !errors.Is(err, ErrRule) {
			t.Fatalf("%v: %v", e.Type, err)
		}
		return
	}
	var again Event
	if err := again.parse(AppendEvent(nil, e.Meta, data), e.Index); err != nil {
		t.Fatalf("%+v, written again: %v", data, err)
	}
	if got, err := decodeAny(&again); err != nil || !sameData(got, data) {
		t.Fatalf("%+v, written again, is %+v, %v", data, got, err)
	}
	event, err := AppendCloudEvent(nil, e, CloudEventDefaults{Source: []byte("s"), ID: []byte("i"), Reason: []byte("r")})
	if err != nil {
		t.Fatalf("%+v as a CloudEvent: %v", data, err)
	}
	if e.Type.Internal() {
		return // nobody sends it
	}
	rules := testRules
	rules.Now = MaxTime.Std()
	var r CloudEventReader
	got, err := r.Read(event, CloudEventLines, rules)
	var deep bool // a payload may be as deep alone as the whole event may be
	if sent, ok := data.(NotificationSent); ok {
		deep = bytes.Count(sent.Payload, []byte("["))+bytes.Count(sent.Payload, []byte("{")) > strictjson.MaxDepth-2
	}
	if err != nil || got.Events != 1 && !deep {
		t.Fatalf("%s: %+v, %v", event, got.Rejected, err)
	}
}

func FuzzCloudEvents(f *testing.F) {
	all := samples()
	var lines []byte
	for _, typ := range PublicTypes() {
		e := Event{Meta: sampleMeta(typ), data: all[typ].appendTo(nil)}
		event, err := AppendCloudEvent(nil, &e, CloudEventDefaults{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(event, true)
		f.Add(append(append([]byte{'['}, event...), ']'), false)
		lines = append(append(lines, event...), '\n')
	}
	f.Add(lines, true)
	f.Add([]byte(`{"data":{"video_id":"`+plainID+`"},`+viewed[1:]), true)
	var reused CloudEventReader
	f.Fuzz(func(t *testing.T, body []byte, asLines bool) {
		format := CloudEventBatch
		if asLines {
			format = CloudEventLines
		}
		got, err := reused.Read(body, format, testRules)
		if err != nil {
			checkWholeError(t, err, format)
			return
		}
		if got.Sent < 1 || got.Sent > MaxBatchEvents || got.Events+len(got.Rejected) != got.Sent {
			t.Fatalf("%+v", got)
		}
		for i, one := range got.Rejected {
			if one.Index >= got.Sent || i > 0 && one.Index <= got.Rejected[i-1].Index || one.Detail == "" || len(one.Detail) > 2000 {
				t.Fatalf("%+v", got.Rejected)
			}
		}
		taken := readFrames(t, got.Frames)
		if len(taken) != got.Events {
			t.Fatalf("%d frames, %d events", len(taken), got.Events)
		}
		for i := range taken {
			checkTaken(t, &taken[i])
		}
	})
}

func checkWholeError(t *testing.T, err error, format CloudEventFormat) {
	var syntax *strictjson.SyntaxError
	var content strictjson.ContentErrors
	switch {
	case errors.As(err, &syntax) && format == CloudEventBatch:
	case errors.As(err, &content) && len(content) > 0:
	default:
		t.Fatalf("%T: %v", err, err)
	}
}

// checkTaken checks that nothing was taken which breaks a rule.
func checkTaken(t *testing.T, e *Event) {
	data, err := decodeAny(e)
	if err != nil {
		t.Fatalf("%v was taken: %v", e.Type, err)
	}
	if err := e.CheckTime(testRules.Now); err != nil {
		t.Fatal(err)
	}
	if len(e.Source) == 0 || len(e.ID) == 0 || e.Arrival {
		t.Fatalf("taken with %+v", e.Meta)
	}
	switch d := data.(type) {
	case VideoVisibility:
		if d.Admin != testRules.Caller || len(d.Reason) == 0 {
			t.Fatalf("taken: %+v", d)
		}
	case AccountBlock:
		if d.Admin != testRules.Caller || len(d.Reason) == 0 {
			t.Fatalf("taken: %+v", d)
		}
	}
	checkDecoded(t, e)
}
