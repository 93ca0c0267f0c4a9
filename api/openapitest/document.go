package openapitest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// documentURL names the document to the schema compiler. Nothing is fetched.
const documentURL = "https://tidemark.io/openapi.json"

// node is an object of the document.
type node = map[string]any

// document is a JSON document with references, and its compiled schemas.
type document struct {
	root     any
	compiler *jsonschema.Compiler
}

func newDocument(source []byte) (*document, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	if err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(documentURL, root); err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	return &document{root: root, compiler: c}, nil
}

// place is an object of the document, and the JSON Pointer that leads to it.
type place struct {
	doc     *document
	pointer string
	node
}

// at returns the object at a JSON Pointer, with references followed; a place
// without an object where there is none.
func (d *document) at(pointer string) place {
	var value = d.root
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := value.(type) {
		case node:
			value = v[token]
		case []any:
			i := -1
			if _, err := fmt.Sscan(token, &i); err != nil || i < 0 || i >= len(v) {
				return place{doc: d, pointer: pointer}
			}
			value = v[i]
		default:
			return place{doc: d, pointer: pointer}
		}
	}
	object, _ := value.(node)
	if ref, ok := object["$ref"].(string); ok {
		return d.at(strings.TrimPrefix(ref, "#"))
	}
	return place{doc: d, pointer: pointer, node: object}
}

// child returns the object behind a member, with references followed.
func (p place) child(name string) place {
	return p.doc.at(p.pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// strings returns the texts of a member that is a list.
func (p place) strings(name string) []string {
	list, _ := p.node[name].([]any)
	texts := make([]string, 0, len(list))
	for _, entry := range list {
		text, _ := entry.(string)
		texts = append(texts, text)
	}
	return texts
}

// compile returns the schema at this place.
func (p place) compile() (*jsonschema.Schema, error) {
	escape := strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D", " ", "%20")
	return p.doc.compiler.Compile(documentURL + "#" + escape.Replace(p.pointer))
}
