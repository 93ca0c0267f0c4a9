package events

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tidemark-io/tidemark/events/strictjson"
)

func TestWhatIsWrittenAsCloudEventIsReadBackAsTheSameEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(PublicTypes()).Draw(t, "type")
		meta := Meta{Type: typ, Time: drawTime(t, TimeOf(testNow.Add(MaxAhead)))}
		want := Meta{Type: typ, Time: meta.Time, Source: []byte("tidemark"), ID: []byte("12.3")}
		if rapid.Bool().Draw(t, "with identity") {
			meta.Source, meta.ID = drawText(t, 1, MaxIdentityBytes, "source"), drawText(t, 1, MaxIdentityBytes, "id")
			want = meta
		}
		data := drawData(t, typ)
		var e Event
		if err := e.parse(AppendEvent(nil, meta, data), 0); err != nil {
			t.Fatal(err)
		}
		event, err := AppendCloudEvent(nil, &e, CloudEventDefaults{Source: []byte("tidemark"), ID: []byte("12.3")})
		if err != nil || bytes.ContainsAny(event, "\r\n") {
			t.Fatalf("%s, %v", event, err)
		}
		rules := testRules
		switch d := data.(type) {
		case VideoVisibility:
			rules.Caller = d.Admin
		case AccountBlock:
			rules.Caller = d.Admin
		}
		var r CloudEventReader
		got, err := r.Read(event, CloudEventLines, rules)
		if err != nil || len(got.Rejected) > 0 {
			t.Fatalf("%s: %+v, %v", event, got.Rejected, err)
		}
		if frame := AppendEvent(nil, want, data); !bytes.Equal(got.Frames, frame) {
			t.Fatalf("%s is read as\n%x, was\n%x", event, got.Frames, frame)
		}
	})
}

func TestCloudEventOfACommandTakesItsReason(t *testing.T) {
	defaults := CloudEventDefaults{Source: []byte("s"), ID: []byte("1.0"), Reason: []byte("the command's")}
	for _, c := range []struct {
		typ  Type
		data Data
		want string
	}{
		{TypeVideoDeleted, VideoVisibility{}, "the command's"},
		{TypeVideoRestored, VideoVisibility{Reason: []byte("its own")}, "its own"},
		{TypeAccountBlocked, AccountBlock{}, "the command's"},
		{TypeAccountUnblocked, AccountBlock{Reason: []byte("its own")}, "its own"},
	} {
		e := Event{Meta: Meta{Type: c.typ}, data: c.data.appendTo(nil)}
		got, err := AppendCloudEvent([]byte("before"), &e, defaults)
		if err != nil || !strings.Contains(string(got), `"reason":"`+c.want+`"`) || !strings.HasPrefix(string(got), "before{") {
			t.Errorf("%v: %s, %v", c.typ, got, err)
		}
		got, err = AppendCloudEvent(nil, &e, CloudEventDefaults{Source: []byte("s"), ID: []byte("1.0")})
		if err != nil || strings.Contains(string(got), `"reason"`) == (c.want != "its own") {
			t.Errorf("%v without a reason at all: %s, %v", c.typ, got, err)
		}
	}
}

func TestPoisonIsNotWrittenAsCloudEvent(t *testing.T) {
	for _, e := range []Event{
		{Meta: Meta{Type: typeEnd}},
		{Meta: Meta{Type: TypeVideoViewed}, data: make([]byte, 31)},
		{Meta: Meta{Type: TypeUserBlocked}, data: make([]byte, 32)},
	} {
		if got, err := AppendCloudEvent([]byte("before"), &e, CloudEventDefaults{}); !errors.Is(err, ErrRule) || string(got) != "before" {
			t.Errorf("%v: %q, %v", e.Type, got, err)
		}
	}
}

func TestLineBreaksInAPayloadBecomeSpaces(t *testing.T) {
	data := NotificationSent{Category: []byte("c"), Payload: []byte("{\r\n\t\"a\": \"\\n\"\n}")}
	e := Event{Meta: sampleMeta(TypeNotificationSent), data: data.appendTo(nil)}
	got, err := AppendCloudEvent(nil, &e, CloudEventDefaults{})
	if err != nil || !strings.Contains(string(got), "\"payload\":{  \t\"a\": \"\\n\" }") || strictjson.Check(got) != nil {
		t.Errorf("%s, %v", got, err)
	}
}
