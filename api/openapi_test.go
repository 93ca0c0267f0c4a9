package api_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tidemark-io/tidemark/api"
)

// loadOpenAPI reads the document with a library that knows OpenAPI 3.1.
func loadOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	source, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(source)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIDocumentIsValid(t *testing.T) {
	if err := loadOpenAPI(t).Validate(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestEveryProblemIsDocumented(t *testing.T) {
	doc := loadOpenAPI(t)
	documented := map[string]bool{}
	for name, ref := range doc.Components.Responses {
		for _, slug := range extensionTexts(ref.Value.Extensions["x-tidemark-problems"]) {
			documented[slug] = true
			if !slices.Contains(api.Slugs(), api.Slug(slug)) {
				t.Errorf("response %s lists problem %s, which the service does not know", name, slug)
			}
		}
	}
	var types []string
	for _, value := range doc.Components.Schemas["ProblemType"].Value.Enum {
		types = append(types, value.(string))
	}
	var want []string
	for _, slug := range api.Slugs() {
		want = append(want, "https://tidemark.io/problems/"+string(slug))
		if !documented[string(slug)] {
			t.Errorf("problem %s is in no response", slug)
		}
	}
	if !slices.Equal(types, want) {
		t.Errorf("schema ProblemType lists %v, the service knows %v", types, want)
	}
}

// TestProblemsStandUnderTheirStatus goes through the operations: a response of
// status 4xx or 5xx lists only problems of that status.
func TestProblemsStandUnderTheirStatus(t *testing.T) {
	doc := loadOpenAPI(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, ref := range op.Responses.Map() {
				if status < "400" {
					continue
				}
				slugs := extensionTexts(ref.Value.Extensions["x-tidemark-problems"])
				if len(slugs) == 0 {
					t.Errorf("%s %s: status %s lists no problems", method, path, status)
				}
				for _, slug := range slugs {
					if got := api.Slug(slug).Status(); status != statusText(got) {
						t.Errorf("%s %s: status %s lists %s, which has status %d", method, path, status, slug, got)
					}
				}
				if media := ref.Value.Content["application/problem+json"]; media == nil {
					t.Errorf("%s %s: status %s is no problem document", method, path, status)
				}
			}
		}
	}
}

// TestExamplesOfProblemsAreTrue compares the examples with the service's table.
func TestExamplesOfProblemsAreTrue(t *testing.T) {
	for name, ref := range loadOpenAPI(t).Components.Responses {
		media := ref.Value.Content["application/problem+json"]
		if media == nil {
			continue
		}
		for _, example := range media.Examples {
			value := example.Value.Value.(map[string]any)
			slug := api.Slug(strings.TrimPrefix(value["type"].(string), "https://tidemark.io/problems/"))
			if value["title"] != slug.Title() || value["status"] != float64(slug.Status()) {
				t.Errorf("the example of response %s says %v %v, the service %d %s", name, value["status"], value["title"], slug.Status(), slug.Title())
			}
		}
	}
}

// TestSchemasAreClosed: a member that the document does not name must not
// appear. CloudEvents alone may have more attributes.
func TestSchemasAreClosed(t *testing.T) {
	doc := loadOpenAPI(t)
	for name, ref := range doc.Components.Schemas {
		schema := ref.Value
		if name == "CloudEventBase" || !schema.Type.Is("object") {
			continue
		}
		if schema.AdditionalProperties.Has == nil && schema.AdditionalProperties.Schema == nil {
			t.Errorf("schema %s does not say additionalProperties: false", name)
		}
	}
}

// TestEveryOperationIsDescribed: people read the document first.
func TestEveryOperationIsDescribed(t *testing.T) {
	doc := loadOpenAPI(t)
	ids := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s %s needs a summary, a description, one tag and an operationId of its own", method, path)
			}
			ids[op.OperationID] = true
			if len(extensionTexts(op.Extensions["x-tidemark-access"])) == 0 {
				t.Errorf("%s %s does not say who may call it", method, path)
			}
		}
	}
}

func extensionTexts(value any) (texts []string) {
	if raw, ok := value.(json.RawMessage); ok {
		_ = json.Unmarshal(raw, &value)
	}
	list, _ := value.([]any)
	for _, entry := range list {
		text, _ := entry.(string)
		texts = append(texts, text)
	}
	return texts
}

func statusText(status int) string {
	text, _ := json.Marshal(status)
	return string(text)
}
