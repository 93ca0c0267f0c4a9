package openapitest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tidemark-io/tidemark/api"
)

// operation is one method of one path, ready to check exchanges.
type operation struct {
	method   string
	segments []string // of the path; parameters as {name}
	access   api.Access
	options  map[string]api.Access
	moves    bool // to an address of its own, with a flag
	params   []parameter
	body     map[string]*jsonschema.Schema // by media type
	answers  map[int]*answer
}

// parameter is a parameter of a request, or a header of an answer.
type parameter struct {
	name     string
	in       string
	required bool
	kinds    []string // the types that the schema allows
	list     bool     // comma separated values of these types
	schema   *jsonschema.Schema
}

// answer is what the document says of one status.
type answer struct {
	content  map[string]*jsonschema.Schema
	headers  []parameter
	problems []string
}

var httpMethods = []string{"get", "put", "post", "delete", "patch"}

// readOperations reads all operations, in the order of path and method.
func readOperations(d *document) ([]*operation, error) {
	paths := d.at("/paths")
	var list []*operation
	for _, path := range slices.Sorted(maps.Keys(paths.node)) {
		item := paths.child(path)
		for _, method := range httpMethods {
			if item.node[method] == nil {
				continue
			}
			op, err := readOperation(item, path, method)
			if err != nil {
				return nil, fmt.Errorf("read %s %s: %w", strings.ToUpper(method), path, err)
			}
			list = append(list, op)
		}
	}
	return list, nil
}

func readOperation(item place, path, method string) (*operation, error) {
	p := item.child(method)
	op := &operation{method: strings.ToUpper(method), segments: strings.Split(path[1:], "/"), answers: map[int]*answer{}}
	var err error
	if op.access, err = parseAccess(p.strings("x-tidemark-access")); err != nil {
		return nil, err
	}
	op.options = map[string]api.Access{}
	options := p.child("x-tidemark-access-options")
	for flag := range options.node {
		if op.options[flag], err = parseAccess(options.strings(flag)); err != nil {
			return nil, err
		}
	}
	_, op.moves = p.node["x-tidemark-moves-with"]
	for _, holder := range []place{item, p} {
		list, _ := holder.node["parameters"].([]any)
		for i := range list {
			param, err := readParameter(holder.doc.at(holder.pointer+"/parameters/"+strconv.Itoa(i)), "")
			if err != nil {
				return nil, err
			}
			op.params = append(op.params, param)
		}
	}
	if op.body, err = readContent(p.child("requestBody")); err != nil {
		return nil, err
	}
	responses := p.child("responses")
	for status := range responses.node {
		code, err := strconv.Atoi(status)
		if err != nil {
			return nil, fmt.Errorf("status %q is not a number", status)
		}
		if op.answers[code], err = readAnswer(responses.child(status)); err != nil {
			return nil, err
		}
	}
	return op, nil
}

func readAnswer(p place) (*answer, error) {
	if p.node == nil {
		return nil, fmt.Errorf("no response at %s", p.pointer)
	}
	a := &answer{problems: p.strings("x-tidemark-problems")}
	var err error
	if a.content, err = readContent(p); err != nil {
		return nil, err
	}
	headers := p.child("headers")
	for name := range headers.node {
		h, err := readParameter(headers.child(name), name)
		if err != nil {
			return nil, err
		}
		a.headers = append(a.headers, h)
	}
	return a, nil
}

func readContent(p place) (map[string]*jsonschema.Schema, error) {
	content := p.child("content")
	schemas := map[string]*jsonschema.Schema{}
	for media := range content.node {
		var err error
		if schemas[media], err = content.child(media).child("schema").compile(); err != nil {
			return nil, err
		}
	}
	return schemas, nil
}

func readParameter(p place, name string) (parameter, error) {
	param := parameter{name: name}
	if name == "" {
		param.name, _ = p.node["name"].(string)
		param.in, _ = p.node["in"].(string)
	}
	param.required, _ = p.node["required"].(bool)
	schema := p.child("schema")
	item := schema
	if schema.node["type"] == "array" {
		param.list, item = true, schema.child("items")
	}
	if kind, ok := item.node["type"].(string); ok {
		param.kinds = []string{kind}
	}
	var err error
	param.schema, err = schema.compile()
	return param, err
}

// accessNames are the words of x-tidemark-access.
var accessNames = map[string]api.Access{
	"anyone": api.Anyone, "any-token": api.AnyToken, "service": api.Service, "admin": api.Admin,
}

func parseAccess(names []string) (access api.Access, err error) {
	for _, name := range names {
		a, known := accessNames[name]
		if !known {
			return 0, fmt.Errorf("x-tidemark-access says %q", name)
		}
		access |= a
	}
	if access == 0 {
		return 0, fmt.Errorf("x-tidemark-access is missing")
	}
	return access, nil
}

// matches reports whether the operation's path is that of the request. A
// parameter takes any segment that is not empty.
func (op *operation) matches(segments []string) bool {
	if len(segments) != len(op.segments) {
		return false
	}
	for i, want := range op.segments {
		if isParameter := strings.HasPrefix(want, "{"); isParameter && segments[i] == "" || !isParameter && segments[i] != want {
			return false
		}
	}
	return true
}

// path returns the operation's path as a router has it: /v1/videos/:id/like.
func (op *operation) path() string {
	return "/" + strings.NewReplacer("{", ":", "}", "").Replace(strings.Join(op.segments, "/"))
}
