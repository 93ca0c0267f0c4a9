package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/tidemark-io/tidemark/events"
)

// id is a UUID of whatever it names.
type id [16]byte

func (v id) String() string { return events.VideoID(v).String() }

// fact is an event, reduced to what tells it from others: its type and the two
// IDs that it is about.
type fact struct {
	Type events.Type
	A, B id
}

// command is one request and the events that it must leave in the log.
type command struct {
	method, path, body, media string
	token                     string
	sub                       id
	key                       string // Idempotency-Key; "" for none
	facts                     []fact
}

// fate is what a client knows of a command.
type fate uint8

const (
	unsent       fate = iota
	unknown           // no answer, or one that says so: it may be in the log
	refused           // it is certainly without effect
	acknowledged      // it is durable at the token
)

// record is a command with what became of it.
type record struct {
	command
	fate   fate
	status int
	slug   string
	token  events.Token
	answer []byte
	tries  int
	err    error
}

// httpClient keeps connections, as real clients do. Its time-out lies above
// the service's own limits, so that what has no answer is the crash's doing.
var httpClient = &http.Client{
	Timeout:   15 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
}

// send makes the request once and notes what came of it. It returns an error
// for an answer that breaks the contract.
func (r *record) send(client *http.Client, base string) error {
	request, err := http.NewRequest(r.method, base+r.path, strings.NewReader(r.body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+r.command.token)
	if r.body != "" {
		request.Header.Set("Content-Type", r.media)
	}
	if r.key != "" {
		// In lower case net/http does not know it and does not send the request
		// again by itself: who repeats, and after what, is this test's affair.
		request.Header["idempotency-key"] = []string{r.key}
	}
	r.tries++
	r.fate, r.status, r.slug, r.err = unknown, 0, "", nil
	answer, err := client.Do(request)
	if err != nil {
		if r.err = err; errors.Is(err, syscall.ECONNREFUSED) && r.tries == 1 {
			r.fate = refused // it never left this process
		}
		return nil
	}
	defer answer.Body.Close()
	r.status = answer.StatusCode
	if r.answer, r.err = io.ReadAll(answer.Body); r.err != nil {
		return nil
	}
	if answer.StatusCode/100 == 2 {
		if r.token, err = events.ParseToken(answer.Header.Get("Tidemark-Position")); err != nil {
			return fmt.Errorf("%s %s: status %d with position %q: %w", r.method, r.path, r.status, answer.Header.Get("Tidemark-Position"), err)
		}
		r.fate = acknowledged
		return nil
	}
	return r.judge(answer.Header.Get("Content-Type"))
}

// judge reads a problem document (I4).
func (r *record) judge(contentType string) error {
	var problem struct {
		Type   string
		Status int
	}
	media, _, _ := mime.ParseMediaType(contentType)
	if err := json.Unmarshal(r.answer, &problem); err != nil || media != "application/problem+json" || problem.Status != r.status {
		return fmt.Errorf("%s %s: status %d without a problem document: %s", r.method, r.path, r.status, r.answer)
	}
	r.slug = strings.TrimPrefix(problem.Type, "https://tidemark.io/problems/")
	switch r.slug {
	case "outcome-unknown", "internal", "idempotency-key-in-use":
		return nil
	case "log-unavailable", "storage-full", "not-ready", "overloaded", "stale-read-model", "unavailable":
		if r.tries > 1 {
			return nil // this attempt is refused; what of the earlier ones?
		}
	case "unauthorized", "bad-json", "invalid-content", "idempotency-key-reused", "other-incarnation":
		return fmt.Errorf("%s %s is a good request, and was refused: %s", r.method, r.path, r.answer)
	}
	r.fate = refused
	return nil
}

// lostConnection reports whether nobody answered.
func (r *record) lostConnection() bool { return r.err != nil }

func (r *record) String() string {
	fates := [...]string{"unsent", "unknown", "refused", "acknowledged"}
	return fmt.Sprintf("%s %s key=%q body=%s: %s after %d tries, status %d %s at %v (%v)",
		r.method, r.path, r.key, clip(r.body), fates[r.fate], r.tries, r.status, r.slug, r.token.Ceiling, r.err)
}

func clip(text string) string {
	if len(text) > 300 {
		return text[:300] + "…"
	}
	return text
}

func newID(rng *rand.Rand) (v id) {
	for i := range v {
		v[i] = byte(rng.Uint32())
	}
	return v
}
