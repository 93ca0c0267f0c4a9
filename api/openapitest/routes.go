package openapitest

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/tidemark-io/tidemark/api"
)

// Route is a documented endpoint.
type Route struct {
	Method string
	// Path is the path as a router has it, such as /v1/videos/:id/like.
	Path string
	// Access says who may call, with the flags of the server at their defaults.
	Access api.Access
	// Options says by flag who may call instead where the flag is set.
	Options map[string]api.Access
}

// Routes lists the documented endpoints, in the order of path and method. HEAD
// goes with GET and is not listed.
func (c *Checker) Routes() []Route {
	routes := make([]Route, 0, len(c.operations))
	for _, op := range c.operations {
		routes = append(routes, Route{Method: op.method, Path: op.path(), Access: op.access, Options: op.options})
	}
	return routes
}

// Compare returns how the served routes differ from the documented ones: which
// are missing on either side, and which let in other callers than the document
// says. Names of path parameters do not matter.
func (c *Checker) Compare(served []api.Route) error {
	var faults []error
	open := map[string]api.Route{}
	for _, r := range served {
		open[routeKey(r.Method, r.Path)] = r
	}
	for _, want := range c.Routes() {
		key := routeKey(want.Method, want.Path)
		got, ok := open[key]
		delete(open, key)
		switch {
		case !ok:
			faults = append(faults, fmt.Errorf("%s %s is documented and not served", want.Method, want.Path))
		case !want.admits(got.Access):
			faults = append(faults, fmt.Errorf("%s %s is served with access %b, documented with %b", want.Method, want.Path, got.Access, want.Access))
		}
	}
	for _, r := range served {
		if _, left := open[routeKey(r.Method, r.Path)]; left {
			faults = append(faults, fmt.Errorf("%s %s is served and not documented", r.Method, r.Path))
		}
	}
	return errors.Join(faults...)
}

func (r *Route) admits(access api.Access) bool {
	if access == r.Access {
		return true
	}
	for _, option := range r.Options {
		if access == option {
			return true
		}
	}
	return false
}

var parameterName = regexp.MustCompile(`:[^/]+`)

func routeKey(method, path string) string {
	return method + " " + parameterName.ReplaceAllString(path, ":")
}
