package api

import (
	"net/http"
	"strings"
)

// SetETag gives the answer's ETag, with its quotes. An answer with an ETag is
// not compressed: the same strong tag on two encodings would be wrong.
func (c *Call) SetETag(tag string) { c.gin.Writer.Header()["Etag"] = []string{tag} }

// NoneMatch reports whether the request's If-None-Match names the tag, so that
// NotModified is the answer. It compares weakly (RFC 9110, section 13.1.2).
func (c *Call) NoneMatch(tag string) bool {
	for _, value := range c.gin.Request.Header["If-None-Match"] {
		for value != "" {
			var entry string
			entry, value, _ = strings.Cut(value, ",") // our tags hold no comma
			entry = strings.TrimSpace(entry)
			if entry == "*" || strings.TrimPrefix(entry, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// NotModified answers 304. The handler has set the ETag before.
func (c *Call) NotModified() error {
	w := c.gin.Writer
	if err := c.writeFreshness(w.Header()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNotModified)
	w.WriteHeaderNow()
	return nil
}
