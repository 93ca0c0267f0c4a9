package api

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var openAPIYAML []byte

//go:embed asyncapi.yaml
var asyncAPIYAML []byte

// OpenAPI returns the OpenAPI 3.1 document of the public API as JSON. It fails
// for a document that is not YAML only, which the tests rule out.
func OpenAPI() ([]byte, error) { return documentJSON("openapi.yaml", openAPIYAML) }

// AsyncAPI returns the AsyncAPI 3.0 document of the event log as JSON. Its
// references to the schemas of openapi.yaml point to openapi.json, where the
// service has them.
func AsyncAPI() ([]byte, error) {
	source := bytes.ReplaceAll(asyncAPIYAML, []byte("./openapi.yaml#/"), []byte("./openapi.json#/"))
	return documentJSON("asyncapi.yaml", source)
}

// DocumentRoutes returns the routes of the two documents. They are converted
// here, once: people write YAML, programs read JSON.
func DocumentRoutes() ([]Route, error) {
	var routes []Route
	for _, d := range []struct {
		path string
		make func() ([]byte, error)
	}{
		{"/openapi.json", OpenAPI},
		{"/asyncapi.json", AsyncAPI},
	} {
		document, err := d.make()
		if err != nil {
			return nil, err
		}
		routes = append(routes, Route{
			Method: "GET", Path: d.path, Access: Anyone,
			Handle: func(c *Call) error { return c.Answer(document) },
		})
	}
	return routes, nil
}

// documentJSON keeps the order of members, which is meant for readers.
func documentJSON(name string, source []byte) ([]byte, error) {
	document, err := yaml.YAMLToJSON(source)
	if err != nil {
		return nil, fmt.Errorf("convert %s to JSON: %w", name, err)
	}
	return bytes.TrimSpace(document), nil
}
