package load

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tidemark-io/tidemark/internal/sleep"
)

// The pauses between attempts when the service names none: doubled from the
// first to the last.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

// insist sends a request with an Idempotency-Key until it has its outcome: an
// answer that no repeat would change. What is worth another attempt, with the
// same key: no answer at all, 429 and 503 (after the Retry-After), 409 (the
// attempt before is under way still) and 202 (its outcome is pending). It
// gives up when limit has passed, with the last reason.
func (c *Client) insist(ctx context.Context, r *request, limit time.Duration) (*answer, error) {
	deadline := time.Now().Add(limit)
	pause := firstPause
	for {
		a, err := c.do(ctx, r)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && !passing(a.status) {
			return a, nil
		}
		if err == nil {
			err = fmt.Errorf("%s", a.said())
			if asked, ok := retryAfter(a.header, time.Now()); ok {
				pause = asked
			}
		}
		if time.Now().Add(pause).After(deadline) {
			return nil, fmt.Errorf("%s %s: no outcome within %v, last: %w", r.method, r.path, limit, err)
		}
		if !sleep.For(ctx, pause) {
			return nil, ctx.Err()
		}
		pause = min(2*max(pause, firstPause), lastPause)
	}
}

func passing(status int) bool {
	switch status {
	case http.StatusAccepted, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable,
		http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads a Retry-After: seconds or an HTTP date.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}
