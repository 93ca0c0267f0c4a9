package events

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files that are missing; those there are kept for ever")

// golden returns the bytes of a golden file, one that may have been written
// years ago: what stands in a log must be read by every later version.
func golden(t *testing.T, name string, encoded []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".hex")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && *update {
		text = []byte(hexLines(encoded))
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, text, 0o644)
		}
	}
	if err != nil {
		t.Fatalf("%v; for a new type, run this test with -update", err)
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return data
}

// hexLines writes 32 bytes a line.
func hexLines(data []byte) string {
	var text strings.Builder
	for chunk := range bytesChunks(data, 32) {
		text.WriteString(hex.EncodeToString(chunk) + "\n")
	}
	return text.String()
}

func bytesChunks(data []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			n := min(size, len(data))
			if !yield(data[:n]) {
				return
			}
			data = data[n:]
		}
	}
}

func checkGolden(t *testing.T, name string, frame []byte, meta Meta, data Data) {
	t.Helper()
	if want := golden(t, name, frame); !bytes.Equal(frame, want) {
		t.Errorf("%s is written as\n%sand was written as\n%s", name, hexLines(frame), hexLines(want))
	}
	var e Event
	if err := e.parse(golden(t, name, frame), 3); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if e.Type != meta.Type || e.Time != meta.Time || e.Arrival != meta.Arrival || e.Index != 3 ||
		!bytes.Equal(e.Source, meta.Source) || !bytes.Equal(e.ID, meta.ID) {
		t.Errorf("%s is read as %+v, want %+v", name, e.Meta, meta)
	}
	if got, err := decodeAny(&e); err != nil || !sameData(got, data) {
		t.Errorf("%s is read as %+v, %v; want %+v", name, got, err, data)
	}
}

func TestEventsOfEveryTypeAreReadAndWrittenAsEver(t *testing.T) {
	all := samples()
	for _, typ := range Types() {
		data, meta := all[typ], sampleMeta(typ)
		if data == nil {
			t.Errorf("%v has no sample", typ)
			continue
		}
		checkGolden(t, typ.String()+".v1", AppendEvent(nil, meta, data), meta, data)
	}
}

func TestVariantsOfEventsAreReadAndWrittenAsEver(t *testing.T) {
	user := testID[userKind](2)
	for name, c := range map[string]struct {
		meta Meta
		data Data
	}{
		"video.viewed.anonymous.v1":     {Meta{Type: TypeVideoViewed, Time: -1}, VideoViewed{Video: testID[videoKind](1)}},
		"video.liked.arrival.v1":        {Meta{Type: TypeVideoLiked, Time: 1, Arrival: true}, VideoLike{Video: testID[videoKind](1), User: user}},
		"job.updated.attempt.v1":        {sampleMeta(TypeJobUpdated), JobUpdated{Job: testID[jobKind](5), Attempt: 1}},
		"notification.read.by-id.v1":    {sampleMeta(TypeNotificationRead), NotificationRead{User: user, Scope: ReadByID, IDs: bytes.Repeat([]byte{7}, 48)}},
		"notification.read.all.v1":      {sampleMeta(TypeNotificationRead), NotificationRead{User: user, Scope: ReadAll}},
		"counter.baseline.likes.v1":     {sampleMeta(TypeCounterBaseline), CounterBaseline{Video: testID[videoKind](1), Source: []byte("s"), Set: 1 << Likes, Values: [CounterCount]int64{Likes: 12}}},
		"video.deleted.no-reason.v1":    {Meta{Type: TypeVideoDeleted, Time: 1}, VideoVisibility{Video: testID[videoKind](1), Admin: user}},
		"operation.recorded.bare.v1":    {Meta{Type: TypeOperationRecorded, Time: 1}, OperationRecorded{}},
		"notification.sent.no-actor.v1": {sampleMeta(TypeNotificationSent), NotificationSent{Notification: testID[notificationKind](6), User: user, Category: []byte("c")}},
	} {
		checkGolden(t, name, AppendEvent(nil, c.meta, c.data), c.meta, c.data)
	}
}

func TestCommandsAndRecordBatchesAreReadAndWrittenAsEver(t *testing.T) {
	command := testCommand(2)
	frame := AppendCommand(nil, command)
	stored := golden(t, "command.v1", frame)
	var read Command
	if err := read.parse(stored); err != nil || !sameCommand(read, command) || !bytes.Equal(frame, stored) {
		t.Errorf("the command is read as %+v, %v and written as\n%s", read, err, hexLines(frame))
	}
	batch := testBatch()
	stored = golden(t, "recordbatch.v1", batch)
	if _, err := ReadBatch(stored); err != nil || !bytes.Equal(batch, stored) {
		t.Errorf("the record batch is read with %v and written as\n%s", err, hexLines(batch))
	}
}

func TestEveryGoldenFileIsRead(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.hex")
	if err != nil || len(files) < len(Types())+2 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hex")
		data := golden(t, name, nil)
		switch {
		case strings.HasPrefix(name, "recordbatch."):
			_, err = ReadBatch(data)
		case strings.HasPrefix(name, "command."):
			err = new(Command).parse(data)
		default:
			var e Event
			if err = e.parse(data, 0); err == nil {
				_, err = decodeAny(&e)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
