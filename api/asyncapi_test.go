package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tidemark-io/tidemark/api"
	"github.com/tidemark-io/tidemark/events"
	eventlog "github.com/tidemark-io/tidemark/events/log"
)

type object = map[string]any

func loadJSON(t *testing.T, load func() ([]byte, error)) object {
	t.Helper()
	source, err := load()
	if err != nil {
		t.Fatal(err)
	}
	var doc object
	if err := json.Unmarshal(source, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// resolve returns what a JSON Pointer leads to, or nil.
func resolve(doc object, pointer string) any {
	var value any = doc
	for _, token := range strings.Split(pointer, "/")[1:] {
		at, _ := value.(object)
		value = at[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
	}
	return value
}

func walkRefs(value any, visit func(ref string)) {
	switch v := value.(type) {
	case object:
		if ref, ok := v["$ref"].(string); ok {
			visit(ref)
		}
		for _, child := range v {
			walkRefs(child, visit)
		}
	case []any:
		for _, child := range v {
			walkRefs(child, visit)
		}
	}
}

func TestAsyncAPIReferencesLeadSomewhere(t *testing.T) {
	async, open := loadJSON(t, api.AsyncAPI), loadJSON(t, api.OpenAPI)
	walkRefs(async, func(ref string) {
		file, pointer, _ := strings.Cut(ref, "#")
		doc := async
		if file == "./openapi.json" {
			doc = open
		} else if file != "" {
			t.Errorf("%s leads to another file", ref)
		}
		if resolve(doc, pointer) == nil {
			t.Errorf("%s leads nowhere", ref)
		}
	})
}

func TestAsyncAPINamesWhatTheLogHas(t *testing.T) {
	doc := loadJSON(t, api.AsyncAPI)
	for pointer, want := range map[string]any{
		"/channels/recordBatches/address":                eventlog.BatchSubject,
		"/channels/recordBatches/x-tidemark-stream/name": eventlog.EventsStream,
		"/channels/deadLetters/address":                  eventlog.DeadLetterSubject,
		"/channels/deadLetters/x-tidemark-stream/name":   eventlog.DeadLettersStream,
		"/channels/cloudEvents/address":                  "/v1/events",
	} {
		if got := resolve(doc, pointer); got != want {
			t.Errorf("%s is %v, want %v", pointer, got, want)
		}
	}
	headers := resolve(doc, "/components/messages/DeadLetter/headers/properties").(object)
	for _, name := range []string{
		eventlog.DeadPositionHeader, eventlog.DeadIncarnationHeader, eventlog.DeadReasonHeader,
		eventlog.DeadSubjectHeader, eventlog.DeadSizeHeader,
	} {
		if headers[name] == nil {
			t.Errorf("dead letters have the header %s, which is not documented", name)
		}
	}
	for _, key := range []string{eventlog.IncarnationKey, eventlog.LineageKey, eventlog.ImportedKey} {
		if resolve(doc, "/channels/recordBatches/x-tidemark-stream/metadata/"+key) == nil {
			t.Errorf("the stream's metadata %s is not documented", key)
		}
	}
}

func TestAsyncAPIKnowsEveryTypeAndCommand(t *testing.T) {
	doc := loadJSON(t, api.AsyncAPI)
	var types, commands []string
	for _, typ := range events.Types() {
		types = append(types, fmt.Sprintf("%d %s", typ, typ))
		message, _ := resolve(doc, "/components/messages/"+camel(typ.String())).(object)
		if message["name"] != typ.String() {
			t.Errorf("there is no message for %s", typ)
		}
		if !typ.Internal() && resolve(doc, "/channels/cloudEvents/messages/"+camel(typ.String())) == nil {
			t.Errorf("%s is not among the messages of /v1/events", typ)
		}
	}
	for k := events.CommandKind(1); k.Known(); k++ {
		commands = append(commands, fmt.Sprintf("%d %s", k, k))
	}
	if ingested := resolve(loadJSON(t, api.OpenAPI), "/components/schemas/CloudEvent/oneOf").([]any); len(ingested) != len(events.PublicTypes()) {
		t.Errorf("openapi.yaml has %d CloudEvents, the vocabulary %d types", len(ingested), len(events.PublicTypes()))
	}
	for name, want := range map[string][]string{"EventTypes": types, "CommandKinds": commands} {
		var got []string
		for _, entry := range resolve(doc, "/components/schemas/"+name+"/oneOf").([]any) {
			got = append(got, fmt.Sprintf("%v %v", entry.(object)["const"], entry.(object)["title"]))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s lists\n%v, the vocabulary is\n%v", name, got, want)
		}
	}
}

// camel turns video.viewed into VideoViewed.
func camel(name string) string {
	text := ""
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '-' }) {
		text += strings.ToUpper(part[:1]) + part[1:]
	}
	return text
}
