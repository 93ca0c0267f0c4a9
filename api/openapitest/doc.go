// Package openapitest holds HTTP exchanges to the OpenAPI document, for tests:
// a [Checker] says where a request and its answer differ from what
// api/openapi.yaml promises, and which of the served routes are not in it.
//
// An answer fits if its status is documented for the operation, or is the 404
// or 405 that any path may give; if its media type, headers and body are those
// of that status; and if a problem document is of a type that the response
// lists in x-tidemark-problems. Headers that clients act on (Tidemark-*, ETag,
// Retry-After, WWW-Authenticate, Allow) must not appear where they are not
// documented. A request that was answered with 2xx must itself fit, so that the
// document is never stricter than the service.
//
// Bodies are checked by JSON Schema 2020-12, which is what OpenAPI 3.1 means by
// a schema; schemas are compiled once.
package openapitest
