package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// cors answers browsers that ask on behalf of pages from other origins. Tokens
// travel in a header that a page must set itself, so credentials are never
// allowed and a foreign page with cookies gains nothing.
type cors struct {
	// origins maps an origin to its Access-Control-Allow-Origin.
	origins map[string][]string
	any     bool
}

var (
	allowAny     = []string{"*"}
	allowMethods = []string{"GET, HEAD, POST, PUT, PATCH, DELETE"}
	allowHeaders = []string{"Authorization, Content-Type, Idempotency-Key, If-None-Match, Tidemark-After"}
	exposed      = []string{"ETag, Retry-After, Tidemark-Position, Tidemark-As-Of, Tidemark-Poll-After"}
	// maxAge is the longest that browsers keep a preflight's answer, two hours.
	maxAge = []string{"7200"}
)

// newCORS returns nil for an empty list. An entry is an origin as a browser
// sends it, https://example.org, or * for all.
func newCORS(origins []string) (*cors, error) {
	if len(origins) == 0 {
		return nil, nil
	}
	c := &cors{origins: map[string][]string{}}
	for _, origin := range origins {
		if origin == "*" {
			c.any = true
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
			u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("use CORS origin %s: write it as https://example.org or http://localhost:5173, without a path, or * for all", Quote(origin))
		}
		text := u.Scheme + "://" + strings.ToLower(u.Host)
		// A browser leaves the default port out.
		if u.Scheme == "https" {
			text = strings.TrimSuffix(text, ":443")
		} else {
			text = strings.TrimSuffix(text, ":80")
		}
		c.origins[text] = []string{text}
	}
	return c, nil
}

// apply sets the headers of the CORS protocol and reports whether the request
// was a preflight that is hereby answered. A foreign origin gets no headers,
// and its preflight is treated as the plain OPTIONS that it is.
func (c *cors) apply(h http.Header, r *http.Request) (preflight bool) {
	if !c.any {
		h["Vary"] = varyOrigin
	}
	values := r.Header["Origin"]
	if len(values) != 1 {
		return false
	}
	allowed := c.origins[values[0]]
	if c.any {
		allowed = allowAny
	}
	if allowed == nil {
		return false
	}
	h["Access-Control-Allow-Origin"] = allowed
	if r.Method == http.MethodOptions && len(r.Header["Access-Control-Request-Method"]) > 0 {
		h["Access-Control-Allow-Methods"] = allowMethods
		h["Access-Control-Allow-Headers"] = allowHeaders
		h["Access-Control-Max-Age"] = maxAge
		return true
	}
	h["Access-Control-Expose-Headers"] = exposed
	return false
}
