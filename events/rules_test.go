package events

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func decodeFrame(t testing.TB, meta Meta, data Data) (Data, error) {
	t.Helper()
	events := readFrames(t, AppendEvent(nil, meta, data))
	return decodeAny(&events[0])
}

func TestDataThatBreaksARuleIsPoison(t *testing.T) {
	long := func(n int) []byte { return bytes.Repeat([]byte("a"), n) }
	wide := func(n int) []byte { return []byte(strings.Repeat("é", n)) }
	bad := []byte{0xff}
	visibility := func(reason []byte) Data { return VideoVisibility{Reason: reason} }
	account := func(reason []byte) Data { return AccountBlock{Reason: reason} }
	job := func(change func(*JobUpdated)) Data {
		d := JobUpdated{Attempt: 1, Has: jobHasAll, Status: JobQueued}
		change(&d)
		return d
	}
	sent := func(category, payload []byte) Data { return NotificationSent{Category: category, Payload: payload} }
	read := func(d NotificationRead) Data { return d }
	baseline := func(d CounterBaseline) Data { return d }
	ids := func(n int) []byte { return make([]byte, 16*n) }
	for _, c := range []struct {
		name string
		typ  Type
		data Data
		good bool
	}{
		{"reason of 500 characters", TypeVideoDeleted, visibility(wide(500)), true},
		{"reason of none: the command's stands for it", TypeVideoRestored, visibility(nil), true},
		{"reason of 501 characters", TypeVideoDeleted, visibility(wide(501)), false},
		{"reason not in UTF-8", TypeVideoRestored, visibility(bad), false},
		{"account reason of 501 characters", TypeAccountBlocked, account(wide(501)), false},
		{"account reason not in UTF-8", TypeAccountUnblocked, account(bad), false},
		{"block of oneself", TypeUserBlocked, UserBlock{User: testID[userKind](1), Blocked: testID[userKind](1)}, false},
		{"unblock of oneself", TypeUserUnblocked, UserBlock{}, false},

		{"job, plain", TypeJobUpdated, job(func(*JobUpdated) {}), true},
		{"job, at the bounds", TypeJobUpdated, job(func(d *JobUpdated) {
			d.Attempt, d.Progress, d.ResultURL, d.Error = MaxAttempt, 100, long(2048), long(1024)
		}), true},
		{"attempt 0", TypeJobUpdated, job(func(d *JobUpdated) { d.Attempt = 0 }), false},
		{"attempt too large", TypeJobUpdated, job(func(d *JobUpdated) { d.Attempt = MaxAttempt + 1 }), false},
		{"unknown members", TypeJobUpdated, job(func(d *JobUpdated) { d.Has = jobHasAll + 1 }), false},
		{"status 0", TypeJobUpdated, job(func(d *JobUpdated) { d.Status = 0 }), false},
		{"status 5", TypeJobUpdated, job(func(d *JobUpdated) { d.Status = JobFailed + 1 }), false},
		{"progress 101", TypeJobUpdated, job(func(d *JobUpdated) { d.Progress = 101 }), false},
		{"result_url too long", TypeJobUpdated, job(func(d *JobUpdated) { d.ResultURL = long(2049) }), false},
		{"result_url not in UTF-8", TypeJobUpdated, job(func(d *JobUpdated) { d.ResultURL = bad }), false},
		{"error too long", TypeJobUpdated, job(func(d *JobUpdated) { d.Error = long(1025) }), false},
		{"error not in UTF-8", TypeJobUpdated, job(func(d *JobUpdated) { d.Error = bad }), false},

		{"category of 64", TypeNotificationSent, sent(long(64), nil), true},
		{"no category", TypeNotificationSent, sent(nil, nil), false},
		{"category of 65", TypeNotificationSent, sent(long(65), nil), false},
		{"category with capitals", TypeNotificationSent, sent([]byte("Likes"), nil), false},
		{"category with a wildcard", TypeNotificationSent, sent([]byte("likes.*"), nil), false},
		{"payload of 4 KiB", TypeNotificationSent, sent([]byte("c"), append(append([]byte{'"'}, long(4094)...), '"')), true},
		{"payload over 4 KiB", TypeNotificationSent, sent([]byte("c"), append(append([]byte{'"'}, long(4095)...), '"')), false},
		{"payload not JSON", TypeNotificationSent, sent([]byte("c"), []byte("{")), false},
		{"payload of two values", TypeNotificationSent, sent([]byte("c"), []byte("1 2")), false},

		{"1,000 IDs", TypeNotificationRead, read(NotificationRead{Scope: ReadByID, IDs: ids(1000)}), true},
		{"no IDs", TypeNotificationRead, read(NotificationRead{Scope: ReadByID}), false},
		{"1,001 IDs", TypeNotificationRead, read(NotificationRead{Scope: ReadByID, IDs: ids(1001)}), false},
		{"IDs and before", TypeNotificationRead, read(NotificationRead{Scope: ReadByID, IDs: ids(1), HasBefore: true}), false},
		{"IDs and category", TypeNotificationRead, read(NotificationRead{Scope: ReadByID, IDs: ids(1), Category: []byte("c")}), false},
		{"all and IDs", TypeNotificationRead, read(NotificationRead{Scope: ReadAll, IDs: ids(1)}), false},
		{"all and category", TypeNotificationRead, read(NotificationRead{Scope: ReadAll, Category: []byte("c")}), false},
		{"all before year 1", TypeNotificationRead, read(NotificationRead{Scope: ReadAll, HasBefore: true, Before: MinTime - 1}), false},
		{"all before year 10000", TypeNotificationRead, read(NotificationRead{Scope: ReadAll, HasBefore: true, Before: MaxTime + 1}), false},
		{"category and IDs", TypeNotificationRead, read(NotificationRead{Scope: ReadCategory, Category: []byte("c"), IDs: ids(1)}), false},
		{"bad category", TypeNotificationRead, read(NotificationRead{Scope: ReadCategory, Category: []byte(" ")}), false},
		{"scope 0", TypeNotificationRead, read(NotificationRead{}), false},
		{"scope 4", TypeNotificationRead, read(NotificationRead{Scope: ReadCategory + 1}), false},

		{"baseline at the bounds", TypeCounterBaseline, baseline(CounterBaseline{Source: long(256), Set: 1, Values: [CounterCount]int64{MaxBaseline}}), true},
		{"baseline too large", TypeCounterBaseline, baseline(CounterBaseline{Source: long(1), Set: 1, Values: [CounterCount]int64{MaxBaseline + 1}}), false},
		{"baseline below 0", TypeCounterBaseline, baseline(CounterBaseline{Source: long(1), Set: 1, Values: [CounterCount]int64{-1}}), false},
		{"baseline of nothing", TypeCounterBaseline, baseline(CounterBaseline{Source: long(1)}), false},
		{"baseline of a sixth counter", TypeCounterBaseline, baseline(CounterBaseline{Source: long(1), Set: 1 << CounterCount}), false},
		{"baseline without source", TypeCounterBaseline, baseline(CounterBaseline{Set: 1}), false},
		{"baseline with a long source", TypeCounterBaseline, baseline(CounterBaseline{Source: long(257), Set: 1}), false},
		{"baseline with a source not in UTF-8", TypeCounterBaseline, baseline(CounterBaseline{Source: bad, Set: 1}), false},
	} {
		_, err := decodeFrame(t, Meta{Type: c.typ}, c.data)
		if (err == nil) != c.good || err != nil && !errors.Is(err, ErrRule) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestDataCutShortOrTooLongIsPoison(t *testing.T) {
	for typ, data := range samples() {
		frame := AppendEvent(nil, Meta{Type: typ}, data)
		head := frameHeaderSize + 8
		for size := head; size <= len(frame)+1; size++ {
			cut := append(bytes.Clone(frame), 0)[:size]
			closeFrame(cut, 0)
			events := readFrames(t, cut)
			if _, err := decodeAny(&events[0]); errors.Is(err, ErrRule) != (size != len(frame)) {
				t.Errorf("%v of %d bytes, whole are %d: %v", typ, size, len(frame), err)
			}
		}
	}
}

func TestEventsReadBackAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(Types()).Draw(t, "type")
		meta := Meta{Type: typ, Time: drawTime(t, MaxTime), Arrival: rapid.Bool().Draw(t, "arrival")}
		if rapid.Bool().Draw(t, "with identity") {
			meta.Source, meta.ID = drawText(t, 1, MaxIdentityBytes, "source"), drawText(t, 1, MaxIdentityBytes, "id")
		}
		data := drawData(t, typ)
		frame := AppendEvent(nil, meta, data)
		var e Event
		if err := e.parse(frame, 0); err != nil {
			t.Fatal(err)
		}
		got, err := decodeAny(&e)
		if err != nil || !sameData(got, data) {
			t.Fatalf("%+v is read as %+v, %v", data, got, err)
		}
		if again := AppendEvent(nil, e.Meta, got); !bytes.Equal(again, frame) {
			t.Fatalf("written again as\n%x, first as\n%x", again, frame)
		}
	})
}

func TestEventsTooFarAheadOfTheLogAreRefused(t *testing.T) {
	e := Event{Meta: Meta{Time: TimeOf(testNow.Add(MaxAhead))}}
	if err := e.CheckTime(testNow); err != nil {
		t.Errorf("%v ahead: %v", MaxAhead, err)
	}
	if err := e.CheckTime(testNow.Add(-time.Microsecond)); !errors.Is(err, ErrRule) {
		t.Errorf("more than %v ahead: %v", MaxAhead, err)
	}
}
