package events

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// plainEvent is an event as the short way reads it.
const plainEvent = `{"specversion":"1.0","id":"e1","source":"gateway","type":"video.viewed","time":"2026-11-22T11:34:56Z",` +
	`"datacontenttype":"application/json","data":{"video_id":"0190163d-8694-739b-aea5-966c26f8ad91","user_id":"0190163d-8694-739b-aea5-966c26f8ad92"}}`

// checkBothWays reads a body as it is and with white space that keeps the short
// way out of every event, and wants the same of both.
func checkBothWays(t *testing.T, event string) (taken bool) {
	t.Helper()
	var short, long CloudEventReader
	short.limit = TimeOf(testRules.Now.Add(MaxAhead))
	spaced := strings.Replace(event, "{", "{  ", 1)
	if long.readPlain([]byte(spaced)) != 0 {
		t.Fatalf("the short way takes %q", spaced)
	}
	for _, form := range []struct {
		format        CloudEventFormat
		before, after string
	}{
		{CloudEventBatch, "[", "]"}, {CloudEventBatch, "[1,", ",2]"}, {CloudEventLines, "", ""}, {CloudEventLines, "\n", "\n"}, {CloudEventLines, "x\n", "\r\n1"},
	} {
		got, err := short.Read([]byte(form.before+event+form.after), form.format, testRules)
		want, wantErr := long.Read([]byte(form.before+spaced+form.after), form.format, testRules)
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got.Frames, want.Frames) || got.Events != want.Events || got.Sent != want.Sent ||
			len(got.Rejected) != len(want.Rejected) {
			t.Fatalf("%q%q%q\nshort way: %+v %v\nscanner: %+v %v", form.before, event, form.after, got, err, want, wantErr)
		}
		for i := range got.Rejected {
			// What is wrong with a line names an offset, which the white space moves.
			if !reflect.DeepEqual(got.Rejected[i], want.Rejected[i]) && !strings.HasPrefix(got.Rejected[i].Detail, "JSON syntax at byte ") {
				t.Fatalf("%q: %+v, %+v", event, got.Rejected[i], want.Rejected[i])
			}
		}
	}
	return short.readPlain([]byte(event)) > 0
}

func TestPlainEventsAreReadTheShortWay(t *testing.T) {
	id := func(name string) string { return `"` + name + `":"0190163D-8694-739B-AEA5-966C26F8AD91"` }
	for typ, data := range map[Type][]string{
		TypeVideoPublished: {"video_id"}, TypeVideoViewed: {"video_id"}, TypeVideoLiked: {"user_id", "video_id"}, TypeVideoUnliked: {"video_id", "user_id"},
		TypeCommentCreated: {"video_id", "comment_id"}, TypeCommentDeleted: {"author_id", "comment_id", "video_id"},
		TypeRemixCreated: {"video_id", "remix_id", "author_id"}, TypeRemixDeleted: {"video_id", "remix_id"},
		TypeGlitchCreated: {"video_id", "glitch_id"}, TypeGlitchDeleted: {"glitch_id", "video_id"},
		TypeJobCreated: {"job_id", "owner_id"}, TypeJobCancelled: {"job_id"},
	} {
		var members []string
		for _, name := range data {
			members = append(members, id(name))
		}
		for _, between := range [][2]string{{":", ","}, {": ", ", "}} {
			event := strings.Join([]string{`{"type":"` + typ.String() + `"`, `"data":{` + strings.Join(members, ",") + `}`, `"specversion":"1.0"`,
				`"time":"2026-11-22T11:34:56+01:00"`, `"source":"s"`, `"id":"` + strings.Repeat("x", MaxIdentityBytes) + `"}`}, ",")
			event = strings.ReplaceAll(strings.ReplaceAll(event, `":"`, `"`+between[0]+`"`), `","`, `"`+between[1]+`"`)
			if !checkBothWays(t, event) {
				t.Errorf("the short way gives up at %s", event)
			}
		}
	}
}

// TestWhatIsNotPlainIsReadAsEver: the short way gives up, and what comes of the
// event is what the scanner says.
func TestWhatIsNotPlainIsReadAsEver(t *testing.T) {
	if !checkBothWays(t, plainEvent) {
		t.Error("the short way gives up at a plain event")
	}
	for _, change := range [][2]string{
		{`"id":"e1"`, `"id":""`}, {`"id":"e1"`, `"id":"e\u0031"`}, {`"id":"e1"`, `"id":"é"`}, {`"id":"e1"`, "\"id\":\"\x01\""}, {`"id":"e1"`, `"id":1`},
		{`"id":"e1"`, `"id":"` + strings.Repeat("x", MaxIdentityBytes+1) + `"`}, {`"id":"e1"`, `"id":"e1","id":"e1"`}, {`"id":"e1"`, `"id":"e1" ,"a":1`},
		{`"id":"e1",`, ``}, {`"id":"e1",`, `"id":"e1",,`}, {`"id":"e1"`, `"id" :"e1"`}, {`"id":"e1"`, `"id":  "e1"`}, {`"id":"e1"`, `"ID":"e1"`}, {`"id":"e1"`, `"i\u0064":"e1"`},
		{`"1.0"`, `"1.1"`}, {`"1.0"`, `1.0`}, {`"1.0"`, `"1.0`}, {`video.viewed`, `video.deleted`}, {`video.viewed`, `video.unknown`}, {`video.viewed`, `notification.read`},
		{`video.viewed`, `video.published`}, {`video.viewed`, `user.blocked`}, {`video.viewed`, `job.updated`}, {`2026-11-22T`, `2026-11-99T`}, {`2026-11-22T`, `2027-11-22T`},
		{`application/json`, `text/plain`}, {`application/json`, `application/json; charset=utf-8`}, {`"data":{`, `"data":{"user_id":null,`}, {`"data":{`, `"data":{}`}, {`"data":{`, `"data":{,`},
		{`"video_id":"`, `"video_id":"x`}, {`"video_id"`, `"video_ix"`}, {`"video_id"`, `"user_id"`}, {`"user_id"`, `"author_id"`}, {`8ad92"}}`, `8ad9g"}}`},
		{`8ad92"}}`, `8ad92" }}`}, {`8ad92"}}`, `8ad92",}}`}, {`8ad92"}}`, `8ad92"},}`}, {`8ad92"}}`, `8ad92"}}}`}, {`8ad92"}}`, `8ad92"}} `}, {`8ad92"}}`, `8ad92"}}x`}, {`8ad92"}}`, `8ad92"}`}, {`8ad92"}}`, `8ad92"`},
	} {
		if !strings.Contains(plainEvent, change[0]) {
			t.Fatalf("%q does not stand in the event", change[0])
		}
		event := strings.Replace(plainEvent, change[0], change[1], 1)
		if taken := checkBothWays(t, event); taken && !strings.Contains(change[1], "}}") {
			t.Errorf("the short way takes %s", event)
		}
	}
	for end := range len(plainEvent) {
		if checkBothWays(t, plainEvent[:end]) {
			t.Errorf("the short way takes %s", plainEvent[:end])
		}
	}
}

func FuzzPlainEvents(f *testing.F) {
	f.Add(plainEvent)
	all := samples()
	for _, typ := range Types() {
		e := Event{Meta: sampleMeta(typ), data: all[typ].appendTo(nil)}
		text, err := AppendCloudEvent(nil, &e, CloudEventDefaults{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		f.Add(strings.ReplaceAll(string(text), `,"`, `, "`))
	}
	f.Fuzz(func(t *testing.T, event string) {
		if strings.HasPrefix(event, "{") && !strings.Contains(event, "\n") {
			checkBothWays(t, event)
		}
	})
}

// TestTheShortWayGoesOnWithTheScanner mixes both in one body.
func TestTheShortWayGoesOnWithTheScanner(t *testing.T) {
	spaced := strings.Replace(plainEvent, "{", "{  ", 1)
	events := []string{plainEvent, spaced, `{"a":1}`, plainEvent, plainEvent, spaced, `[[[]]]`, plainEvent}
	for i := range events {
		events[i] = strings.Replace(events[i], `"e1"`, fmt.Sprintf(`"e%d"`, i), 1)
	}
	var r CloudEventReader
	for format, body := range map[CloudEventFormat]string{
		CloudEventBatch: "[" + strings.Join(events, ",") + "]", CloudEventLines: strings.Join(events, "\n"),
	} {
		in, err := r.Read([]byte(body), format, testRules)
		if err != nil || in.Events != 6 || in.Sent != 8 || len(in.Rejected) != 2 || in.Rejected[0].Index != 2 || in.Rejected[1].Index != 6 {
			t.Fatalf("format %d: %d of %d events, %+v, %v", format, in.Events, in.Sent, in.Rejected, err)
		}
		rest := in.Frames
		for i := range events {
			if i == 2 || i == 6 {
				continue
			}
			var e Event
			size := frameSize(rest)
			if err := e.parse(rest[:size], 0); err != nil || string(e.ID) != fmt.Sprintf("e%d", i) {
				t.Errorf("format %d: event %d is %q, %v", format, i, e.ID, err)
			}
			rest = rest[size:]
		}
	}
}
