package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Access says who may call a route. Values combine with |: Service|Admin lets
// either in. The zero value lets nobody in, and NewServer refuses a route that
// has it: whoever adds a route must say who may call it.
type Access uint8

// Who may call a route. Whether the thing asked for is the caller's own is the
// handler's to judge.
const (
	// Anyone needs no token; a token that is sent must be good all the same.
	Anyone Access = 1 << iota
	// AnyToken needs a good token, of whatever roles.
	AnyToken
	// Service needs the role service.
	Service
	// Admin needs the role admin.
	Admin
)

// admit returns nil, an Unauthorized or a Forbidden problem.
func (a Access) admit(c *Caller) error {
	switch {
	case a&Anyone != 0:
		return nil
	case !c.Known:
		return Unauthorized
	case a&AnyToken != 0,
		a&Service != 0 && c.Has(RoleService),
		a&Admin != 0 && c.Has(RoleAdmin):
		return nil
	}
	return Forbidden.With("This needs a token with the role " + strings.Join(a.roles(), " or ") + ".")
}

// roles names the roles that let a caller in.
func (a Access) roles() (names []string) {
	if a&Service != 0 {
		names = append(names, "service")
	}
	if a&Admin != 0 {
		names = append(names, "admin")
	}
	return names
}

// BodyRule says what a route does with a request's body.
type BodyRule uint8

// The body rules.
const (
	// NoBody ignores a body; one over the limit is still refused.
	NoBody BodyRule = iota
	// JSONBody needs a body.
	JSONBody
	// OptionalJSONBody takes a body or none.
	OptionalJSONBody
)

// DefaultMaxBodyBytes is the contract's limit on a body, packed and unpacked.
const DefaultMaxBodyBytes = 64 << 10

// mediaJSON is what a body is where a route names no media types.
const mediaJSON = "application/json"

// Route is one endpoint.
type Route struct {
	// Method is the HTTP method. A GET route answers HEAD too.
	Method string
	// Path is the path in gin's notation, such as /v1/videos/:id/like, without
	// a slash at its end.
	Path   string
	Access Access
	Body   BodyRule
	// MaxBodyBytes bounds the body; 0 takes Config.MaxBodyBytes.
	MaxBodyBytes int
	// MediaTypes are those that a body may have, in lower case; none means
	// application/json. A body without Content-Type is of the first.
	MediaTypes []string
	// OwnSyntax leaves the check of the JSON syntax to the handler, where a
	// scan of its own makes it: on hot paths, and for bodies that are not one
	// JSON value.
	OwnSyntax bool
	// Command marks a route that changes something: it looks at
	// Idempotency-Key, and its answers carry a position but no freshness.
	Command bool
	// PollAfter is the pace asked of pollers of a query, in seconds; 0 takes
	// DefaultPollAfter.
	PollAfter int
	// Handle answers through the Call, or returns an error that the pipeline
	// answers: a Slug, a *Problem, or an error of strictjson, wrapped or not;
	// any other is a fault of ours (500). It must not keep the Call or
	// anything in it.
	Handle func(*Call) error
}

// DefaultPollAfter is the pace asked of pollers where all is well, in seconds.
const DefaultPollAfter = 5

// versioned reports whether the route is part of the API proper, and so has
// positions, waits for readiness, and so on.
func (r *Route) versioned() bool {
	return r.Path == "/v1" || strings.HasPrefix(r.Path, "/v1/")
}

var routeMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (r *Route) check() error {
	var fault string
	switch {
	case !slices.Contains(routeMethods, r.Method):
		fault = "has an unknown method"
	case !strings.HasPrefix(r.Path, "/") || len(r.Path) > 1 && strings.HasSuffix(r.Path, "/"):
		fault = "must begin with a slash and not end with one"
	case r.Access == 0:
		fault = "does not say who may call it; set Access"
	case r.Access&^(Anyone|AnyToken|Service|Admin) != 0:
		fault = "has an unknown Access"
	case r.Body > OptionalJSONBody:
		fault = "has an unknown Body rule"
	case r.Handle == nil:
		fault = "has no handler"
	case r.MaxBodyBytes < 0 || r.PollAfter < 0:
		fault = "has a negative limit"
	case r.Method == http.MethodGet && (r.Command || r.Body != NoBody):
		fault = "is a GET and can neither be a command nor take a body"
	}
	if fault != "" {
		return errors.New(fault)
	}
	for _, m := range r.MediaTypes {
		if m != strings.ToLower(m) || strings.ContainsAny(m, "; ") {
			return fmt.Errorf("has media type %q; write it in lower case without parameters", m)
		}
	}
	return nil
}
