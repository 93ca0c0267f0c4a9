// Package api holds the HTTP conventions that the command side and the query
// side share, so that a rule of the public contract stands in one place only.
//
// A side lists its endpoints as a table of [Route] values, each with who may
// call it and what body it takes; [NewServer] turns the tables into one
// http.Handler on gin. What runs before a handler, in the contract's order:
//
//	path and method          404, 405 with Allow
//	readiness                503 not-ready (under /v1 only)
//	size and media type      413, 415
//	token                    401
//	rights                   403
//	JSON syntax              400
//	Idempotency-Key,
//	Tidemark-After           422
//	the handler              decodes (422), calls Call.Settle, looks at state
//
// A handler answers through its [Call] or returns an error; every error leaves
// as a problem document (RFC 9457) of one of the kinds that problem.go lists.
//
// [HTTPServer] is what listens: it bounds what clients may take, answers plain
// requests by itself (package plainhttp) and leaves all others to net/http.
// Answers are whole; a Call gives no handler the means to send one in parts.
//
// The pipeline itself allocates nothing per request in steady state: routes,
// metric series and header values are resolved when the server is built, and
// calls with their buffers are pooled. So nothing that a Call hands out may be
// kept past the handler.
//
// What requests mean is left to command and query: validation of content,
// ownership, state. Signing keys over the network, rate limits and load
// shedding have their place here ([KeySource], [TooManyRequests], [Overloaded])
// and are not built.
package api
