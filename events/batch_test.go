package events

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// testBatch is a record batch with a bare event, a command of two events, a
// command of none, and another bare event.
func testBatch() []byte {
	view := func(n byte) []byte {
		return AppendEvent(nil, Meta{Type: TypeVideoViewed, Time: Time(n)}, VideoViewed{Video: testID[videoKind](n)})
	}
	command := AppendCommand(nil, testCommand(2))
	command = append(append(command, view(2)...), view(3)...)
	return AppendBatch(nil, BatchHeader{Incarnation: Incarnation{1, 2}, ID: BatchID{0xde, 0xad, 0xbe, 0xef, 5}}, []Entry{
		{Bytes: view(1), Events: 1}, {Bytes: command, Events: 2}, {Bytes: AppendCommand(nil, testCommand(0))}, {Bytes: view(4), Events: 1},
	})
}

func testCommand(count int) Command {
	return Command{
		Kind: DeleteVideos, ID: testID[commandKind](9), Keyed: true, Request: RequestHash{1, 2, 3}, Actor: testID[userKind](2),
		Privileged: true, Time: TimeOf(testNow), Reason: []byte("spam"), Events: count,
	}
}

// reseal makes the checksum of a changed record batch right.
func reseal(batch []byte) []byte {
	binary.BigEndian.PutUint32(batch[batchSumAt:], batchSum(batch))
	return batch
}

func TestCursorGoesThroughCommandsAndBareEventsInOrder(t *testing.T) {
	batch, err := ReadBatch(testBatch())
	if err != nil {
		t.Fatal(err)
	}
	if batch.Entries != 4 || batch.Events != 4 || batch.Version != BatchVersion || batch.ID.Tag() != 0xdeadbeef || batch.Incarnation != (Incarnation{1, 2}) {
		t.Errorf("header %+v", batch.BatchHeader)
	}
	var e Event
	cursor := batch.Cursor()
	for i, want := range []struct {
		step    Step
		index   uint16
		command bool
		closes  bool
	}{
		{StepEvent, 0, false, false},
		{StepCommand, 0, true, false},
		{StepEvent, 1, true, false},
		{StepEvent, 2, true, true},
		{StepCommand, 0, true, true}, // of no events: it closes as it begins
		{StepEvent, 3, false, false},
		{StepEnd, 0, false, false},
		{StepEnd, 0, false, false},
	} {
		step, err := cursor.Next(&e)
		if err != nil || step != want.step || (cursor.Command != nil) != want.command || cursor.Closes() != want.closes {
			t.Fatalf("step %d: %v, %v, command %v, closes %t", i, step, err, cursor.Command, cursor.Closes())
		}
		if step == StepEvent && (e.Index != want.index || e.Time != Time(want.index)+1 || e.HasIdentity() ||
			!bytes.Equal(e.Raw, AppendEvent(nil, e.Meta, VideoViewed{Video: testID[videoKind](byte(e.Time))}))) {
			t.Errorf("step %d: event %+v", i, e)
		}
		if step == StepCommand && !sameCommand(*cursor.Command, testCommand(cursor.Command.Events)) {
			t.Errorf("step %d: command %+v", i, *cursor.Command)
		}
	}
}

func sameCommand(a, b Command) bool {
	return bytes.Equal(AppendCommand(nil, a), AppendCommand(nil, b)) && bytes.Equal(a.Reason, b.Reason)
}

func TestBatchThatEndsWithACommandOfNoEventsIsReadToItsEnd(t *testing.T) {
	entry := Entry{Bytes: AppendCommand(nil, testCommand(0))}
	batch, err := ReadBatch(AppendBatch(nil, BatchHeader{}, []Entry{entry, entry}))
	if err != nil || batch.Entries != 2 || batch.Events != 0 {
		t.Fatalf("%+v, %v", batch, err)
	}
	cursor, e := batch.Cursor(), Event{}
	for range 2 {
		if step, _ := cursor.Next(&e); step != StepCommand || !cursor.Closes() {
			t.Fatalf("step %v, closes %t", step, cursor.Closes())
		}
	}
	if step, _ := cursor.Next(&e); step != StepEnd || cursor.Command != nil {
		t.Fatalf("step %v, command %v", step, cursor.Command)
	}
}

func TestEveryFlippedByteAndEveryCutIsDetected(t *testing.T) {
	good := testBatch()
	for i := range good {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			_, err := ReadBatch(bad)
			want := ErrBatchCorrupt
			switch {
			case i < 4:
				want = ErrNotBatch
			case i == 4:
				want = ErrBatchVersion
			}
			if !errors.Is(err, want) {
				t.Errorf("byte %d xor %#x: %v, want %v", i, flip, err, want)
			}
		}
		_, err := ReadBatch(good[:i])
		want := ErrBatchCorrupt
		if i < batchHeaderSize {
			want = ErrNotBatch
		}
		if !errors.Is(err, want) {
			t.Errorf("cut to %d bytes: %v, want %v", i, err, want)
		}
		if i < batchHeaderSize {
			continue
		}
		// With a checksum that is right, the frames still do not fill the batch.
		if _, err := ReadBatch(reseal(bytes.Clone(good[:i]))); !errors.Is(err, ErrBatchCorrupt) {
			t.Errorf("cut to %d bytes and resealed: %v", i, err)
		}
	}
	if _, err := ReadBatch(append(bytes.Clone(good), 0)); !errors.Is(err, ErrBatchCorrupt) {
		t.Errorf("with a byte too many: %v", err)
	}
}

func TestBatchesWhoseFramesDoNotFitTheirHeaderAreCorrupt(t *testing.T) {
	event := AppendEvent(nil, Meta{Type: TypeVideoViewed}, VideoViewed{})
	build := func(entries int, frames ...[]byte) []byte {
		b := AppendBatch(nil, BatchHeader{}, []Entry{{Bytes: bytes.Join(frames, nil), Events: 1}})
		binary.BigEndian.PutUint16(b[6:], uint16(entries))
		binary.BigEndian.PutUint16(b[8:], 1)
		return reseal(b)
	}
	later := AppendCommand(nil, testCommand(1))
	later[1]++
	unknown := AppendCommand(nil, testCommand(1))
	unknown[frameHeaderSize] = byte(commandKindEnd)
	long := AppendCommand(nil, testCommand(1))
	long[4]++
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"good, bare":                       {build(1, event), nil},
		"good, command":                    {build(1, AppendCommand(nil, testCommand(1)), event), nil},
		"too many entries said":            {build(2, event), ErrBatchCorrupt},
		"too few entries said":             {build(0, event), ErrBatchCorrupt},
		"too many events":                  {build(2, event, event), ErrBatchCorrupt},
		"command with too few events":      {build(1, AppendCommand(nil, testCommand(2)), event), ErrBatchCorrupt},
		"command with more than any batch": {build(1, AppendCommand(nil, testCommand(65535)), event), ErrBatchCorrupt},
		"command within a command":         {build(2, AppendCommand(nil, testCommand(1)), AppendCommand(nil, testCommand(1)), event), ErrBatchCorrupt},
		"command of a later layout":        {build(1, later, event), ErrBatchVersion},
		"command of an unknown kind":       {build(1, unknown, event), ErrBatchVersion},
		"command that swallows a byte":     {build(1, long, event), ErrBatchVersion},
	} {
		if _, err := ReadBatch(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	over := AppendBatch(nil, BatchHeader{}, []Entry{{Bytes: bytes.Repeat(event, MaxBatchEvents+1), Events: MaxBatchEvents + 1}})
	if _, err := ReadBatch(over); !errors.Is(err, ErrBatchCorrupt) {
		t.Errorf("%d events: %v", MaxBatchEvents+1, err)
	}
}

func TestPoisonIsAloneAmongItsNeighbours(t *testing.T) {
	good := AppendEvent(nil, Meta{Type: TypeVideoViewed, Time: 7}, VideoViewed{Video: testID[videoKind](1)})
	named := AppendEvent(nil, Meta{Type: TypeVideoViewed, Source: []byte("s"), ID: []byte("i")}, VideoViewed{})
	change := func(frame []byte, at int, to byte) []byte {
		frame = bytes.Clone(frame)
		frame[at] = to
		return frame
	}
	for name, poison := range map[string][]byte{
		"type 0":                {0, dataVersion, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0},
		"unknown type":          change(good, 0, byte(typeEnd)),
		"unknown type above":    change(good, 0, 0xff),
		"later layout":          change(good, 1, dataVersion+1),
		"unknown flags":         change(good, 2, 4),
		"no time":               {byte(TypeVideoViewed), dataVersion, 0, 0, 0},
		"time before year 1":    change(good, frameHeaderSize, 0x80),
		"time after year 9999":  change(good, frameHeaderSize, 0x7f),
		"identity cut short":    change(named, frameHeaderSize+8, 0xff),
		"identity not in UTF-8": change(named, frameHeaderSize+9, 0xff),
	} {
		batch, err := ReadBatch(AppendBatch(nil, BatchHeader{}, []Entry{{Bytes: good, Events: 1}, {Bytes: poison, Events: 1}, {Bytes: good, Events: 1}}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		cursor := batch.Cursor()
		for i, wantErr := range []bool{false, true, false} {
			var e Event
			step, err := cursor.Next(&e)
			if step != StepEvent || errors.Is(err, ErrRule) != wantErr || (err != nil) != wantErr || int(e.Index) != i || e.Raw == nil {
				t.Errorf("%s: event %d: step %v, %v", name, i, step, err)
			}
		}
	}
}

func TestAHeadStandsBeforeItsEntry(t *testing.T) {
	command := AppendCommand(nil, Command{Kind: IngestEvents, ID: testID[commandKind](1), Events: 1})
	event := AppendEvent(nil, Meta{Type: TypeVideoViewed}, VideoViewed{Video: testID[videoKind](1)})
	apart := Entry{Head: command, Bytes: event, Events: 1}
	whole := Entry{Bytes: slices.Concat(command, event), Events: 1}
	if apart.Size() != whole.Size() {
		t.Errorf("the sizes are %d and %d", apart.Size(), whole.Size())
	}
	got, want := AppendBatch(nil, BatchHeader{}, []Entry{whole, apart}), AppendBatch(nil, BatchHeader{}, []Entry{apart, whole})
	if !bytes.Equal(got, want) {
		t.Errorf("the record batches differ:\n%x\n%x", got, want)
	}
}

func TestNamesAndNumbersStandForEachOther(t *testing.T) {
	for _, typ := range Types() {
		if got, ok := ParseType(typ.String()); !ok || got != typ || !typ.Known() || strings.Count(typ.String(), ".") != 1 {
			t.Errorf("ParseType(%q) = %v, %t", typ, got, ok)
		}
	}
	for _, name := range []string{"", "Video.viewed", "video.viewed ", "type 0"} {
		if got, ok := ParseType([]byte(name)); ok {
			t.Errorf("ParseType(%q) = %v", name, got)
		}
	}
	for kind := CommandKind(1); kind < commandKindEnd; kind++ {
		if !kind.Known() || strings.Count(kind.String(), ".") != 1 {
			t.Errorf("command kind %d is named %q", kind, kind)
		}
	}
	for typ, want := range map[Type]Counter{
		TypeCommentCreated: Comments, TypeCommentDeleted: Comments, TypeRemixCreated: Remixes,
		TypeRemixDeleted: Remixes, TypeGlitchCreated: Glitches, TypeGlitchDeleted: Glitches,
	} {
		if typ.ItemCounter() != want {
			t.Errorf("%v moves counter %d, want %d", typ, typ.ItemCounter(), want)
		}
	}
}
