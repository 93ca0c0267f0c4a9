package replay

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

// fuzzedPart says which messages a part that is made up should hold.
var fuzzedPart = Part{File: "part", First: 1, Last: 3}

// fuzzedLog is three messages: events with and without identity, a command, and what
// is no record batch.
func fuzzedLog() (log []eventlog.Message) {
	at := events.TimeOf(time.Unix(1_700_000_000, 0))
	viewed := events.AppendEvent(nil, events.Meta{Type: events.TypeVideoViewed, Time: at, Source: []byte("s"), ID: []byte("i")}, events.VideoViewed{Video: events.VideoID{1}})
	liked := events.AppendEvent(nil, events.Meta{Type: events.TypeVideoLiked, Time: at, Arrival: true}, events.VideoLike{Video: events.VideoID{1}, User: events.UserID{2}})
	command := events.AppendCommand(nil, events.Command{Kind: events.LikeVideo, ID: events.CommandID{3}, Keyed: true, Actor: events.UserID{2}, Time: at, Events: 1})
	entries := [][]events.Entry{
		{{Bytes: viewed, Events: 1}, {Bytes: liked, Events: 1}},
		{{Bytes: append(command, liked...), Events: 1}},
	}
	for i, e := range entries {
		id := events.BatchID{byte(i + 1)}
		log = append(log, eventlog.Message{
			Seq: uint64(i + 1), Stored: at.Std(), BatchID: id.String(), Subject: eventlog.BatchSubject, Data: events.AppendBatch(nil, events.BatchHeader{ID: id}, e),
		})
	}
	return append(log, eventlog.Message{Seq: 3, Stored: at.Std(), Subject: "tidemark.events.0.other", Data: []byte("no record batch")})
}

// packed is a part of lines.
func packed(t testing.TB, lines []byte) []byte {
	t.Helper()
	var part bytes.Buffer
	packer, err := newPacker(&part)
	if err == nil {
		_, err = packer.Write(lines)
	}
	if err == nil {
		err = packer.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return part.Bytes()
}

// mustBeWhole: what was read is what the part should hold, or an error.
func mustBeWhole(t *testing.T, messages []eventlog.Message, err error) {
	t.Helper()
	if err != nil {
		return
	}
	if len(messages) != 3 {
		t.Fatalf("read %d messages", len(messages))
	}
	for i := range messages {
		if messages[i].Seq != uint64(i+1) {
			t.Errorf("message %d is read as number %d", messages[i].Seq, i+1)
		}
	}
}

func FuzzPartsOfMessages(f *testing.F) {
	var lines []byte
	log := fuzzedLog()
	for i := range log {
		lines, _ = AppendMessageLine(lines, &log[i])
	}
	f.Add(lines, false)
	f.Add(packed(f, lines), true)
	f.Fuzz(func(t *testing.T, file []byte, asItIs bool) {
		if !asItIs {
			file = packed(t, file)
		}
		messages, err := decodePart(FormatMessages, file, &fuzzedPart)
		mustBeWhole(t, messages, err)
		for _, m := range messages {
			again, err := AppendMessageLine(nil, &m)
			if err != nil {
				continue // a year that RFC 3339 cannot write
			}
			back, err := ParseMessageLine(again)
			if err != nil || !cmp.Equal(m, back) && len(m.Data) > 0 {
				t.Errorf("%+v was read back as %+v, %v", m, back, err)
			}
		}
	})
}

func FuzzPartsOfParquet(f *testing.F) {
	for _, options := range [][]parquet.WriterOption{{parquet.Compression(&parquet.Zstd)}, {parquet.Compression(&parquet.Uncompressed)}} {
		var file bytes.Buffer
		p := parquetPart{writer: parquet.NewGenericWriter[eventRow](&file, options...)}
		for _, m := range fuzzedLog() {
			if _, _, err := p.message(&m); err != nil {
				f.Fatal(err)
			}
		}
		if err := p.close(); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		messages, err := decodePart(FormatParquet, file, &fuzzedPart)
		mustBeWhole(t, messages, err)
	})
}

// FuzzPartsOfEvents: each line of an export of events that is sent to a service is
// taken or refused there, alone as among others.
func FuzzPartsOfEvents(f *testing.F) {
	var part bytes.Buffer
	out, err := newEventsPart(&part, events.Incarnation{1}, nil, newRepeatFilter(time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range fuzzedLog() {
		if _, _, err := out.message(&m); err != nil {
			f.Fatal(err)
		}
	}
	if err := out.close(); err != nil {
		f.Fatal(err)
	}
	f.Add(part.Bytes(), true)
	err = eachLine(part.Bytes(), partLimit, func(line []byte) error {
		f.Add(append(bytes.Clone(line), line...), false)
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	rules := events.CloudEventRules{Now: time.Unix(1_800_000_000, 0), Caller: events.UserID{7}, Admin: true}
	f.Fuzz(func(t *testing.T, file []byte, asItIs bool) {
		if !asItIs {
			file = packed(t, file)
		}
		var lines [][]byte
		alone := 0
		err := eachLine(file, 1<<20, func(line []byte) error {
			lines = append(lines, bytes.Clone(line))
			var reader events.CloudEventReader
			if in, err := reader.Read(line, events.CloudEventLines, rules); err == nil {
				alone += in.Events
			}
			return nil
		})
		if err != nil || len(lines) > events.MaxBatchEvents {
			return
		}
		var reader events.CloudEventReader
		in, err := reader.Read(bytes.Join(lines, []byte("\n")), events.CloudEventLines, rules)
		if err == nil && in.Events != alone {
			t.Errorf("of %d lines %d events are taken together, and %d one by one", len(lines), in.Events, alone)
		}
	})
}
