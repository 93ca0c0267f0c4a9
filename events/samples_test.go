package events

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// testNow is when the events of the tests came in.
var testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func testID[K kind](n byte) (id ID[K]) {
	for i := range id {
		id[i] = n<<4 | byte(i)
	}
	return id
}

// samples holds the data of one event of each type, with every member.
func samples() map[Type]Data {
	video, user := testID[videoKind](1), testID[userKind](2)
	item := VideoItem{Video: video, Item: testID[itemKind](3), Author: user}
	visibility := VideoVisibility{Video: video, Admin: testID[userKind](4), Reason: []byte("spam, “quoted”\n")}
	account := AccountBlock{User: user, Admin: testID[userKind](4), Retract: true, Reason: []byte("bot")}
	return map[Type]Data{
		TypeVideoPublished: VideoPublished{Video: video, Author: user},
		TypeVideoViewed:    VideoViewed{Video: video, User: user},
		TypeVideoLiked:     VideoLike{Video: video, User: user},
		TypeVideoUnliked:   VideoLike{Video: video, User: user},
		TypeCommentCreated: item,
		TypeCommentDeleted: item,
		TypeRemixCreated:   item,
		TypeRemixDeleted:   item,
		TypeGlitchCreated:  item,
		TypeGlitchDeleted:  item,
		TypeVideoDeleted:   visibility,
		TypeVideoRestored:  visibility,
		TypeJobCreated:     JobCreated{Job: testID[jobKind](5), Owner: user},
		TypeJobUpdated: JobUpdated{
			Job: testID[jobKind](5), Attempt: 2, Has: jobHasAll, Status: JobFailed, Progress: 99,
			ResultURL: []byte("https://example.com/r?a=1&b=\"2\""), Error: []byte("out of memory\\"),
		},
		TypeJobCancelled: JobCancelled{Job: testID[jobKind](5)},
		TypeNotificationSent: NotificationSent{
			Notification: testID[notificationKind](6), User: user, Actor: testID[userKind](7),
			Category: []byte("video.liked_by-1"), Payload: []byte(`{"text":"é","n":[1,null]}`),
		},
		TypeNotificationRead: NotificationRead{
			User: user, Scope: ReadCategory, HasBefore: true, Before: TimeOf(testNow) - 1, Category: []byte("likes"),
		},
		TypeUserBlocked:      UserBlock{User: user, Blocked: testID[userKind](8)},
		TypeUserUnblocked:    UserBlock{User: user, Blocked: testID[userKind](8)},
		TypeAccountBlocked:   account,
		TypeAccountUnblocked: account,
		TypeCounterBaseline: CounterBaseline{
			Video: video, Source: []byte("legacy"), Set: 1<<CounterCount - 1, Values: [CounterCount]int64{MaxBaseline, 0, 3, 4, 5},
		},
		TypeDeadLetterRedriven: DeadLetterMark{Letter: Position{Seq: 8112, Index: 17}},
		TypeDeadLetterDropped:  DeadLetterMark{Letter: Position{Seq: maxSeq, Index: MaxBatchEvents - 1}},
		TypeDeadLetterOpened:   DeadLetterOpened{Letter: Position{Seq: 8112}, Batch: BatchID(testID[userKind](9))},
		TypeOperationRecorded:  OperationRecorded{Outcome: []byte(`{"differences":2}`), Targets: append(video[:], user[:]...)},
	}
}

func sampleMeta(t Type) Meta {
	return Meta{Type: t, Time: TimeOf(testNow) - 123_456, Source: []byte("//gateway/1"), ID: []byte("e-" + t.String())}
}

// decodeAny decodes the data of an event of whatever type.
func decodeAny(e *Event) (Data, error) {
	switch e.Type {
	case TypeVideoPublished:
		return boxed(Decode[VideoPublished](e))
	case TypeVideoViewed:
		return boxed(Decode[VideoViewed](e))
	case TypeVideoLiked, TypeVideoUnliked:
		return boxed(Decode[VideoLike](e))
	case TypeCommentCreated, TypeCommentDeleted, TypeRemixCreated, TypeRemixDeleted, TypeGlitchCreated, TypeGlitchDeleted:
		return boxed(Decode[VideoItem](e))
	case TypeVideoDeleted, TypeVideoRestored:
		return boxed(Decode[VideoVisibility](e))
	case TypeJobCreated:
		return boxed(Decode[JobCreated](e))
	case TypeJobUpdated:
		return boxed(Decode[JobUpdated](e))
	case TypeJobCancelled:
		return boxed(Decode[JobCancelled](e))
	case TypeNotificationSent:
		return boxed(Decode[NotificationSent](e))
	case TypeNotificationRead:
		return boxed(Decode[NotificationRead](e))
	case TypeUserBlocked, TypeUserUnblocked:
		return boxed(Decode[UserBlock](e))
	case TypeAccountBlocked, TypeAccountUnblocked:
		return boxed(Decode[AccountBlock](e))
	case TypeCounterBaseline:
		return boxed(Decode[CounterBaseline](e))
	case TypeDeadLetterRedriven, TypeDeadLetterDropped:
		return boxed(Decode[DeadLetterMark](e))
	case TypeDeadLetterOpened:
		return boxed(Decode[DeadLetterOpened](e))
	case TypeOperationRecorded:
		return boxed(Decode[OperationRecorded](e))
	}
	return nil, fmt.Errorf("%v has no data", e.Type)
}

func boxed[T Data](d T, err error) (Data, error) { return d, err }

// readFrames reads frames that stand one after the other, as the fold would
// find them in a record batch.
func readFrames(t testing.TB, frames []byte) []Event {
	t.Helper()
	var entries []Entry
	for rest := frames; len(rest) > 0; {
		n := frameSize(rest)
		if n == 0 {
			t.Fatalf("the frames are cut short: %x", rest)
		}
		entries, rest = append(entries, Entry{Bytes: rest[:n], Events: 1}), rest[n:]
	}
	batch, err := ReadBatch(AppendBatch(nil, BatchHeader{}, entries))
	if err != nil {
		t.Fatal(err)
	}
	var list []Event
	cursor := batch.Cursor()
	for {
		var e Event
		step, err := cursor.Next(&e)
		if step == StepEnd {
			return list
		}
		if step != StepEvent || err != nil {
			t.Fatalf("step %v: %v", step, err)
		}
		list = append(list, e)
	}
}

// sameData compares data, taking an empty slice for an absent one.
func sameData(a, b Data) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && bytes.Equal(a.appendTo(nil), b.appendTo(nil))
}

// drawText draws UTF-8 of min to max bytes.
func drawText(t *rapid.T, min, max int, label string) []byte {
	return []byte(rapid.StringN(min, max, max).Filter(func(s string) bool {
		return strings.ToValidUTF8(s, "") == s
	}).Draw(t, label))
}

func drawID[K kind](t *rapid.T, label string) ID[K] {
	return ID[K](rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
}

func drawOptionalID[K kind](t *rapid.T, label string) ID[K] {
	if rapid.Bool().Draw(t, "with "+label) {
		return drawID[K](t, label)
	}
	return ID[K]{}
}

// drawData draws data that keeps to the rules of the type.
func drawData(t *rapid.T, typ Type) Data {
	video, user := drawID[videoKind](t, "video"), drawID[userKind](t, "user")
	switch typ {
	case TypeVideoPublished:
		return VideoPublished{Video: video, Author: drawOptionalID[userKind](t, "author")}
	case TypeVideoViewed:
		return VideoViewed{Video: video, User: drawOptionalID[userKind](t, "viewer")}
	case TypeVideoLiked, TypeVideoUnliked:
		return VideoLike{Video: video, User: user}
	case TypeVideoDeleted, TypeVideoRestored:
		return VideoVisibility{Video: video, Admin: user, Reason: drawText(t, 1, MaxReasonChars, "reason")}
	case TypeAccountBlocked, TypeAccountUnblocked:
		return AccountBlock{User: drawID[userKind](t, "account"), Admin: user, Retract: rapid.Bool().Draw(t, "retract"), Reason: drawText(t, 1, MaxReasonChars, "reason")}
	case TypeJobCreated:
		return JobCreated{Job: drawID[jobKind](t, "job"), Owner: user}
	case TypeJobCancelled:
		return JobCancelled{Job: drawID[jobKind](t, "job")}
	case TypeJobUpdated:
		return drawJobUpdated(t)
	case TypeNotificationSent:
		return NotificationSent{
			Notification: drawID[notificationKind](t, "notification"), User: user, Actor: drawOptionalID[userKind](t, "actor"),
			Category: drawCategory(t), Payload: drawPayload(t),
		}
	case TypeNotificationRead:
		return drawNotificationRead(t, user)
	case TypeUserBlocked, TypeUserUnblocked:
		blocked := drawID[userKind](t, "blocked")
		blocked[0] = ^user[0]
		return UserBlock{User: user, Blocked: blocked}
	case TypeCounterBaseline:
		d := CounterBaseline{Video: video, Source: drawText(t, 1, MaxSourceBytes, "source"), Set: rapid.Uint8Range(1, 1<<CounterCount-1).Draw(t, "set")}
		for c := range d.Values {
			if d.Set&(1<<c) != 0 {
				d.Values[c] = rapid.Int64Range(0, MaxBaseline).Draw(t, "value")
			}
		}
		return d
	case TypeDeadLetterRedriven, TypeDeadLetterDropped:
		return DeadLetterMark{Letter: Position{
			Seq: rapid.Uint64Range(1, maxSeq).Draw(t, "sequence"), Index: rapid.Uint16Range(0, MaxBatchEvents-1).Draw(t, "index"),
		}}
	case TypeDeadLetterOpened:
		return DeadLetterOpened{Letter: Position{Seq: rapid.Uint64Range(1, maxSeq).Draw(t, "sequence")}, Batch: BatchID(drawID[userKind](t, "batch"))}
	case TypeOperationRecorded:
		n := rapid.IntRange(0, 20).Draw(t, "targets")
		return OperationRecorded{
			Outcome: []byte(rapid.SampledFrom([]string{"", `{}`, `{"differences":3,"note":"a\u0000"}`}).Draw(t, "outcome")),
			Targets: rapid.SliceOfN(rapid.Byte(), 16*n, 16*n).Draw(t, "target"),
		}
	}
	return VideoItem{Video: video, Item: drawID[itemKind](t, "item"), Author: drawOptionalID[userKind](t, "author")}
}

func drawJobUpdated(t *rapid.T) Data {
	d := JobUpdated{
		Job: drawID[jobKind](t, "job"), Attempt: rapid.Uint32Range(1, MaxAttempt).Draw(t, "attempt"),
		Has: rapid.Uint8Range(0, jobHasAll).Draw(t, "has"),
	}
	if d.Has&JobHasStatus != 0 {
		d.Status = JobStatus(rapid.Uint8Range(uint8(JobQueued), uint8(JobFailed)).Draw(t, "status"))
	}
	if d.Has&JobHasProgress != 0 {
		d.Progress = rapid.Uint8Range(0, MaxProgress).Draw(t, "progress")
	}
	if d.Has&JobHasResultURL != 0 {
		d.ResultURL = drawText(t, 0, MaxResultURLBytes, "result_url")
	}
	if d.Has&JobHasError != 0 {
		d.Error = drawText(t, 0, MaxJobErrorBytes, "error")
	}
	return d
}

func drawCategory(t *rapid.T) []byte {
	return []byte(rapid.StringMatching(`[a-z0-9_.\-]{1,64}`).Draw(t, "category"))
}

func drawPayload(t *rapid.T) []byte {
	return []byte(rapid.SampledFrom([]string{"", `{}`, `[ 1, {"a":"\u0000"} ]`, `"text"`, `0`, `-1.5e3`, `true`}).Draw(t, "payload"))
}

func drawNotificationRead(t *rapid.T, user UserID) Data {
	d := NotificationRead{User: user, Scope: ReadScope(rapid.Uint8Range(uint8(ReadByID), uint8(ReadCategory)).Draw(t, "scope"))}
	if d.Scope == ReadByID {
		n := rapid.IntRange(1, 20).Draw(t, "ids")
		d.IDs = rapid.SliceOfN(rapid.Byte(), 16*n, 16*n).Draw(t, "notification_ids")
		return d
	}
	if d.Scope == ReadCategory {
		d.Category = drawCategory(t)
	}
	if rapid.Bool().Draw(t, "with before") {
		d.HasBefore, d.Before = true, drawTime(t, MaxTime)
	}
	return d
}

func drawTime(t *rapid.T, latest Time) Time {
	return Time(rapid.Int64Range(int64(MinTime), int64(latest)).Draw(t, "time"))
}
