package api

import (
	"maps"
	"net/http"
	"slices"
)

// Slug names a kind of problem: the last segment of the document's type. It is
// an error itself, so a handler may return it bare.
type Slug string

// The kinds of problem that tidemark answers with. A client tells by the type
// what to do; by the status alone it can tell at least who has to do it.
const (
	// BadJSON 400: the body is not JSON, is empty, has trailing data, a
	// duplicate member or invalid UTF-8, or is not the gzip it says it is.
	BadJSON Slug = "bad-json"
	// Unauthorized 401: no token where one is needed, or one that is not good.
	Unauthorized Slug = "unauthorized"
	// Forbidden 403: the token is good, its subject may not do this.
	Forbidden Slug = "forbidden"
	// AccountBlocked 403: the platform has blocked the account.
	AccountBlocked Slug = "account-blocked"
	// NotFound 404: there is no such path, or no such thing for this caller.
	NotFound Slug = "not-found"
	// MethodNotAllowed 405: the path knows other methods only; see Allow.
	MethodNotAllowed Slug = "method-not-allowed"
	// RequestTimeout 408: the body did not come in time, or not whole.
	RequestTimeout Slug = "request-timeout"
	// Conflict 409: the thing is there but its state forbids the command.
	Conflict Slug = "conflict"
	// KeyInUse 409: the first request with this Idempotency-Key is under way.
	KeyInUse Slug = "idempotency-key-in-use"
	// Gone 410: the video is deleted and takes no new events.
	Gone Slug = "gone"
	// OtherIncarnation 412: Tidemark-After is a position of another log.
	OtherIncarnation Slug = "other-incarnation"
	// BodyTooLarge 413: the body, or what it unpacks to, is over the limit.
	BodyTooLarge Slug = "body-too-large"
	// CommandTooLarge 413: the command's events do not fit one record batch.
	CommandTooLarge Slug = "command-too-large"
	// UnsupportedMediaType 415: not JSON, or compressed by something other than gzip.
	UnsupportedMediaType Slug = "unsupported-media-type"
	// InvalidContent 422: well-formed, but wrong in what it says.
	InvalidContent Slug = "invalid-content"
	// KeyReused 422: the Idempotency-Key was used for another request.
	KeyReused Slug = "idempotency-key-reused"
	// TooManyRequests 429: this client asks too often.
	TooManyRequests Slug = "too-many-requests"
	// Internal 500: a fault of the service.
	Internal Slug = "internal"
	// LogUnavailable 503: the log cannot take commands; this one is not in it.
	LogUnavailable Slug = "log-unavailable"
	// OutcomeUnknown 503: the command may or may not be in the log.
	OutcomeUnknown Slug = "outcome-unknown"
	// StorageFull 503: too little disk space for commands; reads go on.
	StorageFull Slug = "storage-full"
	// StaleReadModel 503: Tidemark-After was not reached within the wait limit.
	StaleReadModel Slug = "stale-read-model"
	// NotReady 503: the read model is still catching up after a start.
	NotReady Slug = "not-ready"
	// Overloaded 503: the server sheds load; nothing was done.
	Overloaded Slug = "overloaded"
	// ArchiveUnavailable 503: there is no archive here, or it does not answer.
	ArchiveUnavailable Slug = "archive-unavailable"
	// Unavailable 503: a query was cut short, by shutdown or its deadline.
	Unavailable Slug = "unavailable"
)

// kind is what all problems of one slug have in common.
type kind struct {
	title  string
	status int
	// retryAfter is in seconds; 0 where a repeat of the same request is no use.
	retryAfter int
	// detail is used where the case has nothing of its own to say.
	detail string
}

// internalCommandDetail replaces Internal's detail for commands: a client must
// be able to tell a rejected command from one whose outcome is unknown.
const internalCommandDetail = "The service failed. Whether the command took effect is not known; repeat it with the same Idempotency-Key."

// kinds is the contract's error table. It is written here and nowhere else.
var kinds = map[Slug]kind{
	BadJSON:              {"Body is not valid JSON", http.StatusBadRequest, 0, "The body must be one JSON value in UTF-8 without duplicate members."},
	Unauthorized:         {"Token missing or not valid", http.StatusUnauthorized, 0, "Send a valid token as Authorization: Bearer."},
	Forbidden:            {"Not allowed", http.StatusForbidden, 0, "The token is valid, but its subject may not do this."},
	AccountBlocked:       {"Account is blocked", http.StatusForbidden, 0, "The platform has blocked this account; its commands are refused."},
	NotFound:             {"Not found", http.StatusNotFound, 0, "There is nothing here for this caller."},
	MethodNotAllowed:     {"Method not allowed", http.StatusMethodNotAllowed, 0, "This path does not know the method; Allow lists those it knows."},
	RequestTimeout:       {"Body did not arrive", http.StatusRequestTimeout, 0, "The body did not arrive whole and in time. Nothing was done."},
	Conflict:             {"State forbids this", http.StatusConflict, 0, "The present state of the thing forbids this."},
	KeyInUse:             {"Idempotency-Key is in use", http.StatusConflict, 1, "The first request with this Idempotency-Key is still under way; ask again for its answer."},
	Gone:                 {"Video is deleted", http.StatusGone, 0, "The video is deleted and takes no new events."},
	OtherIncarnation:     {"Position is of another log", http.StatusPreconditionFailed, 0, "Tidemark-After belongs to another incarnation of the log; drop it and read afresh."},
	BodyTooLarge:         {"Body is too large", http.StatusRequestEntityTooLarge, 0, "The body is over the limit of this path."},
	CommandTooLarge:      {"Command is too large", http.StatusRequestEntityTooLarge, 0, "The command does not fit one record batch; split it. Nothing of it was done."},
	UnsupportedMediaType: {"Media type not supported", http.StatusUnsupportedMediaType, 0, "Send JSON, plain or compressed with gzip."},
	InvalidContent:       {"Content is not valid", http.StatusUnprocessableEntity, 0, "The request is well-formed, but what it says is wrong."},
	KeyReused:            {"Idempotency-Key was used before", http.StatusUnprocessableEntity, 0, "This Idempotency-Key was used for another request; choose a new one."},
	TooManyRequests:      {"Too many requests", http.StatusTooManyRequests, 1, "This client asks more often than it may."},
	Internal:             {"Internal error", http.StatusInternalServerError, 0, "The service failed; the request was not at fault."},
	LogUnavailable:       {"Event log is unavailable", http.StatusServiceUnavailable, 2, "The event log cannot take commands now. The command was rejected; reads go on."},
	OutcomeUnknown:       {"Outcome is unknown", http.StatusServiceUnavailable, 2, "The event log did not confirm in time: the command may or may not take effect. Repeat it with the same Idempotency-Key."},
	StorageFull:          {"Storage is full", http.StatusServiceUnavailable, 30, "Too little disk space is left to take commands. The command was rejected; reads go on."},
	StaleReadModel:       {"Read model is behind", http.StatusServiceUnavailable, 1, "The read model did not reach Tidemark-After within the wait limit."},
	NotReady:             {"Not ready", http.StatusServiceUnavailable, 2, "The service has started and is catching up with its log; /readyz tells when it is ready."},
	Overloaded:           {"Overloaded", http.StatusServiceUnavailable, 1, "The service sheds load. Nothing was done."},
	ArchiveUnavailable:   {"Archive is unavailable", http.StatusServiceUnavailable, 30, "This is answered from the archive, which is not there or does not answer now. Everything else goes on."},
	Unavailable:          {"Unavailable", http.StatusServiceUnavailable, 1, "The answer was not there in time."},
}

// Slugs returns every kind of problem, in alphabetical order: for the API
// document and its tests.
func Slugs() []Slug { return slices.Sorted(maps.Keys(kinds)) }

// Status returns the HTTP status of the kind.
func (s Slug) Status() int { return s.kind().status }

// Title returns the title of the kind.
func (s Slug) Title() string { return s.kind().title }

// kind returns the row of the slug; a slug without one is a fault of ours.
func (s Slug) kind() kind {
	if k, ok := kinds[s]; ok {
		return k
	}
	return kinds[Internal]
}
