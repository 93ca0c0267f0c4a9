package api

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// plainPath reports whether a path may be routed at all. Paths that proxies,
// logs and routers read in different ways lead nowhere: NUL, invalid UTF-8,
// empty and dot segments, backslashes, and slashes that were escaped.
func plainPath(path, raw string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	ascii := true
	for i := range len(path) {
		switch c := path[i]; {
		case c == 0 || c == '\\':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		case c == '/' && i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.' && dotSegment(path[i+1:])):
			return false
		}
	}
	if raw != "" && strings.Contains(strings.ToLower(raw), "%2f") {
		return false
	}
	return ascii || utf8.ValidString(path)
}

// dotSegment reports whether rest begins with the segment "." or "..".
func dotSegment(rest string) bool {
	segment, _, _ := strings.Cut(rest, "/")
	return segment == "." || segment == ".."
}

// withoutSlash returns the request with the slash at the end of its path gone.
// A handler must not change the request that it was given, so it is a copy.
func withoutSlash(r *http.Request) *http.Request {
	u := *r.URL
	u.Path = u.Path[:len(u.Path)-1]
	u.RawPath = strings.TrimSuffix(u.RawPath, "/")
	stripped := *r
	stripped.URL = &u
	return &stripped
}
